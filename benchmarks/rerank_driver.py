"""What the driver itself costs: schedules against a judge that answers at once.

python -m benchmarks.rerank_driver [--queries 20] [--passages 100]
"""

import argparse
import time
from collections.abc import Sequence

from spaniel.rerank.driver import Job, drive
from spaniel.rerank.judges.base import Call, Judge, Judged
from spaniel.rerank.schedules.table import SCHEDULES, read_schedule
from spaniel.retrieval.types import Passage, Query


class AtOnce(Judge):
    """Says something different about every passage, without looking at it."""

    name = "at once"
    kinds = frozenset({"score", "prefer", "order"})

    def _score(self, calls: Sequence[Call]) -> Judged:
        return Judged([_worth(call.passages[0]) for call in calls], [0] * len(calls))

    def _prefer(self, calls: Sequence[Call]) -> Judged:
        answers = [float(_worth(call.passages[0]) > _worth(call.passages[1])) for call in calls]
        return Judged(answers, [0] * len(calls))

    def _order(self, calls: Sequence[Call]) -> Judged:
        return Judged([tuple(range(len(call.passages))) for call in calls], [0] * len(calls))


def _worth(passage: Passage) -> float:
    return passage.start


def main() -> None:
    """Print microseconds for each call of each schedule."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--passages", type=int, default=100)
    args = parser.parse_args()
    passages = [Passage(f"p{i}", f"p{i}", i * 7919 % args.passages, 0, "text") for i in range(args.passages)]
    jobs = [Job(Query(f"q{i}", f"query {i}"), passages) for i in range(args.queries)]
    judge = AtOnce()
    print(f"{'schedule':18} {'calls a query':>14} {'us a call':>10} {'ms a query':>11}")
    for name in SCHEDULES:
        drive(jobs[:1], judge, read_schedule(name))
        start = time.perf_counter()
        traces = [trace for _, trace in drive(jobs, judge, read_schedule(name))]
        seconds = time.perf_counter() - start
        calls = sum(trace.calls for trace in traces)
        per_query = seconds / len(jobs) * 1e3
        print(f"{name:18} {calls / len(jobs):14,.0f} {seconds / calls * 1e6:10.1f} {per_query:11.2f}")


if __name__ == "__main__":
    main()

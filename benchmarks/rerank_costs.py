"""What every schedule costs a query, with a judge that is always right: calls, passages read, rounds.

python -m benchmarks.rerank_costs [--passages 100] [--top 10] [--orders 20] [--knows 1.0] [SCHEDULE ...]

Means over so many first stages, by seeds 0, 1, ... A passage is worth a normal number, and as much more as `knows` says
of (1 - 2 place / passages): 0 is a first stage that says nothing, 1 one whose order goes a little with the right one
(rank correlation .5). Nothing here depends on the machine.
"""

import argparse

import numpy as np

from spaniel.rerank.driver import run_schedule
from spaniel.rerank.questions import Answer, Order, Prefer, Question, Score
from spaniel.rerank.schedules.table import SCHEDULES, read_schedule

__all__ = ["ALL", "costs", "main"]

ALL = (*SCHEDULES, "sliding:overlap=true", "blitzrank:size=10", "tourrank:tournaments=1")


class Right:
    """Knows what each passage is worth."""

    def __init__(self, worth: np.ndarray) -> None:
        self.worth = worth.tolist()

    def __call__(self, question: Question) -> Answer:
        match question:
            case Score(doc):
                return float(self.worth[doc])
            case Prefer(first, second):
                return float(self.worth[first] > self.worth[second])
            case Order(docs, top):
                best = sorted(docs, key=lambda doc: -self.worth[doc])[:top]
                return (*best, *(doc for doc in docs if doc not in set(best)))


def costs(written: str, n: int, top: int, orders: int, knows: float) -> np.ndarray:
    """float64 (orders, 3): calls, passages read and rounds of one schedule."""
    schedule = read_schedule(written)
    shown = getattr(schedule, "both_orders", "both")
    rows = []
    for seed in range(orders):
        worth = np.random.default_rng(seed).normal(size=n) + knows * (1 - 2 * np.arange(n) / n)
        _, trace = run_schedule(schedule, n, Right(worth), top=top, seed=seed, both_orders=shown)
        rows.append((trace.calls, trace.docs_read, trace.depth))
    return np.array(rows, np.float64)


def main() -> None:
    """Print a row for each schedule."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("schedules", nargs="*", default=ALL, metavar="SCHEDULE")
    parser.add_argument("--passages", type=int, default=100)
    parser.add_argument("--top", type=int, default=10)
    parser.add_argument("--orders", type=int, default=20)
    parser.add_argument("--knows", type=float, default=1.0)
    args = parser.parse_args()
    print(f"{'schedule':24} {'calls':>8} {'read':>8} {'depth':>7}")
    for written in args.schedules:
        calls, read, depth = costs(written, args.passages, args.top, args.orders, args.knows).mean(0)
        print(f"{written:24} {calls:8,.1f} {read:8,.0f} {depth:7.1f}")


if __name__ == "__main__":
    main()

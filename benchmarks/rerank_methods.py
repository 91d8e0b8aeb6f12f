"""The methods and judges that `rerank_schedules.py` compares, and one query played by one of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.rerank_candidates import Candidates
from spaniel.rerank.asking import number_of
from spaniel.rerank.driver import run_schedule
from spaniel.rerank.judges.oracle import OracleView, calibrated
from spaniel.rerank.questions import Answer, Order, Outcome, Prefer, Question, Score
from spaniel.rerank.schedules.table import read_schedule
from spaniel.rerank.trace import Trace

__all__ = ["METHODS", "SETTINGS", "TOP", "Method", "Setting", "answerer", "played"]

TOP = 10


@dataclass(frozen=True, slots=True)
class Method:
    """A row: how the table calls it, how the command line writes it, and whether pairs are shown in both orders."""

    label: str
    schedule: str
    both_orders: Literal["both", "random"] = "both"
    exact: bool = False  # reaches the ceiling with a judge that makes no mistakes
    sweep: bool = True  # is cut at every call

    @property
    def base(self) -> str:
        """The schedule's name alone."""
        return self.schedule.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Setting:
    """A column: the oracle's noise, and whether the first stage's order is thrown away."""

    label: str
    noise: str
    shuffled: bool = False


SETTINGS = (
    Setting("exact", "exact"),
    Setting("strong", "strong"),
    Setting("realistic", "realistic"),
    Setting("biased", "harsh"),
    Setting("shuffled", "harsh", shuffled=True),
)

METHODS = (
    Method("pointwise", "pointwise"),
    Method("PRP all-pairs", "allpair", exact=True),
    Method("PRP sliding-10", "sliding:passes=10", exact=True),
    Method("PRP sliding-1", "sliding:passes=1"),
    Method("heapsort", "heapsort", exact=True),
    Method("quicksort", "quicksort", exact=True),
    Method("knockout", "knockout", exact=True),
    Method("Mohajer, one random order", "mohajer", both_orders="random"),  # its end is an order by all answers
    Method("Mohajer, no refit", "mohajer:refit=false", both_orders="random", exact=True),
    Method("sampled pairs, skip 30 %", "sampled"),
    Method("sampled pairs, skip 30 %, greedy, no prior", "sampled:aggregate=greedy,prior=0"),
    Method("setwise heap, 3", "setwise-heap:size=3", exact=True, sweep=False),
    Method("setwise heap, 10", "setwise-heap:size=10", exact=True),
    Method("setwise insertion, 10", "setwise-insertion:size=10", exact=True),
    Method("window 20/10", "window:passes=1", exact=True),
    Method("window 20/10, 2 passes", "window:passes=2", exact=True, sweep=False),
    Method("one list of 100", "window:window=100,passes=1", exact=True, sweep=False),
    Method("TDPart", "tdpart", exact=True),
    Method("TourRank-1", "tourrank:tournaments=1", sweep=False),
    Method("TourRank-2", "tourrank:tournaments=2"),
    Method("TourRank-10", "tourrank:tournaments=10", sweep=False),
    Method("BlitzRank k=20", "blitzrank:size=20", exact=True, sweep=False),
    Method("BlitzRank k=10", "blitzrank:size=10", exact=True),
    Method("TDPart, refit", "tdpart:refit=true", sweep=False),
    Method("BlitzRank k=10, refit", "blitzrank:size=10,refit=true", sweep=False),
    Method("JointRank", "jointrank"),
    Method("JointRank, no prior", "jointrank:prior=0", sweep=False),
    Method("JointRank, win rate", "jointrank:aggregate=win-rate,prior=0", sweep=False),
    Method("JointRank, PageRank (the paper)", "jointrank:aggregate=pagerank,prior=0", sweep=False),
    Method("JointRank k=20 r=2", "jointrank:replicas=2"),
    Method("JointRank k=20 r=2, PageRank", "jointrank:replicas=2,aggregate=pagerank,prior=0", sweep=False),
    Method("JointRank k=10 r=2", "jointrank:size=10,replicas=2", sweep=False),
    Method("JointRank Latin k=10", "jointrank:design=latin-square,size=10,replicas=2"),
    Method("JointRank random k=20 r=4", "jointrank:design=random", sweep=False),
)


def answerer(query: Candidates, noise: str, collection: str, *, seed: int) -> Callable[[Question], Answer]:
    """The oracle's answers about one query; preferences of all pairs are worked out together, when first needed."""
    n = len(query.ids)
    view = OracleView(query.query_id, query.ids, query.grades, calibrated(noise, collection), seed)
    preferred: list[list[float]] = []

    def answer(question: Question) -> Answer:
        match question:
            case Prefer(first, second):
                if not preferred:
                    one, two = np.divmod(np.arange(n * n), n)
                    preferred.extend(view.prefer(one, two).reshape(n, n).tolist())
                return preferred[first][second]
            case Order(docs, top):
                order = view.order(np.array([docs]))[0].tolist()
                order = order if top is None else [*order[:top], *sorted(order[top:])]
                return tuple(docs[place] for place in order)
            case Score(doc):
                return float(view.score(np.array([doc]))[0])

    return answer


def played(
    method: Method, query: Candidates, noise: str, collection: str, *, seed: int, budget_calls: int | None = None
) -> tuple[Outcome, Trace]:
    """One query under one method; all that is random hangs on the seed and the query."""
    return run_schedule(
        read_schedule(method.schedule),
        len(query.ids),
        answerer(query, noise, collection, seed=seed),
        top=min(TOP, len(query.ids)),
        seed=number_of(f"{seed} {query.query_id}"),
        budget_calls=budget_calls,
        both_orders=method.both_orders,
    )

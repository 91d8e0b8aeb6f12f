"""`Rerank`: a judge and a schedule as a stage of a pipeline."""

from collections.abc import Callable, Iterator, Sequence
from threading import Lock

import numpy as np

from spaniel.retrieval.closing import Closing
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import PassageStore
from spaniel.retrieval.types import Passage, Query, QueryLike, Ranking, as_queries

from .asking import BothOrders
from .budget import Budget
from .driver import Job, drive
from .game import OnFailure, Rules
from .judges.base import Judge
from .judges.open import open_judge
from .reordered import reordered
from .schedules.base import Schedule
from .schedules.table import as_schedule, written
from .trace import Trace
from .whole import check_whole

__all__ = ["Rerank"]

_CHUNK = 32  # queries whose texts are fetched together
_COUNTED = ("calls", "model_calls", "tokens", "truncated")


class Rerank(Closing):
    """Puts the best `depth` passages of each ranking in the order that a schedule makes of a judge's answers.

    Plays `retrieval.protocols.Reranker` and `Metered`; safe to call from several threads. What a query gets depends on
    nothing but itself, its ranking and the seed, as long as the budget is not one of seconds.

    Args:
        judge: answers; see `judges/base.py`. Also by name, as in "cosine:minilm" (`judges/open.py`); `close` closes it.
        schedule: asks; a schedule, or one by name as in `"window:step=5"` (`schedules/table.py`).
        depth: how many passages of a ranking are reranked; those behind stay behind, in their order.
        top: how many firsts have to be right, which is what some schedules save calls by.
        budget: of each query.
        both_orders, seed, on_failure, retries, concurrency: see `driver.drive`.
        keep_rest: give passages behind `depth` too; else they are dropped.
        name: how traces and reports call it.

    Raises:
        InvalidInput: the judge cannot answer what the schedule asks, or a setting that makes no sense.

    Example:
        `kb.bm25(k=100) >> Rerank("cosine:minilm", depth=50)`
    """

    def __init__(
        self,
        judge: Judge | str,
        schedule: Schedule | str | None = None,
        *,
        depth: int = 100,
        top: int = 10,
        budget: Budget | None = None,
        both_orders: BothOrders | None = None,
        seed: int = 0,
        concurrency: int | None = None,
        on_failure: OnFailure = "neutral",
        retries: int = 0,
        keep_rest: bool = True,
        name: str | None = None,
    ) -> None:
        check_whole("rerank", "depth", depth, least=1)
        if concurrency is not None:
            check_whole("rerank", "concurrency", concurrency, least=1)
        self.schedule = as_schedule(schedule)
        self.judge = judge = open_judge(judge, self.schedule.asks) if isinstance(judge, str) else judge
        Rules(judge, self.schedule, top, both_orders, budget or Budget(), seed, on_failure, retries)  # checks them
        self.depth, self.top, self.budget, self.both_orders, self.seed = depth, top, budget, both_orders, seed
        self.concurrency, self.keep_rest = concurrency, keep_rest
        self.on_failure, self.retries = on_failure, retries
        self.name = name or f"rerank({judge.name}, {written(self.schedule)})"
        self._usage = dict.fromkeys(_COUNTED, 0)
        self._lock = Lock()

    def rerank(
        self,
        queries: Sequence[QueryLike],
        rankings: Sequence[Ranking],
        passages: PassageStore,
        *,
        k: int | None = None,
    ) -> list[Ranking]:
        """For each query at most k passages of its ranking (all by default), best first.

        Scores are the judge's where the schedule has them, else n, n - 1, ... for n reranked passages; equal ones keep
        the first-stage order, where need be by a score the least bit lower. Passages behind `depth` have their own
        scores, shifted below those. A smaller k gives a prefix.

        Raises:
            InvalidInput: k below 1, or another number of rankings than of queries.
            ModelError: the judge fails.
        """
        return self.traced(queries, rankings, passages, k=k)[0]

    def traced(
        self,
        queries: Sequence[QueryLike],
        rankings: Sequence[Ranking],
        passages: PassageStore,
        *,
        k: int | None = None,
        keep_log: bool = False,
        on_progress: Callable[[int], None] | None = None,
    ) -> tuple[list[Ranking], list[Trace]]:
        """`rerank`, and what each query cost.

        Args:
            keep_log: traces get every question with its answer.
            on_progress: told how many queries are done.
        """
        asked = as_queries(queries)
        if len(asked) != len(rankings):
            raise InvalidInput(self.name, f"{len(rankings)} rankings for {len(asked)} queries; give one for each")
        if k is not None:
            check_whole(self.name, "k", k, least=1)
        played = drive(
            _jobs(asked, rankings, passages, self.depth),
            self.judge,
            self.schedule,
            top=self.top,
            both_orders=self.both_orders,
            budget=self.budget,
            seed=self.seed,
            concurrency=self.concurrency,
            on_failure=self.on_failure,
            retries=self.retries,
            keep_log=keep_log,
            on_progress=on_progress,
        )
        traces = [trace for _, trace in played]
        self._count(traces)
        again = [
            reordered(ranking if self.keep_rest else ranking[: self.depth], outcome)[:k]
            for ranking, (outcome, _) in zip(rankings, played, strict=True)
        ]
        return again, traces

    def _count(self, traces: Sequence[Trace]) -> None:
        with self._lock:
            for trace in traces:
                for name in _COUNTED:
                    self._usage[name] += getattr(trace, name)

    def usage(self) -> dict[str, int]:
        """Totals since it was made: {"calls", "model_calls", "tokens", "truncated"} of the traces; see
        `protocols.Metered`."""
        with self._lock:
            return dict(self._usage)

    def close(self) -> None:
        """Close the judge."""
        self.judge.close()

    def __repr__(self) -> str:
        return f"Rerank({self.judge.name}, {written(self.schedule)}, depth={self.depth})"


def _jobs(queries: list[Query], rankings: Sequence[Ranking], store: PassageStore, depth: int) -> Iterator[Job]:
    """Each query with the texts of its first passages, which are fetched once for a chunk of queries."""
    for first in range(0, len(queries), _CHUNK):
        some = [ranking.ids[:depth].tolist() for ranking in rankings[first : first + _CHUNK]]
        wanted = np.unique(np.array([id_ for ids in some for id_ in ids], np.int64))
        found: dict[int, Passage] = dict(zip(wanted.tolist(), store.get(wanted), strict=True))
        for query, ids in zip(queries[first : first + _CHUNK], some, strict=True):
            yield Job(query, [found[id_] for id_ in ids])

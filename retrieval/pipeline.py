"""Stages in a row: `rrf(bm25, dense) >> CrossEncoder(...) >> AdaptiveK()`.

A pipeline begins with a retriever (or several, fused) and goes on with rerankers and cut-off policies. It is checked
when it is built, and it is a retriever itself, so that pipelines nest. Every stage leaves a record: its name, how many
passages went in and came out, and how long it took.

Left out on purpose: any other operator, and graphs; a line with fan-in is enough and stays readable.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, TypeAlias, runtime_checkable

from . import fusion
from .composition import added_usage, as_later_stage, as_source, floor_of, name_of, require_one_each
from .errors import InvalidInput, SpanielError
from .protocols import CutoffPolicy, Exclude, PassageStore, Reranker, Retriever, Where
from .results import Results
from .side_by_side import side_by_side
from .types import Query, QueryLike, Ranking, StageRecord, as_queries
from .work import counted_at_least

__all__ = ["Around", "Fuse", "FusePerQuery", "Pipeline", "Stage", "Traced", "convex", "fuse", "rrf"]

_THREAD_MS = 0.25
"""Searching side by side has to save more than this; a thread costs about 0.1 ms."""

Fuse: TypeAlias = Callable[[Sequence[Ranking]], Ranking]
Step: TypeAlias = tuple[str, list[Ranking]]


@runtime_checkable
class FusePerQuery(Protocol):
    """A fusion that looks at the query too."""

    def for_queries(self, queries: Sequence[Query]) -> Sequence[Fuse]:
        """The fusion for each query."""
        ...


class Stage:
    """Gives `>>` to whatever may stand left of it: retrievers, first of all."""

    def __rshift__(self, then: object) -> "Pipeline":
        """This, then that.

        Raises:
            InvalidInput: the two do not fit; the message names the stage.
        """
        before = self if isinstance(self, Pipeline) else Pipeline(self)
        return Pipeline(before.source, (*before.stages, then))


class Around(Stage):
    """A stage that has another retriever search: as deep as that one, over the same passages."""

    def __init__(self, within: Retriever) -> None:
        self._within = within

    @property
    def depth(self) -> int:
        """That of the retriever within."""
        return self._within.depth

    @property
    def passages(self) -> PassageStore | None:
        """Those of the retriever within."""
        return self._within.passages


@dataclass(slots=True)
class Traced:
    """What a search left behind beside its rankings.

    Attributes:
        records: one for each stage.
        steps: each stage's name and rankings.
        sources: for each stage whether it searches, rather than orders, joins or cuts what others have found.
        deepen: what was asked for: see `Pipeline.traced_search`.
    """

    records: list[StageRecord] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    sources: list[bool] = field(default_factory=list)
    deepen: int = 1

    def time(self, name: str, before: Sequence[Ranking] | None, work: Callable[[], list[Ranking]]) -> list[Ranking]:
        """Do a stage's work and write down what it did; a stage that searches has nothing before it."""
        start = time.perf_counter()
        after = work()
        ms = (time.perf_counter() - start) * 1000
        self.records.append(StageRecord(name, sum(map(len, before or [])), sum(map(len, after)), ms))
        self.steps.append((name, after))
        self.sources.append(before is None)
        return after

    def add(self, other: "Traced") -> None:
        """What another part of the search left behind comes after what stands here."""
        self.records += other.records
        self.steps += other.steps
        self.sources += other.sources


class Pipeline(Around):
    """A source and the stages after it; itself a retriever.

    `k` only cuts what comes out: the source always searches at the depth it was made with, so that a smaller k gives
    a prefix of a larger one whatever the stages do.
    """

    source: Retriever
    stages: tuple[Reranker | CutoffPolicy, ...]

    def __init__(self, source: object, stages: Sequence[object] = ()) -> None:
        """Check and keep the stages.

        Raises:
            InvalidInput: the first is not a retriever, a later one is neither reranker nor cut-off policy, or a
                reranker follows a source that has no texts.
        """
        if isinstance(source, Pipeline):
            stages = (*source.stages, *stages)
            source = source.source
        self.source = as_source(source, "stage 1")
        super().__init__(self.source)
        checked = [as_later_stage(place, stage, self.source) for place, stage in enumerate(stages, 2)]
        self.stages = tuple(checked)

    @property
    def name(self) -> str:
        """The names of its stages in order."""
        return " >> ".join([self.source.name, *map(name_of, self.stages)])

    def search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
    ) -> list[Ranking]:
        """One ranking for each query; see `protocols.Retriever.search`."""
        return self.traced_search(queries, k=k, exclude=exclude, where=where)[0]

    def traced_search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
        deepen: int = 1,
    ) -> tuple[list[Ranking], Traced]:
        """The rankings, and what each stage did on the way to them.

        Args:
            deepen: every source searches this many times as deep as it was made to.
        """
        if k is not None and k < 1:
            raise InvalidInput("search", f"k is {k}; it must be at least 1")
        trace = Traced(deepen=deepen)
        rankings = self.run(as_queries(queries), exclude, where, trace)
        return [ranking[:k] for ranking in rankings], trace

    def run(self, queries: list[Query], exclude: Exclude | None, where: Where | None, trace: Traced) -> list[Ranking]:
        """All stages at their own depth, written down in `trace`."""
        rankings = _search(self.source, queries, exclude, where, trace)
        for stage in self.stages:
            before = rankings
            rankings = trace.time(name_of(stage), before, partial(_apply, stage, queries, before, self.passages))
            if len(queries) == 1 and isinstance(stage, CutoffPolicy):
                trace.records[-1] = replace(trace.records[-1], why=stage.explain(queries[0], before[0]))
        return rankings

    def usage(self) -> dict[str, int]:
        """What the stages that count their costs have counted, added up; see `protocols.Metered`."""
        return added_usage([self.source, *self.stages])

    def __call__(self, query: QueryLike, *, k: int | None = None, where: Where | None = None) -> Results:
        """Search for one query and read the texts of what was found.

        Raises:
            InvalidInput: the source has no texts; use `search`, which gives ordinals.
        """
        if self.passages is None:
            raise InvalidInput("pipeline", f"{self.source.name} has no texts to show; call .search for ordinals")
        (asked,) = as_queries(query)
        start = time.perf_counter()
        rankings, trace = self.traced_search([asked], k=k, where=where)
        steps = [(name, ranking) for name, (ranking,) in trace.steps]
        found = Results.fetch(asked.text, rankings[0], self.passages, trace=trace.records, steps=steps)
        return found.timed((time.perf_counter() - start) * 1000)

    def __repr__(self) -> str:
        return f"Pipeline({self.name})"


class _FanIn:
    """Several retrievers over the same passages, their rankings fused into one.

    They search one after another until that is seen to cost more than threads do, and side by side from then on: a
    query to encode beside BM25, or a batch, gains; two searches of a fraction of a millisecond would lose. What is
    found is the same.
    """

    def __init__(self, name: str, sources: Sequence[object], how: Fuse | FusePerQuery, threads: bool | None) -> None:
        if not sources:
            raise InvalidInput(name, "needs at least one retriever")
        self.sources = [as_source(source, f"{name}: retriever {place}") for place, source in enumerate(sources, 1)]
        self.how = how
        self.threads = threads
        self.name = f"{name}({', '.join(source.name for source in self.sources)})"
        self._saves_ms = 0.0
        stores = [source.passages for source in self.sources if source.passages is not None]
        self.passages: PassageStore | None = stores[0] if stores else None
        # The same ordinal means another passage in another index.
        if any(store is not stores[0] for store in stores):
            raise InvalidInput(
                self.name, "the retrievers search different indexes", hint="fuse retrievers of one index only"
            )

    @property
    def depth(self) -> int:
        """No more passages than this can come out."""
        return sum(source.depth for source in self.sources)

    def search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
    ) -> list[Ranking]:
        """See `protocols.Retriever.search`."""
        return Pipeline(self).search(queries, k=k, exclude=exclude, where=where)

    def usage(self) -> dict[str, int]:
        """What its sources have counted; see `protocols.Metered`."""
        return added_usage(self.sources)

    def run(self, queries: list[Query], exclude: Exclude | None, where: Where | None, trace: Traced) -> list[Ranking]:
        """Every source at its own depth, then the fusion, all written down in `trace`."""
        columns = self._columns(queries, exclude, where, trace)
        rows = [list(row) for row in zip(*columns, strict=True)]
        inputs = [ranking for column in columns for ranking in column]
        return trace.time(self.name, inputs, lambda: self._fused(queries, rows))

    def _columns(
        self, queries: list[Query], exclude: Exclude | None, where: Where | None, trace: Traced
    ) -> list[list[Ranking]]:
        """What each source found."""
        traces = [Traced(deepen=trace.deepen) for _ in self.sources]
        calls = [
            partial(_timed, partial(_search, source, queries, exclude, where, own))
            for source, own in zip(self.sources, traces, strict=True)
        ]
        at_once = self._saves_ms > _THREAD_MS if self.threads is None else self.threads
        found = side_by_side(calls) if at_once else [call() for call in calls]
        spent = [ms for _, ms in found]
        self._saves_ms = sum(spent) - max(spent)
        for own in traces:
            trace.add(own)
        return [column for column, _ in found]

    def _fused(self, queries: list[Query], rows: list[list[Ranking]]) -> list[Ranking]:
        if isinstance(self.how, FusePerQuery):
            hows = self.how.for_queries(queries)
            return [how(row) for how, row in zip(hows, rows, strict=True)]
        return [self.how(row) for row in rows]


def _timed(call: Callable[[], list[Ranking]]) -> tuple[list[Ranking], float]:
    """What it found, and the milliseconds that took."""
    start = time.perf_counter()
    return call(), (time.perf_counter() - start) * 1000


def fuse(*retrievers: object, how: Fuse | FusePerQuery, name: str, threads: bool | None = None) -> Pipeline:
    """Search with all of them and fuse with a function such as those of `fusion`.

    Args:
        how: rankings of one query, in the order of the retrievers, to one.
        threads: search side by side (True), one after another (False), or as pays (None).

    Raises:
        InvalidInput: one is not a retriever, or they search different indexes.

    Example:
        `fuse(kb.bm25(), kb.dense(), how=functools.partial(convex, weights=[0.3, 0.7]), name="convex")`
    """
    return Pipeline(_FanIn(name, retrievers, how, threads))


def rrf(*retrievers: object, k: int = 60) -> Pipeline:
    """Search with all of them and fuse by reciprocal rank (see `fusion.rrf`, whose damping constant is `k`)."""
    if k < 1:
        raise InvalidInput("rrf", f"k is {k}; it must be at least 1")
    return fuse(*retrievers, how=partial(fusion.rrf, k=k), name="rrf")


def convex(*retrievers: object, weights: Sequence[float] | None = None) -> Pipeline:
    """Search with all of them and add up z-scores (see `fusion.convex`), filled up with what retrievers say is their
    floor."""
    floors = [floor_of(retriever) for retriever in retrievers]
    return fuse(*retrievers, how=partial(fusion.convex, weights=weights, floors=floors), name="convex")


def _search(
    source: Retriever, queries: list[Query], exclude: Exclude | None, where: Where | None, trace: Traced
) -> list[Ranking]:
    """A source's rankings at its own depth; nested pipelines write down their own stages."""
    if isinstance(source, Pipeline | _FanIn):
        return source.run(queries, exclude, where, trace)
    k = None if trace.deepen == 1 else source.depth * trace.deepen
    search = partial(source.search, queries, k=k, exclude=exclude, where=where)
    rankings = trace.time(source.name, None, lambda: counted_at_least("searches", len(queries), search))
    require_one_each(source.name, queries, rankings)
    return rankings


def _apply(
    stage: Reranker | CutoffPolicy, queries: list[Query], rankings: list[Ranking], passages: PassageStore | None
) -> list[Ranking]:
    """The rankings after one later stage."""
    if isinstance(stage, Reranker):
        assert passages is not None  # checked when the pipeline was built
        again = stage.rerank(queries, rankings, passages)
        require_one_each(name_of(stage), queries, again)
        return again
    kept = []
    for query, ranking in zip(queries, rankings, strict=True):
        n = stage.cut(query, ranking)
        if n < 0:
            raise SpanielError(f"{name_of(stage)} cut a ranking to {n} passages")
        kept.append(ranking[:n])
    return kept

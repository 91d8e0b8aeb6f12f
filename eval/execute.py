"""Run a pipeline over the queries of a collection: everything that measures and reports need, in one pass.

- Queries go in chunks of about a second, spread over threads; each finished chunk is written to a journal
  (`journal.py`), so that an interrupted run goes on where it stopped and a finished one need not be made again.
- The query's own document is excluded before the cut where the collection asks for it (ArguAna, Quora).
- A document stands where its best passage stands (MaxP: Dai and Callan, SIGIR 2019, sec. 3). Where passages of one
  document crowd out others, queries are asked deeper, so that `depth` documents remain where there are as many.
- Every stage's ranking is kept, which shows later where a relevant document was lost.
- Before that, single queries are timed (`costs.py`), each one that the pipeline was not asked before, so that what a
  stage remembers of a query does not flatter latencies. It does flatter throughput, by the queries that were timed.

Left out on purpose: measures (`measures/`) and everything between several runs (`evaluation.py`).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput, SpanielError
from spaniel.retrieval.pipeline import Pipeline
from spaniel.retrieval.protocols import NamedPassages, Retriever
from spaniel.retrieval.types import JSON, Query, Ranking

from .card import cores, machine, now
from .costs import PeakMemory, measure_latencies, usage_of, usage_since
from .documents import Chunk, Documents, assembled
from .journal import Journal, Record
from .run import Run

__all__ = ["Executed", "OnProgress", "execute"]

OnProgress = Callable[[str, int, int], None]
"""Told what is being done ("timing", "running"), how many queries are done, and of how many."""

_CHUNK_S = 1.0
_FIRST_CHUNK, _LARGEST_CHUNK = 8, 4096
_LARGEST_PIECE = 64  # queries of one search, fewer where they go deeper: an interrupt waits for those under way
_MOST_DEEPENED, _MAX_DEPTH = 64, 1 << 24


@dataclass(frozen=True, slots=True, eq=False)
class Executed:
    """A run and what it cost.

    Attributes:
        run: document rankings of every stage; `ms` holds the latencies that were measured.
        ordinals: int32 (rows of `run.final`,), the passage that gave each document its place.
        sources: stages that search, rather than order, join or cut what others have found.
        queries_per_s: with all `threads`, over the queries that were run with as many.
        threads: what the run, or after an interruption its last part, was made with; not those of this call when all
            of it came from the journal.
        usage: what the pipeline's stages counted (model calls, tokens) while answering all queries once.
        peak_rss_bytes: of the process, while it ran.
        created, hardware: when and where the run was begun.
        n_resumed: queries taken from the journal.
    """

    run: Run
    ordinals: NDArray[np.int32]
    sources: tuple[str, ...]
    queries_per_s: float
    threads: int
    usage: Mapping[str, int]
    peak_rss_bytes: int
    created: str
    hardware: Mapping[str, JSON]
    n_resumed: int


def execute(
    pipeline: Retriever,
    queries: Mapping[str, str],
    *,
    name: str,
    depth: int = 1000,
    drop_self: bool = False,
    threads: int | None = None,
    seed: int = 0,
    timing_s: float = 20.0,
    journal: Journal | None = None,
    on_progress: OnProgress | None = None,
) -> Executed:
    """Run a pipeline over queries.

    Args:
        queries: id -> text.
        depth: documents kept of each query's final ranking. Sources search as deep as they were made to, no deeper.
        drop_self: the document of the query's own id must not come back.
        threads: for the run; one a core by default. Latencies are measured on one.
        seed: of the sample of queries that are timed one by one.
        timing_s: seconds that timing may take; 0 leaves it out.
        journal: where finished work is read from and written to.

    Raises:
        InvalidInput: no query; depth or threads below 1; the pipeline's passages have no ids.
        whatever the pipeline raises; what was finished until then stays in the journal.
    """
    if not queries:
        raise InvalidInput(f"pipeline {name!r}", "there is no query to run")
    if depth < 1:
        raise InvalidInput("depth", f"{depth} must be at least 1")
    if threads is not None and threads < 1:
        raise InvalidInput("threads", f"{threads} must be at least 1")
    line = pipeline if isinstance(pipeline, Pipeline) else Pipeline(pipeline)
    if not isinstance(line.passages, NamedPassages):
        raise InvalidInput(f"pipeline {name!r}", "its passages have no ids, which judgements are about")
    asked = [Query(id_, text) for id_, text in queries.items()]
    work = _Execution(line, line.passages, asked, depth, drop_self, threads or cores(), journal, on_progress)
    return work.done(name, seed, timing_s)


class _Execution:
    """One call of `execute`, under way."""

    def __init__(
        self,
        pipeline: Pipeline,
        store: NamedPassages,
        queries: Sequence[Query],
        depth: int,
        drop_self: bool,
        threads: int,
        journal: Journal | None,
        on_progress: OnProgress | None,
    ) -> None:
        self._pipeline, self._queries, self._depth, self._threads = pipeline, queries, depth, threads
        self._drop_self, self._journal = drop_self, journal
        self._tell = on_progress or (lambda what, done, total: None)
        self._documents = Documents(store)
        own = store.ordinals_of(query.id for query in queries) if drop_self else {}
        self._own = [[own[query.id]] if query.id in own else [] for query in queries]
        found = journal.records if journal is not None else []
        self._found = {kind: [r for r in found if r.values.get("kind") == kind] for kind in ("begun", "timed", "chunk")}

    def done(self, name: str, seed: int, timing_s: float) -> Executed:
        """Do what is not done yet, and put it all together."""
        begun = self._once("begun", lambda: Record({"created": now(), "hardware": machine()}, {})).values
        ms = None
        if timing_s > 0:
            ms = self._once("timed", partial(self._timed, seed, timing_s)).arrays["ms"]
        chunks, n_resumed = self._resumed()
        chunks += self._remaining(n_resumed)
        alike = [chunk for chunk in chunks if chunk.threads == chunks[-1].threads]
        stages, ordinals, document_ids = assembled(
            chunks, self._documents, self._queries, depth=self._depth, drop_self=self._drop_self
        )
        run = Run(name, tuple(query.id for query in self._queries), document_ids, stages, ms=ms)
        totals: dict[str, int] = {}
        for kind, n in chain.from_iterable(chunk.usage.items() for chunk in chunks):
            totals[kind] = totals.get(kind, 0) + n
        return Executed(
            run,
            ordinals,
            tuple(stage for stage, searches in zip(run.stages, chunks[0].sources, strict=True) if searches),
            sum(chunk.stop - chunk.first for chunk in alike) / sum(chunk.seconds for chunk in alike),
            chunks[-1].threads,
            totals,
            max((chunk.peak_rss_bytes for chunk in chunks), default=0),
            begun["created"],
            begun["hardware"],
            n_resumed,
        )

    def _once(self, kind: str, work: Callable[[], Record]) -> Record:
        """The record of this kind out of the journal, or made now."""
        if self._found[kind]:
            return self._found[kind][0]
        record = work()
        if self._journal is not None:
            self._journal.append({"kind": kind, **record.values}, record.arrays)
        return record

    # --- Timing ---

    def _timed(self, seed: int, timing_s: float) -> Record:
        def ask(place: int) -> None:
            exclude = [self._own[place]] if self._own[place] else None
            self._pipeline.search([self._queries[place]], exclude=exclude)

        tell = partial(self._tell, "timing")
        ms = measure_latencies(ask, len(self._queries), seed=seed, budget_s=timing_s, on_progress=tell)
        return Record({}, {"ms": ms})

    # --- The run ---

    def _resumed(self) -> tuple[list[Chunk], int]:
        """Chunks from the journal, as long as each goes on where the one before ended; how many queries they hold."""
        chunks: list[Chunk] = []
        done = 0
        for record in self._found["chunk"]:
            chunk = Chunk.read(record)
            if chunk.first != done:
                break
            chunks.append(chunk)
            done = chunk.stop
        return chunks, done

    def _remaining(self, first: int) -> list[Chunk]:
        """The chunks from query `first` on, each written to the journal when it is done."""
        chunks: list[Chunk] = []
        size, total = _FIRST_CHUNK, len(self._queries)
        with ThreadPoolExecutor(self._threads) as pool:
            while first < total:
                self._tell("running", first, total)
                stop = min(first + size, total)
                chunk = self._chunk(pool, first, stop)
                chunks.append(chunk)
                if self._journal is not None:
                    self._journal.append(*chunk.written())
                if chunk.seconds < _CHUNK_S / 2:
                    size = min(2 * size, _LARGEST_CHUNK)
                elif chunk.seconds > 2 * _CHUNK_S:
                    size = max(size // 2, 1)
                first = stop
        self._tell("running", total, total)
        return chunks

    def _chunk(self, pool: ThreadPoolExecutor, first: int, stop: int) -> Chunk:
        """Queries `first` to `stop`, deeper where it is needed."""
        memory, before, start = PeakMemory(), usage_of(self._pipeline), time.perf_counter()
        places = list(range(first, stop))
        sources, stages = self._searched(pool, places)
        seconds = time.perf_counter() - start
        short = self._crowded(places, stages)
        deepen = 2
        while short and deepen <= min(_MOST_DEEPENED, _MAX_DEPTH // self._pipeline.depth):
            start = time.perf_counter()
            _, deeper = self._searched(pool, short, deepen)
            seconds += time.perf_counter() - start
            grown = [i for i, place in enumerate(short) if len(deeper[-1][1][i]) > len(stages[-1][1][place - first])]
            for (_, kept), (_, new) in zip(stages, deeper, strict=True):
                for i in grown:
                    kept[short[i] - first] = new[i]
            short = self._crowded([short[i] for i in grown], stages, first)
            deepen *= 2
        usage = usage_since(before, usage_of(self._pipeline))
        return Chunk.of(first, stages, sources, seconds, self._threads, usage, memory.size_bytes())

    def _searched(
        self, pool: ThreadPoolExecutor, places: Sequence[int], deepen: int = 1
    ) -> tuple[list[bool], list[tuple[str, list[Ranking]]]]:
        """For each stage whether it is a source, and its name with a ranking for each place."""
        n = min(max(self._threads, -(-len(places) * deepen // _LARGEST_PIECE)), len(places))
        parts = [places[len(places) * i // n : len(places) * (i + 1) // n] for i in range(n)]
        traces = list(pool.map(lambda part: self._traced(part, deepen), parts))
        names = [name for name, _ in traces[0][1]]
        if any([name for name, _ in steps] != names for _, steps in traces):
            raise SpanielError(f"pipeline {self._pipeline.name} has other stages for other queries")
        together = [list(chain.from_iterable(steps[i][1] for _, steps in traces)) for i in range(len(names))]
        return traces[0][0], list(zip(_distinct(names), together, strict=True))

    def _traced(self, places: Sequence[int], deepen: int) -> tuple[list[bool], list[tuple[str, list[Ranking]]]]:
        exclude = [self._own[place] for place in places]
        _, trace = self._pipeline.traced_search(
            [self._queries[place] for place in places], exclude=exclude if any(exclude) else None, deepen=deepen
        )
        return trace.sources, trace.steps

    def _crowded(
        self, places: Sequence[int], stages: Sequence[tuple[str, list[Ranking]]], first: int | None = None
    ) -> list[int]:
        """Queries that have fewer than `depth` documents because several passages are of one document.

        Only where nothing comes after the sources: a reranker's depth and a cut-off are meant as they are.
        """
        if self._pipeline.stages or not places:
            return []
        first = places[0] if first is None else first
        final = stages[-1][1]
        crowded = []
        for place in places:
            codes = self._documents.codes(final[place - first].ids)
            n_documents = len(codes) if self._documents.one_each else len(np.unique(codes))
            if self._drop_self:
                n_documents -= self._documents.number(self._queries[place].id) in codes
            if n_documents < min(len(codes), self._depth):
                crowded.append(place)
        return crowded


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, the second of two equal ones marked `(2)`."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found

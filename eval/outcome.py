"""One pipeline on one collection: what was asked for, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.protocols import Retriever, Stored
from spaniel.retrieval.types import JSON, Answer

from .cache import digest, open_run
from .card import run_card, versions
from .costs import Latency
from .coverage import check_documents, check_queries
from .execute import Executed, OnProgress, execute
from .journal import Journal
from .losses import Losses
from .measures import Scores, score
from .results_format import AbstentionFigures
from .run import Run

if TYPE_CHECKING:
    from .collections import Collection

__all__ = ["Outcome", "Settings", "System", "outcome"]

_CACHE_FORMAT = 2


@dataclass(frozen=True, slots=True)
class System:
    """A pipeline and what is known of it beside its methods; `evaluate` takes it in place of a bare retriever.

    Attributes:
        definition: everything that decides its rankings, as plain JSON; without one its run is not cached.
        index: for the run card: `{"identity", "fields", "language"}`.
        build_s: seconds the index took to build; None when nobody knows.
    """

    pipeline: Retriever
    definition: Mapping[str, JSON] | None = None
    index: Mapping[str, JSON] = field(default_factory=dict)
    build_s: float | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How an evaluation runs; see `evaluate` for what each means."""

    measures: tuple[str, ...]
    depth: int = 1000
    seed: int = 0
    confidence: float = 0.95
    alpha: float = 0.05
    threads: int | None = None
    timing_s: float = 20.0
    cache: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What came of one pipeline.

    Attributes:
        run: with its card.
        scores: of every measure for every judged query.
        losses: where relevant documents were lost.
        system, executed: None for a run that came from a file or from elsewhere.
        answers, errors, gold, abstention: question id -> what was answered, what went wrong, what is right, and figures
            of confidence, where answers were evaluated (`answering/`).
    """

    name: str
    run: Run
    scores: Scores
    losses: Losses
    system: System | None
    executed: Executed | None
    answers: Mapping[str, Answer] | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    gold: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    abstention: AbstentionFigures | None = None

    @property
    def latency(self) -> Latency | None:
        """Over the queries that were timed."""
        return Latency.of(self.run.ms)

    @property
    def ordinals(self) -> NDArray[np.int32] | None:
        """The passage that gave each row of the final ranking its place."""
        return self.executed.ordinals if self.executed else None


def outcome(
    name: str, what: "System | Run", collection: "Collection", settings: Settings, on_progress: OnProgress | None
) -> Outcome:
    """Run it (or take the run as it is), score it, and see what it lost."""
    executed, system = None, None
    doubts: tuple[str, ...] = ()
    if isinstance(what, Run):
        check_queries(f"run {name}", what, collection.qrels)
        run = what.without_self() if collection.info.drop_self else what
        run = _renamed(run.cut(settings.depth), name, run.card)
    else:
        system = what
        doubts = check_documents(name, what.pipeline, collection)
        executed = _executed(name, what, collection, settings, on_progress)
        run = _renamed(executed.run, name, _card(what, executed, collection, settings))
    scores = score(run, collection.qrels, settings.measures, relevance=collection.info.relevance)
    scores = replace(scores, warnings=doubts + scores.warnings)
    losses = Losses.of(
        run,
        {query: collection.qrels[query] for query in scores.query_ids},
        sources=executed.sources if executed else (),
        relevance=collection.info.relevance,
    )
    return Outcome(name, run, scores, losses, system, executed)


def _executed(
    name: str, system: System, collection: "Collection", settings: Settings, on_progress: OnProgress | None
) -> Executed:
    """Run it, in the cache when there is one and the pipeline is known well enough."""
    queries = {id_: collection.queries[id_] for id_ in collection.qrels if id_ in collection.queries}

    def run(journal: Journal | None = None) -> Executed:
        return execute(
            system.pipeline,
            queries,
            name=name,
            depth=settings.depth,
            drop_self=collection.info.drop_self,
            threads=settings.threads,
            seed=settings.seed,
            timing_s=settings.timing_s,
            journal=journal,
            on_progress=on_progress,
        )

    identity = _identity(system)
    if settings.cache is None or system.definition is None or identity is None:
        return run()
    definition: dict[str, JSON] = {
        "format": _CACHE_FORMAT,
        "index": identity,
        "pipeline": dict(system.definition),
        "queries": digest({**queries}),
        "depth": settings.depth,
        "drop_self": collection.info.drop_self,
        "versions": versions(),
    }
    with open_run(settings.cache, definition) as journal:
        return run(journal)


def _identity(system: System) -> JSON:
    """What the ordinals of its rankings mean."""
    known = system.index.get("identity")
    store = system.pipeline.passages
    return known if known is not None else store.identity if isinstance(store, Stored) else None


def _card(system: System, executed: Executed, collection: "Collection", settings: Settings) -> dict[str, JSON]:
    pipeline: dict[str, JSON] = {
        "name": system.pipeline.name,
        "stages": list(executed.run.stages),
        "definition": dict(system.definition) if system.definition is not None else None,
    }
    index: dict[str, JSON] = {"identity": _identity(system), **system.index}
    hashes: dict[str, JSON] = {**collection.sha256}
    source: dict[str, JSON] = {"name": collection.name, "split": collection.split, "sha256": hashes}
    card = run_card(source, index, pipeline, seed=settings.seed, created=executed.created)
    n_resumed, total = executed.n_resumed, len(executed.run.query_ids)
    return {
        **card,
        "hardware": dict(executed.hardware),
        "depth": settings.depth,
        "from_cache": executed.created if n_resumed == total else None,
        "queries_from_cache": n_resumed,
    }


def _renamed(run: Run, name: str, card: Mapping[str, JSON]) -> Run:
    return Run(name, run.query_ids, run.document_ids, run.stages, run.ms, card)

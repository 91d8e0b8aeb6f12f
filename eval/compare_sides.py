"""What a comparison needs to know of one side: values of every query, rankings, and where relevant documents were lost.

A side comes from a results folder, where an evaluation has written all of it down, or from a run file and judgements,
where it is worked out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput

from .coverage import check_queries
from .losses import Losses
from .measures import score
from .qrels import Qrels
from .results_format import CollectionResults, PipelineResults, run_file
from .results_reader import read_queries, read_results
from .run import Run

__all__ = ["Side", "side_of_folder", "side_of_run"]


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One pipeline's answers to all judged queries.

    Attributes:
        values: measure -> float64 (n_queries,), in the order of `query_ids`.
        ranking: query id -> ids of what it found, best first.
        lost: query id -> relevant document -> the stage that lost it; documents that were kept are absent.
    """

    name: str
    query_ids: tuple[str, ...]
    texts: Mapping[str, str]
    values: Mapping[str, NDArray[np.float64]]
    ranking: Callable[[str], Sequence[str]]
    lost: Mapping[str, Mapping[str, str]]
    stages: tuple[str, ...] = ()
    results: CollectionResults | None = None
    warnings: tuple[str, ...] = field(default_factory=tuple)


def side_of_folder(folder: str | Path, *, pipeline: str | None = None) -> Side:
    """A pipeline of a results folder; the name may be left out where there is one.

    Raises:
        InvalidInput: an unusable folder, several collections, no per-query file, or no such pipeline.
    """
    results = read_results(folder)
    if not isinstance(results, CollectionResults):
        names = ", ".join(results.collections[:3])
        raise InvalidInput(str(folder), "holds several collections", hint=f"compare the folders inside it: {names}")
    one = _chosen(results, pipeline, str(folder))
    queries = list(read_queries(folder, results))
    if not queries:
        raise InvalidInput(str(folder), "has no per-query.jsonl, without which nothing can be compared query by query")
    answers = {query.query_id: query.pipelines[one.name] for query in queries}
    return Side(
        name=one.name,
        query_ids=tuple(answers),
        texts={query.query_id: query.text for query in queries},
        values={m: np.array([answer.measures[m] for answer in answers.values()]) for m in results.measures},
        ranking=_ranking_of_folder(Path(folder), one.name, {q: [hit.id for hit in a.top] for q, a in answers.items()}),
        lost={query_id: {gone.id: gone.stage for gone in answer.lost} for query_id, answer in answers.items()},
        stages=("retrieval", *one.stages),
        results=results,
        warnings=tuple(one.warnings),
    )


def _chosen(results: CollectionResults, name: str | None, where: str) -> PipelineResults:
    found = {pipeline.name: pipeline for pipeline in results.pipelines}
    if name is None and len(found) == 1:
        return results.pipelines[0]
    if name is None or name not in found:
        what = "holds several pipelines" if name is None else f"has no pipeline {name!r}"
        raise InvalidInput(where, what, hint=f"choose with --pipeline: {', '.join(found)}")
    return found[name]


def _ranking_of_folder(folder: Path, pipeline: str, tops: Mapping[str, list[str]]) -> Callable[[str], Sequence[str]]:
    """From the run where it was kept, else from the first results of each query."""
    file = run_file(folder, pipeline)
    return _ranking_of_run(Run.read(file)) if file.exists() else lambda query_id: tops.get(query_id, [])


def _ranking_of_run(run: Run) -> Callable[[str], Sequence[str]]:
    known = set(run.query_ids)
    return lambda query_id: [one.id for one in run.ranking(query_id)] if query_id in known else []


def side_of_run(
    path: str | Path,
    qrels: Qrels,
    measures: Sequence[str],
    *,
    texts: Mapping[str, str],
    relevance: int = 1,
    drop_self: bool = False,
) -> Side:
    """A run file scored with judgements; `drop_self` takes out documents with their query's own id first.

    Raises:
        InvalidInput: an unusable run, judgements or measure; the run answers none of the judged queries.
        MissingExtra: a measure that needs ir_measures, which is not installed.
    """
    run = Run.read(path).without_self() if drop_self else Run.read(path)
    check_queries(str(path), run, qrels)
    scores = score(run, qrels, measures, relevance=relevance)
    # A run file does not say which of its stages search: the first alone is taken to.
    losses = Losses.of(run, qrels, relevance=relevance).lost()
    return Side(
        name=Path(path).name,
        query_ids=scores.query_ids,
        texts=texts,
        values=scores.values,
        ranking=_ranking_of_run(run),
        lost={query_id: dict(gone) for query_id, gone in losses.items()},
        stages=("retrieval", *run.stages),
        warnings=scores.warnings,
    )

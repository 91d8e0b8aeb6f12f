"""Pipelines made ready for `spaniel.evaluate`: each over the index it needs, with what its run card wants to know."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from spaniel.eval.outcome import System
from spaniel.index.progress import Progress
from spaniel.retrieval.pipeline import Pipeline
from spaniel.retrieval.policies.cutting import CutPolicy
from spaniel.retrieval.types import JSON

from .dense_stages import asked
from .models import query_models_in
from .rerank_stages import rerankers_of
from .shared_indexes import SharedIndexes, check_names
from .spec import PipelineSpec

if TYPE_CHECKING:
    from spaniel.eval.collections import Collection

__all__ = ["definition_of", "systems"]


def systems(
    specs: Sequence[PipelineSpec],
    collection: "Collection",
    stack: ExitStack,
    *,
    cache: Path,
    index: str | Path | None = None,
    query_model: str | Path | None = None,
    language: str | None = None,
    depth: int = 1000,
    threads: int = 1,
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, System]:
    """Name -> pipeline over an index of the collection; pipelines that need the same index share one.

    Args:
        stack: closes indexes and models, which must stay open until results are written.
        cache: folder in which indexes are looked for and built.
        index: search this one instead; pipelines that need other fields than it has are an error.
        query_model: encodes the questions of the pipelines that search vectors and name no model for that themselves,
            instead of what their index says.
        language: of text analysis, where a pipeline does not say; by default the collection's.
        depth: how deep sources search.
        threads: for building.

    Raises:
        InvalidInput: two pipelines of one name, or an index that does not fit.
    """
    check_names("--pipeline", "pipelines", [spec.name for spec in specs])
    indexes = SharedIndexes(
        collection,
        stack,
        cache=cache,
        index=index,
        query_model=query_model,
        language=language,
        threads=threads,
        on_progress=on_progress,
    )
    found: dict[str, System] = {}
    for spec in specs:
        built = indexes.of(spec.index, asked=asked(*spec.stages))
        spec = spec.over(built.index)
        pipeline = spec.make(built.index, depth=depth)
        for reranker in rerankers_of(pipeline):
            stack.callback(reranker.close)
        found[spec.name] = System(
            pipeline, definition=definition_of(spec, pipeline), index=built.card(), build_s=built.build_s
        )
    return found


def definition_of(spec: PipelineSpec, pipeline: Pipeline) -> dict[str, JSON] | None:
    """What decides the pipeline's rankings, the models of its rerankers and questions and what cut-offs read from files
    included; None when a model does not say what it is, or a budget of seconds makes them the machine's, so that
    nothing of it is kept."""
    rerankers = rerankers_of(pipeline)
    judges = [reranker.judge.identity for reranker in rerankers]
    timed = any(reranker.budget is not None and reranker.budget.seconds is not None for reranker in rerankers)
    if timed or not all(judges):
        return None
    cuts: list[JSON] = [each.settings() for each in pipeline.stages if isinstance(each, CutPolicy)]
    more: dict[str, list[JSON]] = {"judges": [*judges], "cuts": cuts, "query_models": query_models_in(pipeline)}
    return spec.to_json() | {name: what for name, what in more.items() if what}

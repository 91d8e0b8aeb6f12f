"""Engines made ready for `spaniel eval answers`: each over the index it needs, with what its run card wants to know."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from spaniel.eval.answering.evaluate import AnswerSystem
from spaniel.index.progress import Progress
from spaniel.rag.engine.engine import Engine
from spaniel.rag.engine.spec import EngineSpec, read_engine

from .dense_stages import asked
from .models import query_models_in
from .named import find_pipeline
from .shared_indexes import SharedIndexes, check_names
from .spec import IndexSpec

if TYPE_CHECKING:
    from spaniel.eval.collections import Collection

__all__ = ["answerers", "find_engine"]


def find_engine(name: str) -> EngineSpec:
    """The engine of this TOML file, or the embedded generator over the pipeline of this name.

    Raises:
        InvalidInput: no such pipeline (the nearest are named), or a file that cannot be used.
    """
    if name.endswith(".toml"):
        return read_engine(name)
    return EngineSpec(pipeline=find_pipeline(name))


def answerers(
    specs: Sequence[EngineSpec],
    collection: "Collection",
    stack: ExitStack,
    *,
    cache: Path,
    index: str | Path | None = None,
    query_model: str | Path | None = None,
    threads: int = 1,
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, AnswerSystem]:
    """Name -> engine over an index of the collection; engines that need the same index share one.

    Args:
        stack: closes engines and indexes.
        cache: folder in which indexes are looked for and built.
        index: search this one instead.
        query_model: encodes the questions of the engines that search vectors and name no model for that themselves,
            instead of what their index says.
        threads: for building.

    Raises:
        InvalidInput: two engines of one name, or an index that does not fit.
    """
    check_names("--config", "engines", [spec.name for spec in specs])
    indexes = SharedIndexes(
        collection, stack, cache=cache, index=index, query_model=query_model, threads=threads, on_progress=on_progress
    )
    found: dict[str, AnswerSystem] = {}
    for spec in specs:
        asks = any(each is None or asked(*each.stages) for each in spec.pipelines)
        built = indexes.of(spec.pipeline.index if spec.pipeline else IndexSpec(), asked=asks)
        engine = stack.enter_context(Engine.of_spec(built.index, spec))
        definition = spec.to_json()
        if asking := query_models_in(*engine.parts.searching):
            definition["query_models"] = asking
        found[spec.name] = AnswerSystem(engine, definition, built.card())
    return found

"""Pipelines made ready for `spaniel.evaluate`: each over the index it needs, with what its run card wants to know."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from spaniel.eval.outcome import System
from spaniel.index.progress import Progress
from spaniel.retrieval.errors import InvalidInput

from .indexes import BuiltIndex, cached_index, opened_index
from .spec import PipelineSpec

if TYPE_CHECKING:
    from spaniel.eval.collections import Collection

__all__ = ["systems"]


def systems(
    specs: Sequence[PipelineSpec],
    collection: "Collection",
    stack: ExitStack,
    *,
    cache: Path,
    index: str | Path | None = None,
    language: str | None = None,
    depth: int = 1000,
    threads: int = 1,
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, System]:
    """Name -> pipeline over an index of the collection; pipelines that need the same index share one.

    Args:
        stack: closes the indexes, which must stay open until results are written.
        cache: folder in which indexes are looked for and built.
        index: search this one instead; pipelines that need other fields than it has are an error.
        language: of text analysis, where a pipeline does not say; by default the collection's.
        depth: how deep sources search.
        threads: for building.

    Raises:
        InvalidInput: two pipelines of one name, or an index that does not fit.
    """
    opened: dict[object, BuiltIndex] = {}
    found: dict[str, System] = {}
    for spec in specs:
        if spec.name in found:
            hint = "give the file another `name`"
            raise InvalidInput("--pipeline", f"two pipelines are called {spec.name!r}", hint=hint)
        key = None if index is not None else _needs(spec)
        if key not in opened:
            if index is not None:
                built = opened_index(index)
            else:
                built = cached_index(
                    collection, spec.index, cache=cache, language=language, threads=threads, on_progress=on_progress
                )
            stack.callback(built.index.close)
            opened[key] = built
        built = opened[key]
        found[spec.name] = System(
            spec.make(built.index, depth=depth), definition=spec.to_json(), index=built.card(), build_s=built.build_s
        )
    return found


def _needs(spec: PipelineSpec) -> tuple[object, ...]:
    """Equal for pipelines that search the same index."""
    wanted = spec.index
    vectors = (wanted.dense, wanted.kept, wanted.precision) if wanted.dense is not None else ()
    return (tuple(wanted.weights.items()), wanted.language, *vectors)

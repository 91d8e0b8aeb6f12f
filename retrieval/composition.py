"""What may stand where in a pipeline, and how stages are called: checked when a pipeline is built."""

from collections import Counter
from collections.abc import Sequence

from .errors import InvalidInput, SpanielError
from .protocols import CutoffPolicy, Exclude, Metered, Reranker, Retriever
from .types import Query, Ranking

__all__ = ["added_usage", "as_later_stage", "as_source", "floor_of", "name_of", "require_one_each", "require_sets_each"]


def as_source(source: object, place: str) -> Retriever:
    """`source`, known to be a retriever."""
    if isinstance(source, type):
        raise InvalidInput("pipeline", f"{place} is the class {source.__name__}; make an object of it first")
    if not isinstance(source, Retriever):
        missing = [word for word in ("name", "depth", "passages", "search") if not hasattr(source, word)]
        raise InvalidInput(
            "pipeline", f"{place} ({name_of(source)}) is not a retriever: it has no {' and no '.join(missing)}"
        )
    return source


def as_later_stage(place: int, stage: object, source: Retriever) -> Reranker | CutoffPolicy:
    """`stage`, known to be a reranker that has texts to read, or a cut-off policy."""
    where = f"stage {place} ({name_of(stage)})"
    if isinstance(stage, type):
        raise InvalidInput("pipeline", f"{where} is a class; make an object of it first")
    if isinstance(stage, Reranker):
        if source.passages is None:
            raise InvalidInput("pipeline", f"{where} reads texts, but {source.name} has none")
        return stage
    if isinstance(stage, CutoffPolicy):
        return stage
    if isinstance(stage, Retriever):
        raise InvalidInput(
            "pipeline",
            f"{where} is a retriever; only the first stage can be one",
            hint="fuse retrievers with rrf(a, b)",
        )
    raise InvalidInput("pipeline", f"{where} is neither a reranker (rerank) nor a cut-off policy (cut and explain)")


def require_one_each(name: str, queries: list[Query], rankings: list[Ranking]) -> None:
    """A part from elsewhere may break its promise; better here, by name, than three stages later."""
    if len(rankings) != len(queries):
        raise SpanielError(f"{name} returned {len(rankings)} rankings for {len(queries)} queries")


def require_sets_each(exclude: Exclude | None, n_queries: int) -> None:
    """Refuse sets to exclude that are not one for each query.

    Raises:
        InvalidInput: they are more, or fewer.
    """
    if exclude is not None and len(exclude) != n_queries:
        raise InvalidInput("exclude", f"{len(exclude)} sets for {n_queries} queries; there must be one for each")


def added_usage(stages: Sequence[object]) -> dict[str, int]:
    """The sum of what the metered ones among the stages have counted."""
    total: Counter[str] = Counter()
    for stage in stages:
        if isinstance(stage, Metered):
            total.update(stage.usage())
    return dict(total)


def name_of(stage: object) -> str:
    """What traces and errors call a stage."""
    if isinstance(stage, type):
        return stage.__name__
    name = getattr(stage, "name", None)
    return name if isinstance(name, str) else type(stage).__name__


def floor_of(retriever: object) -> float | None:
    """What a retriever gives every passage that it does not find: 0 for one that scores matches only; else unknown."""
    floor = getattr(retriever, "floor", None)
    return float(floor) if isinstance(floor, int | float) else None

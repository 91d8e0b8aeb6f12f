"""Hybrid search over an index: BM25 and vectors side by side, fused.

Which fusion is the default, and by how much, was decided by measurements: docs/hybrid.md.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

from spaniel.index.sparse.ceiling import has_ceiling
from spaniel.retrieval import fusion as fusions
from spaniel.retrieval.calibration import CalibratedSum
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import Fuse, FusePerQuery, Pipeline, fuse

if TYPE_CHECKING:
    from spaniel.index.retrievers import Retrievers

__all__ = ["DEPTH", "Fusion", "hybrid"]

DEPTH = 200
Fusion = Literal["calibrated", "convex", "minmax", "rrf"]


def hybrid(
    index: "Retrievers",
    k: int | None = None,
    *,
    depth: int | None = None,
    dense: str | None = None,
    fusion: Fusion | None = None,
    weights: Sequence[float] | None = None,
    threads: int | None = 1,
    candidates: int | None = None,
    **searching: Any,
) -> Pipeline:
    """BM25 and vectors, fused; see `Index.hybrid`."""
    if fusion is not None and fusion not in get_args(Fusion):
        raise InvalidInput("hybrid", f"fusion is {fusion!r}; it must be one of {', '.join(get_args(Fusion))}")
    if weights is not None and fusion == "rrf":
        raise InvalidInput("hybrid", "rrf takes no weights")
    deep = depth if depth is not None else max(DEPTH, k or 0)
    words = index.bm25(deep, threads=threads)
    again = 2 * deep if candidates is None else candidates
    vectors = index.dense(dense, deep, threads=threads, candidates=again, **searching)
    chosen = fusion or ("calibrated" if has_ceiling(words) else "convex")
    how: Fuse | FusePerQuery
    match chosen:
        case "calibrated":
            how = CalibratedSum([words, vectors], weights)
        case "convex":
            how = partial(fusions.convex, weights=_checked(weights), floors=[words.floor, None])
        case "minmax":
            how = partial(fusions.minmax, weights=_checked(weights), floors=[words.floor, None])
        case "rrf":
            how = fusions.rrf
    return fuse(words, vectors, how=how, name="hybrid" if chosen == "calibrated" else chosen)


def _checked(weights: Sequence[float] | None) -> Sequence[float] | None:
    if weights is not None and len(weights) != 2:
        raise InvalidInput("hybrid", f"takes two weights, of BM25 and of vectors; got {list(weights)}")
    return weights

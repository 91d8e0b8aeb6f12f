"""Parts that FAISS searches (hnsw, ivf, pq, rabitq), always with a tier of vectors beside the codes.

A scan estimates; the tier scores again, answers selective filters exactly, and stands in where FAISS finds too few: a
graph that does not reach them, or more wanted than it was made to look for. What comes first never depends on how many
are asked for. faiss_kinds.py has the kinds, faiss_calls.py what keeps FAISS deterministic and its bytes checked.

Left out: growing a part (segments are immutable), and FAISS's own files and on-disk lists.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from spaniel.index.format import ArrayFile
from spaniel.index.manifest import FileEntry
from spaniel.retrieval.errors import InvalidInput

from .faiss_calls import one_thread
from .faiss_fitted import Effort, Fitted, Searcher
from .faiss_kinds import FAISS_KINDS
from .fitting import StackedRows, keeps, refits, takes_over
from .part import DensePart, Found, Target, Vectors
from .part_file import array_of, common_of, part_writer
from .rescoring import followed
from .settings import StoreSettings
from .tiers import Tier, TierKind, copy_tier, open_tier, tier_arrays, write_tier

__all__ = ["FaissPart", "merge", "open", "write"]

_AT_ONCE = 4096
_SMALL = 256  # samples below it are filled up


class FaissPart:
    """An open part; a `DensePart`. Immutable, safe to use from several threads.

    Args:
        effort: nprobe of `ivf` or ef of `hnsw`; None for the default.
        fitted_on: vectors that were looked at; 0 for a stand-in.
    """

    final = False

    def __init__(
        self,
        fitted: Fitted,
        codes: NDArray[np.uint8],
        searcher: Searcher,
        tier: Tier,
        effort: Effort = None,
        fitted_on: int = 0,
    ) -> None:
        self.fitted, self.codes, self.tier = fitted, codes, tier
        self._searcher, self._effort, self.fitted_on = searcher, effort, fitted_on
        self.n_passages, self.dimension = tier.n_passages, tier.dimension

    def tuned(self, *, nprobe: int | None = None, ef: int | None = None) -> "FaissPart":
        """The same part, searched with another effort; what means nothing to its kind is ignored."""
        effort = {"ivf": nprobe, "hnsw": ef}.get(self.fitted.kind)
        if effort is not None and (type(effort) is not int or effort < 1):
            raise InvalidInput("nprobe" if self.fitted.kind == "ivf" else "ef", f"{effort!r} must be at least 1")
        return FaissPart(self.fitted, self.codes, self._searcher, self.tier, effort or self._effort, self.fitted_on)

    def scan(self, queries: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None) -> list[Found]:
        """See `DensePart.scan`. Cost: see docs/dense-stores.md; each query by itself, on the calling thread."""
        n = self.n_passages if allowed is None else int(np.count_nonzero(allowed))
        with one_thread():
            return [self._one(np.ascontiguousarray(query, np.float32), min(k, n), n, allowed) for query in queries]

    def rescore(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """From the tier: float32 (len(rows),)."""
        return self.tier.dot(query, rows)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """From the tier: float32 (len(rows), d)."""
        return self.tier.vectors(rows)

    def _one(self, query: NDArray[np.float32], k: int, n_allowed: int, allowed: NDArray[np.bool_] | None) -> Found:
        found = Found(np.zeros(0, np.int64), np.zeros(0, np.float32))
        if k == 0:
            return found
        if allowed is None or n_allowed > self._searcher.exact_below:
            for more in self._searcher.rounds(query, k, allowed, self._effort):
                found = followed(found, more)
                if len(found.rows) >= k:
                    break
        if len(found.rows) < k:
            found = followed(found, self._exact(query, allowed))
        return Found(found.rows[:k], found.scores[:k])

    def _exact(self, query: NDArray[np.float32], allowed: NDArray[np.bool_] | None) -> Found:
        rows = np.arange(self.n_passages) if allowed is None else np.flatnonzero(allowed)
        scores = self.tier.dot(query, rows)
        order = np.lexsort((rows, -scores))
        return Found(rows[order], scores[order])


def write(target: Target, vectors: Vectors, like: DensePart | None) -> FileEntry:
    """See `StoreModule.write`. Cost: docs/dense-stores.md; one thread, so that two builds give the same bytes."""
    n, store = len(vectors), target.store
    kind, possible = FAISS_KINDS[store.kind], _possible(store, n)
    old = like if isinstance(like, FaissPart) and like.fitted.kind == kind.kind else None
    with one_thread():
        if old and old.dimension == target.dimension and takes_over(old, n, possible, has_vectors=True):
            fitted, possible = old.fitted, old.fitted_on
        else:
            fitted = _fitted(store, vectors)

        def codes() -> Iterator[NDArray[np.uint8]]:
            return (fitted.encode(vectors[rows]) for rows in _slices(n))

        return _write(target, n, fitted, possible, codes, lambda writer: write_tier(writer, _tier(store), vectors))


def merge(target: Target, parts: Sequence[tuple[DensePart, NDArray[np.int64]]]) -> FileEntry:
    """See `StoreModule.merge`: tiers are copied as they are, and codes of parts whose fit is kept; other rows are coded
    again from the tier. The graph of `hnsw` is linked anew."""
    ours = [(cast(FaissPart, part), rows) for part, rows in parts]
    n = sum(len(rows) for _, rows in ours)
    arrays = [part.fitted.arrays() for part, _ in ours]
    first_alike = [next(i for i, other in enumerate(arrays) if _equal(own, other)) for own in arrays]
    kept = keeps(ours, first_alike, has_vectors=True)
    copied, best, possible = (
        [place == first_alike[kept] for place in first_alike],
        ours[kept][0],
        _possible(target.store, n),
    )
    with one_thread():
        if refits(best, possible, alike=all(copied), has_vectors=True):
            fitted, copied = _fitted(target.store, StackedRows(ours)), [False] * len(ours)
        else:
            fitted, possible = best.fitted, best.fitted_on
        tiers = [(part.tier, rows) for part, rows in ours]

        def codes() -> Iterator[NDArray[np.uint8]]:
            for (part, rows), copy in zip(ours, copied, strict=True):
                for some in _slices(len(rows)):
                    yield part.codes[rows[some]] if copy else fitted.encode(part.vectors(rows[some]))

        return _write(target, n, fitted, possible, codes, lambda writer: copy_tier(writer, tiers))


def open(file: ArrayFile, store: StoreSettings) -> FaissPart:
    """See `StoreModule.open`: what FAISS parses is checked against its checksums first.

    Cost: the codes are copied into FAISS's own memory.
    """
    common, kind = common_of(file), FAISS_KINDS[store.kind]
    own = {name: array for name, array in file.arrays.items() if name in ("fitted", "graph", "rotation")}
    file.check_bytes()
    for name in ("fitted", *(["graph"] if store.kind == "hnsw" else [])):
        array_of(file, name, np.uint8, (-1,))
    if store.kind == "rabitq":
        array_of(file, "rotation", np.float32, (common.dimension, common.dimension))
    with one_thread():
        fitted = kind.read(own, common.dimension, file.path)
        codes = array_of(file, "code", np.uint8, (common.n_passages, fitted.code_size))
        tier = open_tier(file, _tier(store), common.n_passages, common.dimension)
        return FaissPart(fitted, codes, fitted.searcher(codes, own, file.path), tier, fitted_on=common.fitted_on)


def _write(
    target: Target,
    n: int,
    fitted: Fitted,
    fitted_on: int,
    codes: Callable[[], Iterator[NDArray[np.uint8]]],
    tier: Callable[[Any], None],
) -> FileEntry:
    whole = {**fitted.arrays(), **fitted.built(codes())}
    shapes = {name: (array.dtype, array.shape) for name, array in whole.items()}
    tiers = tier_arrays(_tier(target.store), n, target.dimension)
    code = {"code": (np.dtype(np.uint8), (n, fitted.code_size))}
    with part_writer(target, n, {**shapes, **code, **tiers}, {"fitted_on": fitted_on}) as writer:
        for name, array in whole.items():
            writer.write(name, array)
        for some in codes():
            writer.write("code", some)
        tier(writer)
        return writer.close()


def _possible(store: StoreSettings, n: int) -> int:
    """On how many of n vectors a part is fitted; 0 where drawn ones have to fill up."""
    return min(FAISS_KINDS[store.kind].sample_size(n, store), n) if n >= _SMALL else 0


def _fitted(store: StoreSettings, vectors: Vectors) -> Fitted:
    """A fit to a sample."""
    kind, rng, n = FAISS_KINDS[store.kind], np.random.default_rng(store.seed), len(vectors)
    wanted, dimension = kind.sample_size(n, store), vectors.shape[1]
    rows = np.sort(rng.choice(n, min(wanted, n), replace=False)) if n else np.zeros(0, np.int64)
    sample = np.asarray(vectors[rows], np.float32)
    if n < _SMALL:  # codebooks need some; of the same length as what there is, in random directions
        drawn = rng.standard_normal((_SMALL - n, dimension))
        length = float(np.linalg.norm(sample, axis=1).mean()) if n else 1.0
        drawn *= length / np.linalg.norm(drawn, axis=1, keepdims=True)
        sample = np.concatenate([sample, drawn.astype(np.float32)])
    return kind.fit(sample, n, store)


def _tier(store: StoreSettings) -> TierKind:
    if store.rescore == "none":  # StoreSettings refuses it for these kinds
        raise InvalidInput("store rescore", f"{store.kind} needs vectors to score candidates again")
    return store.rescore


def _slices(n: int) -> Iterable[slice]:
    return (slice(start, min(start + _AT_ONCE, n)) for start in range(0, n, _AT_ONCE))


def _equal(one: dict[str, NDArray[Any]], other: dict[str, NDArray[Any]]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)

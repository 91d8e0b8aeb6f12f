"""The `binary` store: a bit a dimension, searched in one exhaustive pass by the float query against the signs.

Arrays of the part's file, beside those of the second tier (tiers.py):

    centre   float32 (d,)
    scale    float32 (1,)
    weights  float32 (d, D)            unless the codes are `sign` or `centred`
    codes    uint8 (n_blocks, D / 8, 64)
    factor   uint16 (64 n_blocks,)     float16, with `factor`
    list_centre, list_start, row       with `lists`: see lists.py; codes and factors are then in the order of the lists

Codes lie in blocks of 64 rows, transposed, the way the kernel reads them (ADR 7), and are searched in the mapped file:
nothing is built or copied when it is opened. hashing.py has what they mean.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from spaniel.index.format import ArrayFile, ArrayFileWriter
from spaniel.index.layout import ArrayShapes
from spaniel.index.manifest import FileEntry
from spaniel.retrieval.errors import IndexCorrupt

from .binary_part import BinaryPart
from .fitting import StackedRows, keeps, refits, takes_over
from .hashing import BLOCK_ROWS, Hash, along_of, blocks_of, chunks, fit_hash, n_bytes
from .hashing import fits_on as codes_fit_on
from .lists import NO_ROW, Lists, fit_centres, lists_of, place_rows
from .lists import fits_on as lists_fit_on
from .part import DensePart, Target, Vectors
from .part_file import array_of, common_of, part_writer
from .settings import StoreSettings
from .tiers import TierKind, copy_tier, open_tier, tier_arrays, write_tier

__all__ = ["merge", "open", "write"]

_INFINITE = 0x7C00  # of float16; negative ones have the highest bit
_MERGE_ROWS = 1 << 16
_PIECES = 64  # in which codes are put in the order of the lists
_Coded = tuple[NDArray[np.uint8], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Fit:
    """What was fitted: codes, and the centres of lists, float32 (d, n_lists), on so many vectors (0: a stand-in)."""

    codes: Hash
    centres: NDArray[np.float32] | None
    fitted_on: int


def write(target: Target, vectors: Vectors, like: DensePart | None) -> FileEntry:
    """See `StoreModule.write`. Memory: the sample that is fitted on and some MiB; with lists, all codes too."""
    store, n = target.store, len(vectors)
    old = like if isinstance(like, BinaryPart) else None
    if old and not takes_over(old, n, _possible(store, n), has_vectors=store.rescore != "none"):
        old = None
    fit = _fit_of(old) if old else _fit(store, vectors)
    lists = None if fit.centres is None else place_rows(lists_of(vectors, fit.centres), fit.centres)
    coded = (fit.codes.encode(some) for some in chunks(vectors))
    return _write(target, n, fit, coded, lists, lambda writer, kind: write_tier(writer, kind, vectors))


def merge(target: Target, parts: Sequence[tuple[DensePart, NDArray[np.int64]]]) -> FileEntry:
    """See `StoreModule.merge`: tiers are copied as they are, and codes of parts whose fit is kept.

    Where that of another part is kept, rows are coded again: from the tier, or without one from what their codes stand
    for, at a loss (docs/dense-stores.md).
    """
    store, mine = target.store, [(cast(BinaryPart, part), rows) for part, rows in parts]
    n, has_vectors = sum(len(rows) for _, rows in mine), store.rescore != "none"
    first_alike = [next(i for i, (other, _) in enumerate(mine) if same(part, other)) for part, _ in mine]
    kept = keeps(mine, first_alike, has_vectors=has_vectors)
    copied = [place == first_alike[kept] for place in first_alike]
    best, vectors = mine[kept][0], StackedRows(mine)
    if refits(best, _possible(store, n), alike=all(copied), has_vectors=has_vectors):
        fit, copied = _fit(store, vectors), [False] * len(mine)
    else:
        fit = _fit_of(best)
    lists = None if fit.centres is None else _merged_lists(mine, copied, fit.centres)
    coded = _coded_rows(mine, copied, fit.codes)
    tiers = [(part.tier, rows) for part, rows in mine if part.tier is not None]
    return _write(target, n, fit, coded, lists, lambda writer, _: copy_tier(writer, tiers))


def open(file: ArrayFile, store: StoreSettings) -> BinaryPart:
    """See `StoreModule.open`. Cost: the fitted arrays and the factors are read, the codes are not."""
    common = common_of(file)
    n, d = common.n_passages, common.dimension
    fitted = _open_fitted(file, store, d)
    lists = _open_lists(file, d) if store.lists else None
    n_blocks = len(lists.row) // BLOCK_ROWS if lists else -(-n // BLOCK_ROWS)
    blocks = array_of(file, "codes", np.uint8, (n_blocks, n_bytes(d), BLOCK_ROWS))
    factor = None
    if store.factor:
        factor = array_of(file, "factor", np.uint16, (n_blocks * BLOCK_ROWS,))
        if factor.max(initial=0) >= _INFINITE:
            raise IndexCorrupt(file.path, "array 'factor' has values that are negative or not finite")
    tier = None if store.rescore == "none" else open_tier(file, store.rescore, n, d)
    try:
        return BinaryPart(fitted, blocks, factor, n, tier, lists, file.path, common.fitted_on)
    except ValueError as error:  # how the native code refuses what it cannot search
        raise IndexCorrupt(file.path, f"has an array that cannot be: {error}") from error


def _open_fitted(file: ArrayFile, store: StoreSettings, d: int) -> Hash:
    centre = array_of(file, "centre", np.float32, (d,))
    scale = array_of(file, "scale", np.float32, (1,))
    weights = None if store.codes in ("sign", "centred") else array_of(file, "weights", np.float32, (d, 8 * n_bytes(d)))
    for name, values in (("centre", centre), ("scale", scale), ("weights", weights)):
        if values is not None and not np.isfinite(values).all():
            raise IndexCorrupt(file.path, f"array {name!r} has values that are not finite")
    if not scale[0] > 0:
        raise IndexCorrupt(file.path, f"its codes have scale {scale[0]}")
    return Hash(centre, weights, scale[0], along_of(store.codes, store.factor))


def _open_lists(file: ArrayFile, d: int) -> Lists:
    centres = array_of(file, "list_centre", np.float32, (d, -1))
    start = array_of(file, "list_start", np.uint32, (centres.shape[1] + 1,))
    return Lists(centres, start, array_of(file, "row", np.uint32, (int(start[-1]) * BLOCK_ROWS,)))


def same(a: BinaryPart, b: BinaryPart) -> bool:
    """Whether codes of one may stand beside codes of the other."""
    pairs = [
        (a.codes.centre, b.codes.centre),
        (a.codes.weights, b.codes.weights),
        (None if a.lists is None else a.lists.centres, None if b.lists is None else b.lists.centres),
    ]
    return a.codes.scale == b.codes.scale and all(
        x is y is None or (x is not None and y is not None and np.array_equal(x, y)) for x, y in pairs
    )


def _possible(store: StoreSettings, n: int) -> int:
    """On how many of n vectors a part is fitted; 0 for a stand-in."""
    return max(codes_fit_on(n), lists_fit_on(n, store.lists)) if codes_fit_on(n) else 0


def _fit(store: StoreSettings, vectors: Vectors) -> Fit:
    codes = fit_hash(store.codes, vectors, factor=store.factor, seed=store.seed)
    centres = fit_centres(vectors, store.lists, seed=store.seed) if store.lists else None
    return Fit(codes, centres, _possible(store, len(vectors)))


def _fit_of(part: BinaryPart) -> Fit:
    return Fit(part.codes, None if part.lists is None else part.lists.centres, part.fitted_on)


def _write(
    target: Target,
    n: int,
    fit: Fit,
    coded: Iterator[_Coded],
    lists: Lists | None,
    tier: Callable[[ArrayFileWriter, TierKind], None],
) -> FileEntry:
    with part_writer(target, n, _arrays(target, n, fit.codes, lists), {"fitted_on": fit.fitted_on}) as writer:
        _write_fitted(writer, fit.codes)
        _write_all(writer, target.store, coded, lists)
        if target.store.rescore != "none":
            tier(writer, target.store.rescore)
        return writer.close()


def _arrays(target: Target, n: int, fitted: Hash, lists: Lists | None) -> ArrayShapes:
    d = target.dimension
    n_blocks = -(-n // BLOCK_ROWS) if lists is None else len(lists.row) // BLOCK_ROWS
    arrays: dict[str, tuple[type, tuple[int, ...]]] = {"centre": (np.float32, (d,)), "scale": (np.float32, (1,))}
    if fitted.weights is not None:
        arrays["weights"] = np.float32, fitted.weights.shape
    arrays["codes"] = np.uint8, (n_blocks, n_bytes(d), BLOCK_ROWS)
    if target.store.factor:
        arrays["factor"] = np.uint16, (n_blocks * BLOCK_ROWS,)
    if lists is not None:
        arrays["list_centre"] = np.float32, lists.centres.shape
        arrays["list_start"] = np.uint32, lists.start.shape
        arrays["row"] = np.uint32, lists.row.shape
    tier = {} if target.store.rescore == "none" else tier_arrays(target.store.rescore, n, d)
    return {**arrays, **tier}


def _write_fitted(writer: ArrayFileWriter, fitted: Hash) -> None:
    writer.write("centre", fitted.centre)
    writer.write("scale", np.array([fitted.scale], np.float32))
    if fitted.weights is not None:
        writer.write("weights", fitted.weights)


def _write_all(writer: ArrayFileWriter, store: StoreSettings, coded: Iterator[_Coded], lists: Lists | None) -> None:
    """Write codes and factors as they come, or all of them in the order of the lists."""
    if lists is None:
        _write_codes(writer, store, coded)
        return
    for name, array in (("list_centre", lists.centres), ("list_start", lists.start), ("row", lists.row)):
        writer.write(name, array)
    pieces = list(coded)
    if pieces:
        codes, factors = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
        filled = np.where(lists.row == NO_ROW, 0, lists.row)
        _write_codes(writer, store, ((codes[some], factors[some]) for some in np.array_split(filled, _PIECES)))


def _write_codes(writer: ArrayFileWriter, store: StoreSettings, pieces: Iterator[_Coded]) -> None:
    """Write pieces of any length as blocks, the last one filled up with zeros."""
    codes, factors = np.zeros((0, 0), np.uint8), np.zeros(0, np.float32)
    for more_codes, more_factors in pieces:
        codes = np.concatenate([codes, more_codes]) if len(codes) else more_codes
        factors = np.concatenate([factors, more_factors])
        whole = len(codes) - len(codes) % BLOCK_ROWS
        _write_blocks(writer, store, codes[:whole], factors[:whole])
        codes, factors = codes[whole:], factors[whole:]
    if len(codes):
        filled = np.zeros(-(-len(codes) // BLOCK_ROWS) * BLOCK_ROWS, np.float32)
        filled[: len(codes)] = factors
        _write_blocks(writer, store, codes, filled)


def _write_blocks(
    writer: ArrayFileWriter, store: StoreSettings, codes: NDArray[np.uint8], factors: NDArray[np.float32]
) -> None:
    writer.write("codes", blocks_of(codes))
    if store.factor:
        writer.write("factor", factors.astype(np.float16).view(np.uint16))


def _coded_rows(
    parts: Sequence[tuple[BinaryPart, NDArray[np.int64]]], copied: Sequence[bool], codes: Hash
) -> Iterator[_Coded]:
    """Codes and factors of these rows: as they are, or made again from the part's vectors."""
    for (part, rows), copy in zip(parts, copied, strict=True):
        if not copy:
            yield from (codes.encode(some) for some in chunks(StackedRows([(part, rows)])))
            continue
        for start in range(0, len(rows), _MERGE_ROWS):
            some = rows[start : start + _MERGE_ROWS]
            yield part.codes_of(some), part.factors(some)


def _merged_lists(
    parts: Sequence[tuple[BinaryPart, NDArray[np.int64]]], copied: Sequence[bool], centres: NDArray[np.float32]
) -> Lists:
    members = [
        part.members(rows) if copy else lists_of(StackedRows([(part, rows)]), centres)
        for (part, rows), copy in zip(parts, copied, strict=True)
    ]
    return place_rows(np.concatenate(members), centres)

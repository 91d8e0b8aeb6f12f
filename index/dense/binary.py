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

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.index.format import ArrayFile, ArrayFileWriter
from spaniel.index.layout import ArrayShapes
from spaniel.index.manifest import FileEntry
from spaniel.retrieval.errors import IndexCorrupt, InvalidInput

from .binary_part import BinaryPart
from .hashing import BLOCK_ROWS, Hash, along_of, blocks_of, chunks, fit_hash, n_bytes
from .lists import NO_ROW, Lists, fit_centres, lists_of, place_rows
from .part import DensePart, Target, Vectors
from .part_file import array_of, common_of, part_writer
from .settings import StoreSettings
from .tiers import copy_tier, open_tier, tier_arrays, write_tier

__all__ = ["merge", "open", "write"]

_INFINITE = 0x7C00  # of float16; negative ones have the highest bit
_MERGE_ROWS = 1 << 16
_PIECES = 64  # in which codes are put in the order of the lists
_Coded = tuple[NDArray[np.uint8], NDArray[np.float32]]


def write(target: Target, vectors: Vectors, like: DensePart | None) -> FileEntry:
    """See `StoreModule.write`. Memory: the sample that is fitted on and some MiB; with lists, all codes too."""
    store, n = target.store, len(vectors)
    old = like if isinstance(like, BinaryPart) else None
    fitted = old.codes if old else fit_hash(store.codes, vectors, factor=store.factor, seed=store.seed)
    coded = (fitted.encode(some) for some in chunks(vectors))
    lists = None
    if store.lists:
        centres = old.lists.centres if old and old.lists else fit_centres(vectors, store.lists, seed=store.seed)
        lists = place_rows(lists_of(vectors, centres), centres)
    with part_writer(target, n, _arrays(target, n, fitted, lists)) as writer:
        _write_fitted(writer, fitted)
        _write_all(writer, store, coded, lists)
        if store.rescore != "none":
            write_tier(writer, store.rescore, vectors)
        return writer.close()


def merge(target: Target, parts: Sequence[tuple[DensePart, NDArray[np.int64]]]) -> FileEntry:
    """See `StoreModule.merge`: codes, factors, lists and tiers are copied as they are.

    Raises:
        InvalidInput: the parts were not written `like` each other.
    """
    mine = [(part, rows) for part, rows in parts if isinstance(part, BinaryPart)]
    first = mine[0][0]
    if len(mine) != len(parts) or not all(same(part, first) for part, _ in mine):
        raise InvalidInput("merge", "these parts' codes were fitted apart and cannot stand in one")
    n = sum(len(rows) for _, rows in mine)
    lists = None
    if first.lists is not None:
        members = np.concatenate([part.members(rows) for part, rows in mine])
        lists = place_rows(members, first.lists.centres)
    with part_writer(target, n, _arrays(target, n, first.codes, lists)) as writer:
        _write_fitted(writer, first.codes)
        _write_all(writer, target.store, _coded_rows(mine), lists)
        if target.store.rescore != "none":
            copy_tier(writer, [(part.tier, rows) for part, rows in mine if part.tier is not None])
        return writer.close()


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
        return BinaryPart(fitted, blocks, factor, n, tier, lists, file.path)
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


def _coded_rows(parts: Sequence[tuple[BinaryPart, NDArray[np.int64]]]) -> Iterator[_Coded]:
    for part, rows in parts:
        for start in range(0, len(rows), _MERGE_ROWS):
            some = rows[start : start + _MERGE_ROWS]
            yield part.codes_of(some), part.factors(some)

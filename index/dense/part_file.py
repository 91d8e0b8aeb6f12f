"""The file of a dense part: what is the same in it for every kind of store, written and checked in one place.

A file of arrays of kind `dense`. Its `meta` holds `store`, `n_passages` and `dimension` beside what the kind adds, and
`fitted_on` (fitting.py) where something is fitted, but not in files older than that. The array `ordinal`, uint32 (n,)
ascending, is there when the ordinals of the segment have gaps. Everything else belongs to the kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from spaniel.index.format import ArrayFile, ArrayFileWriter
from spaniel.index.layout import ArrayShapes
from spaniel.index.manifest import JSON
from spaniel.retrieval.errors import IndexCorrupt

from .part import PART_KIND, Target, common_meta
from .settings import StoreSettings

__all__ = ["Common", "array_of", "common_of", "part_writer"]

_MAX_DIMENSION = 1 << 16


@dataclass(frozen=True, slots=True)
class Common:
    """What every part's file says of itself.

    Attributes:
        store: how it was made.
        n_passages, dimension: rows and columns.
        ordinals: uint32 (n,), of each row; None when row r is first + r.
        fitted_on: vectors that its codes were fitted on, 0 for a stand-in; all it holds where it does not say.
    """

    store: StoreSettings
    n_passages: int
    dimension: int
    ordinals: NDArray[np.uint32] | None
    fitted_on: int


def part_writer(
    target: Target, n_passages: int, arrays: ArrayShapes, meta: Mapping[str, JSON] | None = None
) -> ArrayFileWriter:
    """Begin the file of a part; the caller writes `arrays` and closes it. Use it as a context manager.

    Args:
        arrays: name -> (dtype, shape) of the kind's own arrays; float16 goes as uint16.
        meta: of the kind's own.
    """
    extra: ArrayShapes = {} if target.ordinals is None else {"ordinal": (np.uint32, target.ordinals.shape)}
    everything = {**common_meta(target, n_passages), **(meta or {})}
    writer = ArrayFileWriter(target.fs, target.path, kind=PART_KIND, meta=everything, arrays={**extra, **arrays})
    if target.ordinals is not None:
        try:
            writer.write("ordinal", target.ordinals)
        except BaseException:
            writer.abort()
            raise
    return writer


def common_of(file: ArrayFile) -> Common:
    """What an open file says of itself, checked.

    Raises:
        IndexCorrupt: it is no dense part, or its sizes cannot be.
    """
    meta: Mapping[str, Any] = file.meta
    try:
        store = StoreSettings.from_json(meta["store"])
        n_passages, dimension, fitted_on = (
            meta["n_passages"],
            meta["dimension"],
            meta.get("fitted_on", meta["n_passages"]),
        )
        if type(n_passages) is not int or type(dimension) is not int:
            raise ValueError(f"its sizes are {n_passages!r} and {dimension!r}")
        if type(fitted_on) is not int or not 0 <= fitted_on < 1 << 31:
            raise ValueError(f"it was fitted on {fitted_on!r} vectors")
    except (KeyError, TypeError, ValueError) as error:
        raise IndexCorrupt(file.path, f"is no dense part: {error}") from error
    if not 0 <= n_passages < 1 << 31 or not 1 <= dimension <= _MAX_DIMENSION:
        raise IndexCorrupt(file.path, f"says it holds {n_passages} vectors of {dimension} dimensions")
    if "ordinal" not in file.arrays:
        return Common(store, n_passages, dimension, None, fitted_on)
    ordinals = array_of(file, "ordinal", np.uint32, (n_passages,))
    return Common(store, n_passages, dimension, ordinals, fitted_on)


def array_of(file: ArrayFile, name: str, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """The array of this name, if it is what it has to be.

    Args:
        shape: -1 stands for any length.

    Raises:
        IndexCorrupt: it is not there, or of another dtype or shape.
    """
    array = file.arrays.get(name)
    if array is None:
        raise IndexCorrupt(file.path, f"has no array {name!r}")
    fits = len(array.shape) == len(shape) and all(b in (-1, a) for a, b in zip(array.shape, shape, strict=True))
    if array.dtype != dtype or not fits:
        reason = f"array {name!r} is {array.dtype} {array.shape}; it must be {np.dtype(dtype)} {shape}"
        raise IndexCorrupt(file.path, reason)
    return array

"""What every use of FAISS needs: one thread, bytes that are parsed only when they can be meant, ties in order.

FAISS takes its number of threads from OpenMP's setting of the calling thread, and a batch of 20 queries or more another
way through the code than a single one. Here every query goes alone on the caller's thread, so that a result depends on
nothing else; batches share out over threads one level up.
"""

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import IndexCorrupt, require

from .part import Found

__all__ = ["best", "faiss", "one_thread", "parsed", "ranked", "serialized"]

_HEADER = struct.Struct("<4siqqq?i")  # write_index_header of FAISS's index_write.cpp
_PARSING = Lock()


def faiss() -> Any:
    """The package.

    Raises:
        MissingExtra: it is not installed.
    """
    return require("faiss", extra="cpu")


@contextmanager
def one_thread() -> Iterator[None]:
    """FAISS on the calling thread alone; what the caller had set comes back afterwards."""
    library = faiss()
    before = library.omp_get_max_threads()
    library.omp_set_num_threads(1)
    try:
        yield
    finally:
        library.omp_set_num_threads(before)


def serialized(index: Any, flags: int = 0) -> NDArray[np.uint8]:
    """FAISS's own bytes for an index: uint8 (n,)."""
    return np.asarray(faiss().serialize_index(index, flags), dtype=np.uint8)


def parsed(data: NDArray[np.uint8], path: Path, *, code: bytes, dimension: int, n_passages: int, flags: int = 0) -> Any:
    """The index in bytes that have matched their checksum.

    Args:
        path: names the file in errors.
        code: the four letters that bytes of the expected class begin with.
        dimension, n_passages: what their header must say; the metric must be the inner product.

    Raises:
        IndexCorrupt: the header says something else, or FAISS cannot read on.
    """
    if len(data) < _HEADER.size:
        raise IndexCorrupt(path, f"holds {len(data)} bytes where an index of FAISS must be")
    found, d, n, _, _, trained, metric = _HEADER.unpack(data[: _HEADER.size].tobytes())
    if (found, d, n, trained, metric) != (code, dimension, n_passages, True, 0):
        said = f"{found!r}, {n} vectors of {d} dimensions, metric {metric}, trained {trained}"
        raise IndexCorrupt(
            path, f"holds an index of FAISS that says {said}; expected {code!r}, {n_passages}, {dimension}"
        )
    library = faiss()
    with _PARSING:  # the limit is one for the process
        before = library.get_deserialization_vector_byte_limit()
        library.set_deserialization_vector_byte_limit(len(data))
        try:
            return library.deserialize_index(np.ascontiguousarray(data), flags)
        except (RuntimeError, MemoryError) as error:
            raise IndexCorrupt(path, f"holds an index that FAISS cannot read: {str(error).splitlines()[0]}") from error
        finally:
            library.set_deserialization_vector_byte_limit(before)


def ranked(scores: NDArray[np.float32], rows: NDArray[np.int64]) -> Found:
    """What FAISS gives for one query (missing ones are -1), by descending score, ties by ascending row."""
    there = rows >= 0
    rows, scores = rows[there], scores[there]
    order = np.lexsort((rows, -scores))
    return Found(rows[order], scores[order])


def best(
    search: Callable[[int], tuple[NDArray[np.float32], NDArray[np.int64]]],
    k: int,
    n: int,
    allowed: NDArray[np.bool_] | None = None,
) -> Found:
    """The k best rows of a search whose own choice among equal scores means nothing.

    More are asked for until one with a lower score than the k-th has come back, so that all that equal it are known.

    Args:
        search: how many -> scores and rows of one query, best first.
        n: how many there are.
        allowed: bool (n,), rows to keep, for searches that cannot leave rows out themselves.
    """
    share = 1.0 if allowed is None else max(int(np.count_nonzero(allowed)), 1) / n
    asked = min(n, int(k / share * 1.2) + 32)
    while True:
        scores, rows = search(asked)
        found = ranked(scores, rows)
        lowest = found.scores[-1] if len(found.scores) else np.float32(0)
        ended = asked >= n or len(found.rows) < asked
        if allowed is not None:
            kept = allowed[found.rows]
            found = Found(found.rows[kept], found.scores[kept])
        if ended or (len(found.rows) >= k and found.scores[k - 1] > lowest):
            return Found(found.rows[:k], found.scores[:k])
        asked = min(n, asked * 4)

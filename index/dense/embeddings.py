"""Vectors of texts that have been encoded before: a killed build goes on where it stopped, equal passages are encoded
once, and several stores of one model share the work.

Two files in a folder, both only ever appended to, named after what decides a vector (`identity_of` the card):

    vectors-NAME.rows    float32 rows
    vectors-NAME.keys    records: what rows of the other file they are about, a CRC-32 of these rows, the 128-bit hash
                         of each row's text, and a CRC-32 of the record

A block of rows is written before the record that names it. Opening reads both files once and goes on behind the last
record that is whole and whose rows match: what a kill or a power loss tore is written over. Only closing fsyncs;
before, the checksums find what a power loss took.

A writer holds a lock on the keys file; a second one waits until it is done.
"""

import fcntl
import hashlib
import json
import mmap
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from spaniel.index.fs import FS, RealFS, WritableFile, open_regular
from spaniel.models.card import ModelCard
from spaniel.models.encoders.base import Encoder
from spaniel.retrieval.closing import Closing
from spaniel.retrieval.errors import LimitExceeded, ModelError

__all__ = ["PREFIX", "CachedVectors", "EmbeddingCache", "embed", "identity_of"]

PREFIX = "vectors-"
"""What names of its files begin with."""

_RECORD = struct.Struct("<8sQIIII")  # magic, first row, rows, dimension, CRC of the rows, CRC of record and keys
_MAGIC = b"spanemb1"
_ROWS_AT_ONCE = 256  # texts for one call of the encoder, which sorts them by length: what a kill costs at most
_RECORD_ROWS = 1 << 14
_MAX_ROWS = 1 << 31
_READ_BYTES = 4 << 20

Encode = Callable[[list[str]], NDArray[np.float32]]


class EmbeddingCache(Closing):
    """The vectors of one model; a context manager. For one thread.

    Args:
        folder: made if need be.
        fs: stands in for the operating system in tests.

    Raises:
        IndexCorrupt: one of its names belongs to something that is no regular file.
        OSError: the disk is full, or fails.
    """

    def __init__(self, folder: Path, card: ModelCard, fs: FS | None = None) -> None:
        self._fs, self.card = fs or RealFS(), card
        self._row_bytes = 4 * card.dimension
        name = f"{PREFIX}{identity_of(card)}"
        self._paths = folder / f"{name}.rows", folder / f"{name}.keys"
        for missing in reversed([p for p in (folder, *folder.parents) if not p.exists()]):
            self._fs.mkdir(missing)
        self._known = _Known()
        self._n = self._keys_end = 0
        self._appended = False
        with ExitStack() as stack:  # closes what was opened when something fails
            self._vectors, self._keys = (self._opened(path, stack) for path in self._paths)
            self._lock = os.open(self._paths[1], os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            stack.callback(os.close, self._lock)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            self._recover()
            self._closing = stack.pop_all()

    def __len__(self) -> int:
        """How many rows there are."""
        return self._n

    def rows_of(self, texts: Sequence[str], encode: Encode) -> NDArray[np.int64]:
        """The row of each text: int64 (len(texts),); those that are not there yet are encoded, in one call, and kept.

        Raises:
            ModelError: what `encode` gave are no vectors of this model. Nothing is kept then.
        """
        keys = _hashes(texts)
        rows = self._known.rows_of(keys)
        fresh = {key: place for place, key in reversed(list(enumerate(map(bytes, keys)))) if rows[place] < 0}
        places = sorted(fresh.values())
        if places:
            vectors = self._checked(encode([texts[place] for place in places]), len(places))
            for start in range(0, len(places), _RECORD_ROWS):
                some = slice(start, start + _RECORD_ROWS)
                self._append(keys[places[some]], vectors[some])
            rows = self._known.rows_of(keys)
        return rows

    def vectors(self) -> NDArray[np.float32]:
        """All rows so far: float32 (n, d), memory-mapped."""
        if not self._n:
            return np.zeros((0, self.card.dimension), np.float32)
        with open_regular(self._paths[0]) as (descriptor, _):
            mapped = mmap.mmap(descriptor, self._n * self._row_bytes, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, "<f4").reshape(self._n, self.card.dimension)

    def close(self) -> None:
        """Fsync and close the files, and give the lock back. What `vectors` gave stays valid.

        Raises:
            OSError: the disk fails; the files are closed all the same.
        """
        with self._closing:
            if self._appended:
                for file in (self._vectors, self._keys):
                    file.fsync()
                self._fs.fsync_dir(self._paths[0].parent)

    def _opened(self, path: Path, stack: ExitStack) -> WritableFile:
        try:
            file = self._fs.create(path)
        except FileExistsError:
            with open_regular(path):
                file = self._fs.adopt(path)
        stack.callback(file.close)
        return file

    def _checked(self, vectors: NDArray[np.float32], n: int) -> NDArray[np.float32]:
        if vectors.shape != (n, self.card.dimension):
            wanted = (n, self.card.dimension)
            raise ModelError(f"{self.card.name}: vectors of shape {vectors.shape} for {n} texts, expected {wanted}")
        vectors = np.ascontiguousarray(vectors, dtype="<f4")
        if not np.isfinite(vectors).all():
            raise ModelError(f"{self.card.name}: a vector holds NaN or infinity")
        return vectors

    def _append(self, keys: NDArray[np.void], vectors: NDArray[np.float32]) -> None:
        if self._n + len(keys) >= _MAX_ROWS:
            raise LimitExceeded("vectors in an embedding cache", self._n + len(keys), _MAX_ROWS)
        self._appended = True
        rows, names = vectors.tobytes(), keys.tobytes()
        self._vectors.pwrite(rows, self._n * self._row_bytes)
        head = (_MAGIC, self._n, len(keys), self.card.dimension, zlib.crc32(rows))
        crc = zlib.crc32(names, zlib.crc32(_RECORD.pack(*head, 0)))
        self._keys.pwrite(_RECORD.pack(*head, crc) + names, self._keys_end)
        self._take(keys)

    def _take(self, keys: NDArray[np.void]) -> None:
        self._known.add(keys, self._n)
        self._n += len(keys)
        self._keys_end += _RECORD.size + keys.nbytes

    def _recover(self) -> None:
        """Take up every record before the first that is not whole."""
        while True:
            head = self._keys.pread(_RECORD.size, self._keys_end)
            if len(head) < _RECORD.size:
                return
            magic, first, n, dimension, rows_crc, crc = _RECORD.unpack(head)
            if (magic, first, dimension) != (_MAGIC, self._n, self.card.dimension) or not 0 < n <= _RECORD_ROWS:
                return
            names = self._keys.pread(16 * n, self._keys_end + _RECORD.size)
            if len(names) < 16 * n or crc != zlib.crc32(names, zlib.crc32(head[:-4] + bytes(4))):
                return
            if rows_crc != self._crc_of_rows(n):
                return
            self._take(np.frombuffer(names, "V16"))

    def _crc_of_rows(self, n: int) -> int | None:
        """Of the next n rows; None when the file ends before."""
        crc, at, left = 0, self._n * self._row_bytes, n * self._row_bytes
        while left:
            piece = self._vectors.pread(min(left, _READ_BYTES), at)
            if not piece:
                return None
            crc, at, left = zlib.crc32(piece, crc), at + len(piece), left - len(piece)
        return crc


class CachedVectors:
    """Rows of a cache in another order, as `Vectors`: row r is that of `rows[r]`.

    Rows of dead passages, which have none (-1) and are never found, get that of the row before: so what is fitted to
    the vectors sees only such as there are. Without any, they are zeros.

    Args:
        vectors: floats (m, d), read row by row.
        rows: int32 (n,), below m.
    """

    def __init__(self, vectors: NDArray[np.floating], rows: NDArray[np.int32]) -> None:
        there = np.flatnonzero(rows >= 0)
        if 0 < len(there) < len(rows):
            before = np.searchsorted(there, np.arange(len(rows)), side="right") - 1
            rows = rows[there[np.maximum(before, 0)]]
        self._vectors, self._rows = vectors, rows

    @property
    def shape(self) -> tuple[int, int]:
        return len(self._rows), self._vectors.shape[1]

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, rows: slice) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]: ...
    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        """A copy of these rows: float32 (m, d)."""
        wanted = self._rows[rows]
        if not len(self._vectors):
            return np.zeros((len(wanted), self._vectors.shape[1]), dtype=np.float32)
        return np.asarray(self._vectors[wanted], dtype=np.float32)


def embed(
    texts: Iterable[tuple[int, str]],
    n_rows: int,
    encoder: Encoder,
    cache: EmbeddingCache,
    on_done: Callable[[int], None] = lambda n_done: None,
) -> CachedVectors:
    """The vectors of (row, text) pairs; rows that have no text are those of dead passages.

    Args:
        on_done: told how many rows are done, at the start and after each call of the encoder.

    Raises:
        ModelError: the encoder fails, or gives something else than vectors. What was encoded before stays in the cache.

    Cost: the encoder's; 4 bytes a row, and the texts and vectors of one call.
    """
    rows = np.full(n_rows, -1, dtype=np.int32)
    n_done = 0
    on_done(n_done)
    for some in _batched(texts, _ROWS_AT_ONCE):
        found = cache.rows_of([text for _, text in some], lambda missing: encoder.encode(missing, kind="passage"))
        rows[[row for row, _ in some]] = found
        n_done += len(some)
        on_done(n_done)
    return CachedVectors(cache.vectors(), rows)


def identity_of(card: ModelCard) -> str:
    """A name for everything that decides a passage's vector, to the last bit: precision too, a source only without a
    hash, and no other tower for questions."""
    parts = replace(card, query_sha256="").to_json()
    if card.sha256:
        del parts["name"], parts["source"]
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=12).hexdigest()


class _Known:
    """Hash -> row, in 20 bytes a row: sorted arrays whose sizes at least double, as in `duplicates.SeenIds`."""

    def __init__(self) -> None:
        self._levels: list[tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.int32]]] = []

    def add(self, keys: NDArray[np.void], first_row: int) -> None:
        high, low = _halves(keys)
        rows = np.arange(first_row, first_row + len(keys), dtype=np.int32)
        while self._levels and len(self._levels[-1][0]) <= 2 * len(high):
            highs, lows, older = self._levels.pop()
            high, low, rows = np.concatenate([highs, high]), np.concatenate([lows, low]), np.concatenate([older, rows])
        order = np.argsort(high, kind="stable")
        self._levels.append((high[order], low[order], rows[order]))

    def rows_of(self, keys: NDArray[np.void]) -> NDArray[np.int64]:
        """Row of each key, -1 where there is none: int64."""
        high, low = _halves(keys)
        found = np.full(len(keys), -1, dtype=np.int64)
        for highs, lows, rows in self._levels:
            place = np.minimum(np.searchsorted(highs, high), len(highs) - 1)
            same = (highs[place] == high) & (lows[place] == low)
            found[same] = rows[place[same]]
        return found


def _halves(keys: NDArray[np.void]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    halves = np.frombuffer(keys.tobytes(), "<u8").reshape(-1, 2)
    return halves[:, 0], halves[:, 1]


def _hashes(texts: Sequence[str]) -> NDArray[np.void]:
    """128 bits of each text: V16 (len(texts),)."""
    digests = (hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts)
    return np.frombuffer(b"".join(digests), "V16")


def _batched(items: Iterable[tuple[int, str]], size: int) -> Iterator[list[tuple[int, str]]]:
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some

"""One file, many named arrays: how every array of an index lies on disk.

    preamble, 64 bytes    magic, format version, header length, footer offset, CRC of the header, CRC of the preamble
    header                JSON: kind, meta, and name, dtype, shape, offset of each array
    arrays                raw, little-endian, each at a multiple of 64 bytes, zeros between
    footer                CRC-32 of each 1 MiB block of everything before, end mark, CRC of the footer

Opening checks the preamble, the header, the footer and the exact size, so a truncated, swapped or foreign file is named
at once; the arrays are memory-mapped, and their blocks checked by `verify`. No byte is outside a checksum.
index/layout.py has the layout, docs/format.md the meaning of every byte.

Left out: compression (arrays that compress do so in their own encoding) and files that grow.
"""

import errno
import math
import mmap
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import IndexCorrupt, InvalidInput

from .fs import FS, open_regular, read_exactly
from .layout import FORMAT_VERSION, ArrayShapes, Layout, encode_footer, encode_header, read_header
from .manifest import JSON, FileEntry

__all__ = ["FORMAT_VERSION", "ArrayFile", "ArrayFileWriter", "bad_blocks", "write_arrays"]

if sys.byteorder != "little":  # pragma: no cover
    raise ImportError("index files are little-endian and memory-mapped: this machine is big-endian")


def _ignore(size_bytes: int) -> None:
    """Nobody wants to hear of progress."""


def write_arrays(
    fs: FS, path: Path, *, kind: str, meta: Mapping[str, JSON], arrays: Mapping[str, NDArray[Any]]
) -> FileEntry:
    """Write a file of whole arrays and fsync it; see `ArrayFileWriter` for arrays too large for memory."""
    shapes = {name: (array.dtype, array.shape) for name, array in arrays.items()}
    with ArrayFileWriter(fs, path, kind=kind, meta=meta, arrays=shapes) as writer:
        for name, array in arrays.items():
            writer.write(name, array)
        return writer.close()


class ArrayFileWriter:
    """Write the arrays of one file piece by piece, in any order between arrays, in order within one.

    Memory: one piece. The file is read once more at the end, for the checksums.

    Args:
        path: must not exist; take it from `Transaction.fresh_path`.
        kind: what the file holds; `ArrayFile.open` asks for it.
        meta: plain JSON values, at most 1 MiB with the list of arrays.
        arrays: name -> (dtype, shape). dtypes: (u)int8 to (u)int64, float32, float64; at most 4 axes.

    Raises:
        InvalidInput: a dtype or shape that the format does not have.
        LimitExceeded: the header is too long.
        OSError: the disk is full, or fails.
    """

    def __init__(self, fs: FS, path: Path, *, kind: str, meta: Mapping[str, JSON], arrays: ArrayShapes) -> None:
        self._path, self._kind = path, kind
        head, self._layout = encode_header(kind, meta, arrays, str(path))
        self._left = {name: math.prod(shape) for name, (_, shape, _) in self._layout.places.items()}
        self._next = {name: offset for name, (_, _, offset) in self._layout.places.items()}
        self._entry: FileEntry | None = None
        self._file = fs.create(path)
        self._open = True
        try:
            self._file.pwrite(head, 0)
        except BaseException:
            self.abort()
            raise

    def write(self, name: str, piece: NDArray[Any]) -> None:
        """Append `piece` to the array `name`; its values in C order, its dtype that of the array.

        Raises:
            InvalidInput: unknown array, another dtype, or more values than its shape holds.
        """
        if name not in self._left:
            raise InvalidInput(str(self._path), f"has no array {name!r}; it has {sorted(self._left)}")
        dtype = self._layout.places[name][0]
        if piece.dtype != dtype:
            raise InvalidInput(str(self._path), f"array {name!r} is {dtype}, got {piece.dtype}")
        if piece.size > self._left[name]:
            raise InvalidInput(str(self._path), f"array {name!r} has room for {self._left[name]}, got {piece.size}")
        if piece.size:
            self._file.pwrite(np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data, self._next[name])
        self._next[name] += piece.nbytes
        self._left[name] -= piece.size

    def close(self) -> FileEntry:
        """Checksum, fsync and close; the file is then whole on disk, though its name is durable only after the commit.

        Raises:
            InvalidInput: an array has fewer values than its shape says.
            OSError: the disk is full or fails; after a failed fsync nothing may be committed any more.
        """
        if self._entry is None:
            unfinished = {name: left for name, left in self._left.items() if left}
            if unfinished:
                raise InvalidInput(str(self._path), f"values still missing: {unfinished}")
            footer, crc = encode_footer(self._block_crcs())
            self._file.pwrite(footer, self._layout.footer_offset)
            self._file.fsync()
            self._entry = FileEntry(self._path.name, self._layout.size_bytes, crc, self._kind)
            self.abort()
        return self._entry

    def abort(self) -> None:
        """Close the descriptor; an unfinished file is left to the transaction, which removes it."""
        if self._open:
            self._open = False
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self.abort()

    def _block_crcs(self) -> bytes:
        """CRC-32 of each block of what was written, uint32 (n_blocks,) as bytes."""
        # One byte where the footer will be makes the padding before it part of the file, as zeros.
        self._file.pwrite(b"\0", self._layout.footer_offset)
        crcs = np.empty(self._layout.n_blocks, "<u4")
        for number in range(self._layout.n_blocks):
            start, size_bytes = self._layout.block(number)
            data = self._file.pread(size_bytes, start)
            if len(data) != size_bytes:
                raise OSError(errno.EIO, "a file just written cannot be read back whole", str(self._path))
            crcs[number] = zlib.crc32(data)
        return crcs.tobytes()


class ArrayFile:
    """An open file of arrays.

    Attributes:
        path, kind, meta: where it is, and what its header says.
        arrays: name -> read-only array over the mapped file, 64-byte aligned. They stay valid as long as they are
            referenced, even when the file is unlinked meanwhile.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        meta: Mapping[str, JSON],
        arrays: Mapping[str, NDArray[Any]],
        blocks: tuple[bytes | mmap.mmap, Layout, NDArray[np.uint32]] = (b"", Layout({}, 0), np.zeros(0, np.uint32)),
    ) -> None:
        self.path, self.kind = path, kind
        self.meta, self.arrays = MappingProxyType(dict(meta)), MappingProxyType(dict(arrays))
        self._blocks = blocks

    @classmethod
    def open(cls, path: Path, *, kind: str, entry: FileEntry | None, verify: bool = False) -> Self:
        """Map a file after checking its preamble, header, footer and sizes; with `verify`, every block too.

        Args:
            entry: what the manifest says of it; None for a file that stands alone.

        Raises:
            IndexCorrupt: damaged, missing, of another kind, or not the file the manifest means.
            IndexTooNew, IndexTooOld: of a format version that this release does not read.

        Cost: O(header + footer), the footer being 4 bytes for each MiB; O(file) with `verify`.
        """
        with open_regular(path, entry.size_bytes if entry else None) as (descriptor, size_bytes):
            header, layout, crcs = _read_frame(descriptor, size_bytes, path, entry)
            if header["kind"] != kind:
                raise IndexCorrupt(path, f"holds {header['kind']!r} where {kind!r} is expected")
            if verify:
                for reason in _bad_blocks(descriptor, path, layout, crcs, _ignore):
                    raise IndexCorrupt(path, reason)
            mapped = mmap.mmap(descriptor, size_bytes, access=mmap.ACCESS_READ)
        try:
            arrays: dict[str, NDArray[Any]] = {
                name: np.ndarray(shape, dtype, buffer=mapped, offset=offset)
                for name, (dtype, shape, offset) in layout.places.items()
            }
        except ValueError as error:  # an empty array, with another axis beyond what NumPy can hold
            raise IndexCorrupt(path, f"an array cannot be mapped: {error}") from error
        return cls(path, kind, header["meta"], arrays, (mapped, layout, crcs))

    def check_bytes(self) -> None:
        """Compare every byte before the footer with its checksum, as mapped: for a parser that trusts what it reads.

        Works where the file has been unlinked since, too.

        Raises:
            IndexCorrupt: a block is damaged.
        """
        mapped, layout, crcs = self._blocks
        for number, crc in enumerate(crcs):
            start, size_bytes = layout.block(number)
            if zlib.crc32(memoryview(mapped)[start : start + size_bytes]) != crc:
                raise IndexCorrupt(self.path, _bad_block(layout, start, size_bytes))


def bad_blocks(path: Path, entry: FileEntry | None, on_bytes: Callable[[int], None] = _ignore) -> Iterator[str]:
    """Check every byte of a file of arrays; gives one sentence for each block that is damaged.

    Args:
        on_bytes: told how many bytes were checked, block by block.

    Raises:
        IndexCorrupt, IndexTooNew, IndexTooOld: as `ArrayFile.open`, before any block is read.

    Cost: one sequential read; memory 1 MiB and the footer.
    """
    with open_regular(path, entry.size_bytes if entry else None) as (descriptor, size_bytes):
        _, layout, crcs = _read_frame(descriptor, size_bytes, path, entry)
        on_bytes(size_bytes - layout.footer_offset)
        yield from _bad_blocks(descriptor, path, layout, crcs, on_bytes)


def _bad_blocks(
    descriptor: int, path: Path, layout: Layout, crcs: NDArray[np.uint32], on_bytes: Callable[[int], None]
) -> Iterator[str]:
    for number, crc in enumerate(crcs):
        start, size_bytes = layout.block(number)
        if zlib.crc32(read_exactly(descriptor, size_bytes, start, path)) != crc:
            yield _bad_block(layout, start, size_bytes)
        on_bytes(size_bytes)


def _bad_block(layout: Layout, start: int, size_bytes: int) -> str:
    arrays = ", ".join(layout.arrays_between(start, start + size_bytes)) or "none"
    return f"bytes {start} to {start + size_bytes - 1} do not match their checksum (arrays there: {arrays})"


def _read_frame(
    descriptor: int, size_bytes: int, path: Path, entry: FileEntry | None
) -> tuple[dict[str, Any], Layout, NDArray[np.uint32]]:
    """Preamble, header and footer, all checked. Gives the header, the layout, and the block CRCs uint32 (n_blocks,)."""
    header, layout = read_header(descriptor, size_bytes, path)
    footer = read_exactly(descriptor, size_bytes - layout.footer_offset, layout.footer_offset, path)
    expected, crc = encode_footer(footer[: 4 * layout.n_blocks])
    if footer != expected:
        raise IndexCorrupt(path, "the footer does not match its checksum")
    if entry is not None and entry.crc32 != crc:
        raise IndexCorrupt(path, "is whole, but is not the file that the manifest means: its checksum is another")
    return header, layout, np.frombuffer(footer, "<u4", layout.n_blocks)

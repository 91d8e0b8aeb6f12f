"""Protocol-buffer varints, the little of that format that CIFF needs.

A varint is an unsigned number in groups of seven bits, lowest first, the high bit of a byte saying that more follow
(at most ten bytes, 64 bits). One at a time in plain Python, whole arrays at a time with NumPy.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["decode_all", "encode", "encode_all", "read", "sizes"]

LONGEST = 10


def encode(value: int) -> bytes:
    """A number below 2**64 as a varint."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """The varint at `at`: (value, place after it).

    Raises:
        ValueError: it runs past the end or past 64 bits.
    """
    value = shift = 0
    for place in range(at, min(at + LONGEST, len(data))):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= 1 << 64:
                break
            return value, place + 1
        shift += 7
    raise ValueError("a number that does not end")


def sizes(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Bytes of each value as a varint, int64 of the same shape."""
    n = np.ones(values.shape, np.int64)
    for bits in range(7, 64, 7):
        n += values >= np.uint64(1 << bits)
    return n


def encode_all(values: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """All values after one another, uint8 (bytes,)."""
    n = sizes(values)
    ends = np.cumsum(n)
    out = np.empty(int(ends[-1]) if len(ends) else 0, np.uint8)
    start = ends - n
    for i in range(int(n.max(initial=0))):
        here = n > i
        group = (values[here] >> np.uint64(7 * i)).astype(np.uint8) & 0x7F
        out[start[here] + i] = group | ((n[here] > i + 1).astype(np.uint8) << 7)
    return out


def decode_all(data: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """All of `data` read as varints: (values, bytes of each).

    Raises:
        ValueError: the last does not end, or one is longer than nine bytes (63 bits: more than any field here).
    """
    ends = np.flatnonzero(data < 0x80)
    if len(data) and (len(ends) == 0 or ends[-1] != len(data) - 1):
        raise ValueError("a number that does not end")
    n = np.diff(ends, prepend=-1)
    longest = int(n.max(initial=0))
    if longest >= LONGEST:
        raise ValueError("a number of more than 63 bits")
    start = ends - n + 1
    values = np.zeros(len(ends), np.uint64)
    for i in range(longest):
        here = n > i
        values[here] |= (data[start[here] + i] & 0x7F).astype(np.uint64) << np.uint64(7 * i)
    return values, n

"""Document lengths in one byte, as Lucene keeps them.

Lengths up to 39 are exact; above, the three bits after the highest one are kept, so a length is understated by less
than an eighth. One byte a passage instead of four, 256 rows in every score table, and scores equal to Lucene's, whose
norms use the same code (`SmallFloat.intToByte4`, Apache Lucene). The corpus-wide average length is exact.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["LENGTHS", "length_codes"]

_EXACT = 24  # codes below this are lengths themselves; the rest encode length - 24


def _decode(code: int) -> int:
    if code < _EXACT:
        return code
    bits = code - _EXACT
    exponent, mantissa = bits >> 3, bits & 7
    return _EXACT + (mantissa if exponent == 0 else (mantissa | 8) << (exponent - 1))


LENGTHS: NDArray[np.int64] = np.array([_decode(code) for code in range(256)], dtype=np.int64)
"""int64 (256,): the length each code stands for, ascending."""


def length_codes(lengths: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The code of each length: the largest that stands for at most the length. uint8, same shape."""
    return (np.searchsorted(LENGTHS, lengths, side="right") - 1).astype(np.uint8)

"""Weights as int8, and where the difficulty of activations is moved before they are rounded.

Weights are symmetric, one scale for each output (QInt8 per channel). Activations are rounded at run time, one scale for
each token (`graph/linear.py`). A few inputs of a transformer's layers are ten times as large as the others and would
take the whole range of a token for themselves; dividing each input by a number that the weights are multiplied by
leaves the product as it is and spreads the range (Xiao et al., SmoothQuant, ICML 2023, sec. 4).
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["columns", "rows", "smoothing"]

Codes = NDArray[np.int8]
_LARGEST = 127
_MOVED = 0.6  # of the difficulty, from activations to weights: 0.5 to 0.7 did equally well on all-MiniLM-L6-v2
_LEAST = 1e-6
_NOTHING = 1e-30  # below it a step would be no normal float32, and its inverse might be infinite


def columns(weight: NDArray[np.float32]) -> tuple[Codes, NDArray[np.float32]]:
    """int8 (in, out) and float32 scales (out,), so that codes * scales is `weight` (in, out) to half a step."""
    scales = _scales(np.abs(weight).max(axis=0))
    return np.rint(weight / scales).astype(np.int8), scales


def rows(table: NDArray[np.float32]) -> tuple[Codes, NDArray[np.float32]]:
    """int8 (n, width) and float32 scales (n, 1) of a table of embeddings."""
    scales = _scales(np.abs(table).max(axis=1, keepdims=True))
    return np.rint(table / scales).astype(np.int8), scales


def smoothing(peaks: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """What each input is divided by, and its row of the weights multiplied: peak^a / (largest weight)^(1 - a).

    Args:
        peaks: float32 (in,), the largest absolute value of each input over a sample of texts.
        weight: float32 (in, out).

    Returns:
        float32 (in,), all above 0.
    """
    largest = np.maximum(np.abs(weight).max(axis=1), _LEAST)
    factors = np.maximum(peaks, _LEAST) ** _MOVED / largest ** (1 - _MOVED)
    return np.asarray(factors, np.float32)


def _scales(largest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of a step, 1 where all values are as good as 0."""
    return np.where(largest > _NOTHING, largest / np.float32(_LARGEST), np.float32(1)).astype(np.float32)

"""Score tables: the bridge between formulas and one-byte impacts.

At build time `ImpactTable` maps (length code, tf) to the impact that is stored. At query time `ValueTable` maps (length
code, impact) to the exact float64 value under any scorer and average length, and bounds how far `step * impact` is
from it. The bound is taken over the cells that can occur, not from a formula, so it holds for every scorer and any
drift of the average length since the build; the kernels turn it into the margin within which candidates are rescored
(search.hpp).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .lengths import LENGTHS
from .scorers import Scorer

__all__ = ["ImpactTable", "ValueTable", "impact_table", "value_table"]

_TF = np.arange(256)


@dataclass(frozen=True, slots=True)
class ImpactTable:
    """impact: uint8 (256 length codes, 256 tf), 1..255, column 0 unused; decoded: uint16 (256, 256 impacts), the
    smallest tf with that impact at that length, 0 where there is none."""

    impact: NDArray[np.uint8]
    decoded: NDArray[np.uint16]


def impact_table(scorer: Scorer, average: float) -> ImpactTable:
    """The quantiser of a segment: impacts are values in 255 equal steps, never 0. average: tokens, > 0.

    The `impact` method stores weights 1..255 as they are.
    """
    counts = np.maximum(_TF, 1)
    value = scorer.values(counts[None, :], LENGTHS[:, None], average)
    step = 1.0 if scorer.method == "impact" else scorer.ceiling() / 255.0
    impact = np.clip(np.rint(value / step), 1, 255).astype(np.uint8)
    decoded = np.zeros((256, 256), dtype=np.uint16)
    rows = np.arange(256)
    for tf in range(255, 0, -1):  # descending, so that the smallest stays
        decoded[rows, impact[:, tf]] = tf
    return ImpactTable(impact, decoded)


@dataclass(frozen=True, slots=True)
class ValueTable:
    """value: float64 (256 length codes, 256 impacts), 0 at impact 0, which no posting has;
    error_low <= value - step * impact <= error_high wherever a posting can be."""

    value: NDArray[np.float64]
    exception_value: NDArray[np.float64]
    step: float
    error_low: float
    error_high: float


def value_table(
    scorer: Scorer,
    average: float,
    decoded: NDArray[np.uint16],
    *,
    codes: NDArray[np.uint8],
    exception_code: NDArray[np.uint8],
    exception_tf: NDArray[np.uint16],
    exception_impact: NDArray[np.uint8],
) -> ValueTable:
    """Exact values for one field of one segment under any scorer.

    Args:
        average: mean length in tokens under which to score, > 0.
        decoded: of the `ImpactTable` the segment was built with.
        codes: the distinct length codes that occur.
        exception_code, exception_tf, exception_impact: (n_exceptions,) of the segment, all fields; those of other
            fields are computed too and never read.
    """
    tf = np.maximum(decoded, 1).astype(np.float64)
    value = scorer.values(tf, LENGTHS[:, None], average)
    value[:, 0] = 0.0  # a term that does not occur
    exception_value = scorer.values(exception_tf, LENGTHS[exception_code], average)
    occurs = decoded[codes] > 0
    impacts = np.broadcast_to(np.arange(256, dtype=np.float64), occurs.shape)[occurs]
    reached = value[codes][occurs]
    if len(impacts) == 0:
        return ValueTable(value, exception_value, 1.0, 0.0, 0.0)
    # The slope that fits best in the middle of the range; any positive slope would be right, only with wider bounds.
    step = float(np.median(reached / impacts)) or 1.0
    error = np.concatenate([reached - step * impacts, exception_value - step * exception_impact])
    return ValueTable(value, exception_value, step, float(error.min()), float(error.max()))

"""Relative positions as T5 and MPNet have them: a learned number for each head and bucket of distances."""

import math

import numpy as np
from numpy.typing import NDArray

from .builder import Graph

__all__ = ["bucket_of", "relative_bias"]

_FARTHEST = 128


def relative_bias(graph: Graph, buckets: NDArray[np.float32], longest: int) -> str:
    """Added to the attention scores: float32 (1, a, t, t).

    Args:
        buckets: float32 (buckets, a), the learned table.
        longest: tokens of the longest text; the table is unrolled to a row for each distance from -longest to longest.
    """
    distances = np.arange(-longest, longest + 1)
    table = graph.constant("distances", buckets[bucket_of(distances, len(buckets))])
    length = graph.op("Squeeze", graph.op("Shape", "input_ids", start=1, end=2))
    places = graph.op("Range", graph.whole(0), length, graph.whole(1))
    row, column = graph.op("Unsqueeze", places, graph.ints(0)), graph.op("Unsqueeze", places, graph.ints(1))
    offsets = graph.op("Add", graph.op("Sub", row, column), graph.whole(longest))  # key's place - query's
    return graph.op(
        "Unsqueeze", graph.op("Transpose", graph.op("Gather", table, offsets), perm=[2, 0, 1]), graph.ints(0)
    )


def bucket_of(distances: NDArray[np.int64], buckets: int) -> NDArray[np.int64]:
    """Bucket of each distance (key - query): half of them for either side, near ones exact, then logarithmic
    (Raffel et al., JMLR 2020, sec. 2.1; transformers' MPNetEncoder.relative_position_bucket)."""
    half = buckets // 2
    exact, far = half // 2, np.abs(distances)
    # float32 as there, so that distances on the edge of a bucket fall on the same side.
    ratio = np.log(np.maximum(far, 1).astype(np.float32) / np.float32(exact)) / np.float32(math.log(_FARTHEST / exact))
    large = np.minimum(exact + (ratio * (half - exact)).astype(np.int64), half - 1)
    return np.where(far < exact, far, large) + np.where(distances > 0, half, 0)

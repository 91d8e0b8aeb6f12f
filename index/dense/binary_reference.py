"""What a scan of binary codes must return, in NumPy: the kernel is held to this bit by bit.

The score of a row is defined by the order of its additions, so that it is one number on every machine:

    turned = sum over the query's dimensions, in order, of query[j] * W[j]     float32
    table[b][v] = sum over the eight bits of byte b, in order, of +-turned      float64, 0.0 first
    sum = sum over the bytes of the code, in order, of table[b][code[b]]        float64, 0.0 first
    score = query . centre (float64, in order) + scale * (factor * sum)         float64, rounded to float32 once

Results are in the order of (-score, row) after that rounding.
"""

import numpy as np
from numpy.typing import NDArray

from .hashing import Hash, n_bytes, rows_of
from .part import Found

__all__ = ["best", "scan", "some_scores", "turned"]


def scan(
    codes: Hash,
    blocks: NDArray[np.uint8],
    factors: NDArray[np.float32] | None,
    query: NDArray[np.float32],
    k: int,
    n: int,
    allowed: NDArray[np.bool_] | None = None,
) -> Found:
    """The k best of n rows for one query, float32 (d,).

    Args:
        blocks: uint8 (ceil(n / 64), n_bytes, 64), see `blocks_of`.
        factors: float32 (n,), or None where they are all 1.
        allowed: bool (n,), rows that may come back.
    """
    rows = np.arange(n) if allowed is None else np.flatnonzero(allowed)
    return best(rows.astype(np.int64), some_scores(codes, blocks, factors, query, rows), k)


def some_scores(
    codes: Hash,
    blocks: NDArray[np.uint8],
    factors: NDArray[np.float32] | None,
    query: NDArray[np.float32],
    rows: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Scores of some rows: float32 (len(rows),)."""
    tables = _tables(turned(codes, query))
    mine = rows_of(blocks, rows)
    total = np.zeros(len(rows))
    for place, table in enumerate(tables):
        total = total + table[mine[:, place]]
    if factors is not None:
        total = factors[rows].astype(np.float64) * total
    base = np.cumsum(query.astype(np.float64) * codes.centre.astype(np.float64))[-1]
    with np.errstate(over="ignore"):
        scores: NDArray[np.float32] = (base + np.float64(codes.scale) * total).astype(np.float32)
    return scores


def turned(codes: Hash, query: NDArray[np.float32]) -> NDArray[np.float32]:
    """The query among the bits: float32 (D,)."""
    total = np.zeros(n_bytes(codes.dimension) * 8, np.float32)
    if codes.weights is None:
        total[: len(query)] = query
        return total
    for value, row in zip(query, codes.weights, strict=True):
        total = total + value * row
    return total


def best(rows: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> Found:
    """The k best by (-score, row)."""
    order = np.lexsort((rows, -scores))[:k]
    return Found(rows[order], scores[order])


def _tables(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64 (n_bytes, 256)."""
    patterns = np.arange(256)
    tables = np.zeros((len(values) // 8, 256))
    for bit in range(8):
        mine = values[bit::8].astype(np.float64)[:, None]
        tables = tables + np.where(patterns >> bit & 1, mine, -mine)
    return tables

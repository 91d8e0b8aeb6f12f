"""Vectors to measure with: those that `spaniel encode` wrote, and as many more like them as are wanted.

More passages than a collection has are drawn from it: a passage, plus noise with the covariance of all passages, scaled
so that the cosine between the two is the mean cosine of a passage and its nearest neighbour in the collection; then
normalised. So dimensions are as unequal and as correlated as the model makes them, and neighbourhoods as tight as the
collection's. The queries stay the real ones. What this leaves out: a larger collection has closer neighbours, and
topics that the smaller one has not, so recalls of lists and graphs are those of a dense sample of a small subject.
"""

from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

__all__ = ["drawn", "read", "truth"]

_AT_ONCE = 20_000


def read(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Passages float32 (n, d) and queries float32 (q, d) of a folder: corpus.npy and queries.npy."""
    return open_memmap(folder / "corpus.npy", mode="r"), np.array(open_memmap(folder / "queries.npy", mode="r"))


def drawn(real: NDArray[np.float32], n: int, path: Path, *, seed: int = 0) -> NDArray[np.float32]:
    """n passages like the real ones, float32 (n, d), made once and kept at `path`."""
    if path.exists():
        return open_memmap(path, mode="r")
    rng, d = np.random.default_rng(seed), real.shape[1]
    scale, mixing = _noise(real, rng)
    made = open_memmap(path.with_suffix(".part"), mode="w+", dtype=np.float32, shape=(n, d))
    for start in range(0, n, _AT_ONCE):
        size = min(_AT_ONCE, n - start)
        noise = rng.standard_normal((size, d)).astype(np.float32) @ mixing
        some = real[np.sort(rng.integers(0, len(real), size))] + scale * noise
        made[start : start + size] = some / np.linalg.norm(some, axis=1, keepdims=True)
    made.flush()
    path.with_suffix(".part").rename(path)
    return open_memmap(path, mode="r")


def _noise(real: NDArray[np.float32], rng: np.random.Generator) -> tuple[np.float32, NDArray[np.float32]]:
    """How strong the noise is, and the matrix that gives it its covariance, of unit mean square length."""
    sample = np.array(real[np.sort(rng.choice(len(real), min(len(real), 10_000), replace=False))])
    likes = sample[:1000] @ sample.T
    likes[np.arange(len(likes)), np.arange(len(likes))] = -1
    near = float(likes.max(axis=1).mean())
    covariance = np.cov((sample - sample.mean(axis=0)).T)
    values, axes = np.linalg.eigh(covariance / np.trace(covariance))
    mixing = (np.sqrt(np.maximum(values, 0))[:, None] * axes.T).astype(np.float32)
    return np.float32(np.sqrt(1 / near**2 - 1)), mixing


def truth(corpus: NDArray[np.float32], queries: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """The k best passages of each query by float32 dot product: int64 (q, k)."""
    best = np.full((len(queries), k), -np.inf, np.float32)
    rows = np.zeros((len(queries), k), np.int64)
    for start in range(0, len(corpus), _AT_ONCE):
        scores = np.concatenate([best, queries @ corpus[start : start + _AT_ONCE].T], axis=1)
        names = np.concatenate([rows, np.arange(start, start + scores.shape[1] - k)[None].repeat(len(queries), 0)], 1)
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        best, rows = np.take_along_axis(scores, top, 1), np.take_along_axis(names, top, 1)
    return rows

"""Synthetic corpora of any size, the same for the same seed on every machine.

Two shapes, both topic models over a Zipf-Mandelbrot background:

- `bm25_like`: token streams as text gives them. Mean 55 tokens (log-normal), 200,000 terms, 2,000 topics of 200 boosted
  terms each, about 40 % of a passage's tokens from its one or two topics, passages in random topic order. Queries take
  3 to 8 tokens of one passage and mostly avoid its commonest words.
- `learned_like`: about 120 weighted terms a passage out of 30,000, as SPLADE gives them, impacts 1..255 around 45;
  queries of 25 to 40 terms with weights 1..32. Impacts are less skewed than a real model's, which is hard on pruning.

All arrays: `ptr` int64 (n + 1,), `terms` uint32 (ptr[-1],), weights uint8 beside them where there are any.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sampler", "Vectors", "bm25_like", "learned_like"]

CHUNK = 50_000  # passages drawn at a time: bounds the memory


@dataclass(frozen=True, slots=True)
class Vectors:
    """Rows of term ids, in token order for text and ascending for vectors; `weights` is None for text."""

    ptr: NDArray[np.int64]
    terms: NDArray[np.uint32]
    weights: NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.ptr) - 1

    def row(self, i: int) -> NDArray[np.uint32]:
        return self.terms[self.ptr[i] : self.ptr[i + 1]]


class Sampler:
    """Draws from a discrete distribution in O(1) each (Walker's alias method, table built in one pass)."""

    def __init__(self, p: NDArray[np.float64]) -> None:
        n = len(p)
        self.keep, self.other = p / p.sum() * n, np.zeros(n, np.int64)
        small, large = [i for i in range(n) if self.keep[i] < 1], [i for i in range(n) if self.keep[i] >= 1]
        while small and large:
            s, big = small.pop(), large[-1]
            self.other[s] = big
            self.keep[big] -= 1 - self.keep[s]
            if self.keep[big] < 1:
                small.append(large.pop())

    def draw(self, rng: np.random.Generator, n: int) -> NDArray[np.int64]:
        """int64 (n,) of outcomes."""
        i = rng.integers(0, len(self.keep), n)
        return np.where(rng.random(n) < self.keep[i], i, self.other[i])


def zipf(n: int, s: float, q: float) -> NDArray[np.float64]:
    """Zipf-Mandelbrot weights 1 / (rank + q)^s, float64 (n,)."""
    return 1.0 / (np.arange(n) + q) ** s


@dataclass(frozen=True, slots=True)
class _Topics:
    """Which terms each topic boosts, and the topics of every passage."""

    terms: NDArray[np.int64]  # (n_topics, n_boosted)
    within: Sampler
    first: NDArray[np.int32]  # (n,)
    second: NDArray[np.int32]

    @classmethod
    def of(
        cls, rng: np.random.Generator, n: int, vocabulary: int, boosted: int, lowest: int, within: Sampler
    ) -> "_Topics":
        terms = np.exp(rng.uniform(np.log(lowest), np.log(vocabulary - 1), (2000, boosted))).astype(np.int64)
        share = np.exp(rng.normal(0, 0.8, 2000))
        choose = Sampler(share)
        return cls(terms, within, choose.draw(rng, n).astype(np.int32), choose.draw(rng, n).astype(np.int32))


def bm25_like(n: int, n_queries: int = 2000, seed: int = 20240701) -> tuple[Vectors, Vectors]:
    """(passages, queries) as token streams; about 55 * n tokens."""
    rng = np.random.default_rng(seed)
    vocabulary = 200_000
    lengths = np.maximum(6, np.exp(rng.normal(np.log(55) - 0.5 * 0.45**2, 0.45, n))).astype(np.int64)
    background = Sampler(zipf(vocabulary, 1.05, 3.7))
    topics = _Topics.of(rng, n, vocabulary, 200, 150, Sampler(zipf(200, 0.9, 4.0)))
    topical_share = np.clip(rng.beta(4, 6, n), 0.05, 0.9)
    ptr = np.concatenate([[0], np.cumsum(lengths)])
    terms, topical = np.empty(ptr[-1], np.uint32), np.empty(ptr[-1], bool)
    for start in range(0, n, CHUNK):
        stop = min(n, start + CHUNK)
        doc = np.repeat(np.arange(start, stop), lengths[start:stop])
        flag = rng.random(len(doc)) < topical_share[doc]
        topic = np.where(rng.random(len(doc)) < 0.8, topics.first[doc], topics.second[doc])
        drawn = topics.terms[topic, topics.within.draw(rng, len(doc))]
        where = slice(ptr[start], ptr[stop])
        terms[where], topical[where] = np.where(flag, drawn, background.draw(rng, len(doc))), flag
    passages = Vectors(ptr, terms)
    return passages, _text_queries(rng, passages, topical, n_queries)


def _text_queries(rng: np.random.Generator, passages: Vectors, topical: NDArray[np.bool_], n_queries: int) -> Vectors:
    """3 to 8 distinct tokens of one passage; a background token is welcome one time in 4, the 30 commonest never."""
    rows: list[NDArray[np.uint32]] = []
    while len(rows) < n_queries:
        d = int(rng.integers(len(passages)))
        row = passages.row(d)
        welcome = topical[passages.ptr[d] : passages.ptr[d + 1]] | ((rng.random(len(row)) < 0.25) & (row >= 30))
        wanted = int(rng.integers(3, 9))
        order = rng.permutation(np.flatnonzero(welcome))
        _, first = np.unique(row[order], return_index=True)
        chosen = row[order[np.sort(first)]][:wanted]
        if len(row) >= 20 and len(chosen) >= 3:
            rows.append(chosen)
    return Vectors(np.concatenate([[0], np.cumsum([len(r) for r in rows])]), np.concatenate(rows))


def learned_like(n: int, n_queries: int = 2000, seed: int = 20240702) -> tuple[Vectors, Vectors]:
    """(passages, queries) as weighted vectors; about 120 * n entries."""
    rng = np.random.default_rng(seed)
    vocabulary = 30_000
    size = np.clip(np.exp(rng.normal(np.log(120) - 0.5 * 0.25**2, 0.25, n)), 20, 400).astype(np.int64)
    background = Sampler(zipf(vocabulary, 0.75, 10.0))
    topics = _Topics.of(rng, n, vocabulary, 700, 60, Sampler(zipf(700, 0.8, 10.0)))
    parts: list[NDArray[np.uint32]] = []
    counts: list[NDArray[np.int64]] = []
    for start in range(0, n, CHUNK):
        stop = min(n, start + CHUNK)
        doc, term = _distinct_draws(rng, size[start:stop], start, background, topics)
        parts.append(term)
        counts.append(np.bincount(doc - start, minlength=stop - start))
    terms = np.concatenate(parts)
    ptr = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    weights = np.clip(np.exp(rng.normal(3.4, 0.85, len(terms))), 1, 255).astype(np.uint8)
    passages = Vectors(ptr, terms, weights)
    return passages, _vector_queries(rng, passages, topics, n_queries)


def _distinct_draws(
    rng: np.random.Generator, size: NDArray[np.int64], start: int, background: Sampler, topics: _Topics
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Draw 1.6 times too many terms a passage, keep the first `size` distinct ones, ascending: (passage, term)."""
    doc = np.repeat(np.arange(start, start + len(size)), (size * 1.6).astype(np.int64))
    u = rng.random(len(doc))
    topic = np.where(u < 0.45, topics.first[doc], topics.second[doc])
    drawn = topics.terms[topic, topics.within.draw(rng, len(doc))]
    term = np.where(u < 0.6, drawn, background.draw(rng, len(doc)))
    key = doc * 32_768 + term
    _, first = np.unique(key, return_index=True)  # ascending by key, so by (passage, term)
    distinct = np.sort(first)  # by time of drawing
    begin = np.searchsorted(doc[distinct], np.arange(start, start + len(size)))
    rank = np.arange(len(distinct)) - begin[doc[distinct] - start]
    kept = np.sort(key[distinct[rank < size[doc[distinct] - start]]])
    return kept // 32_768, (kept % 32_768).astype(np.uint32)


def _vector_queries(rng: np.random.Generator, passages: Vectors, topics: _Topics, n_queries: int) -> Vectors:
    """60 % of a query's terms are one passage's own, heavy ones first; the rest expands its topic with low weights."""
    assert passages.weights is not None
    ids, weights, sizes = [], [], []
    for _ in range(n_queries):
        d, length = int(rng.integers(len(passages))), int(rng.integers(25, 41))
        row, impact = passages.row(d), passages.weights[passages.ptr[d] : passages.ptr[d + 1]]
        keen = np.argsort(-(impact + rng.random(len(row)) * 120))[: int(0.6 * length)]
        extra = topics.terms[topics.first[d], topics.within.draw(rng, 4 * length)].astype(np.uint32)
        extra = extra[np.sort(np.unique(extra, return_index=True)[1])]
        extra = extra[~np.isin(extra, row[keen])][: length - len(keen)]
        weight = np.exp(np.concatenate([rng.normal(2.2, 0.8, len(keen)), rng.normal(1.2, 0.7, len(extra))]))
        weight = np.clip(weight, 1, 32).astype(np.uint8)
        weight[np.argmax(weight)] = 32
        ids.append(np.concatenate([row[keen], extra]))
        weights.append(weight)
        sizes.append(len(ids[-1]))
    return Vectors(np.concatenate([[0], np.cumsum(sizes)]), np.concatenate(ids), np.concatenate(weights))

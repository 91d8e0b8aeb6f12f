"""What the benchmark of the rerank server asks for: requests of many sizes, of texts of many lengths.

Words are drawn from the tokenizer's vocabulary, so that nothing has to be fetched; the model's weights are random
besides. Lengths of pairs are log-normal with the median of 90 tokens that BM25's passages for questions have
(half of them below 81, a tenth above 139), cut at 512; `long` mixes in pairs of up to 512.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["SIZES", "SOAK_SIZES", "Request", "requests"]


SIZES = {5: 0.1, 10: 0.25, 20: 0.25, 50: 0.25, 100: 0.15}
"""Documents of a request, and how often: what is reranked of a first stage, 35 in the mean."""


SOAK_SIZES = {1: 0.2, 5: 0.2, 10: 0.2, 30: 0.2, 100: 0.15, 300: 0.04, 1000: 0.01}

_QUERY_WORDS = 8
_MEDIAN, _SIGMA = 90, 0.45


@dataclass(frozen=True, slots=True)
class Request:
    """One query and its texts."""

    query: str
    texts: tuple[str, ...]

    @property
    def tokens(self) -> int:
        """Of all its pairs: every word is one, and three are special."""
        asked = len(self.query.split()) + 3
        return sum(asked + len(text.split()) for text in self.texts)

    def body(self) -> bytes:
        """Of POST /rerank in TEI's dialect."""
        return json.dumps({"query": self.query, "texts": self.texts, "raw_scores": True}).encode()


def requests(
    vocabulary: Path, n: int, *, sizes: dict[int, float] = SIZES, long: float = 0.0, seed: int = 0
) -> list[Request]:
    """`n` requests.

    Args:
        vocabulary: a tokenizer.json of the WordPiece kind.
        sizes: documents of a request -> how often.
        long: the part of texts whose length is uniform up to 512 tokens.
    """
    rng = np.random.default_rng(seed)
    words = _words(vocabulary)
    counts = rng.choice(list(sizes), size=n, p=np.array(list(sizes.values())))
    return [
        Request(
            _text(rng, words, _QUERY_WORDS), tuple(_text(rng, words, int(m)) for m in _lengths(rng, int(count), long))
        )
        for count in counts
    ]


def _lengths(rng: np.random.Generator, n: int, long: float) -> NDArray[np.int64]:
    """int64 (n,): words of each text; with the query and three special tokens at most 512."""
    lengths = np.exp(rng.normal(np.log(_MEDIAN), _SIGMA, n))
    lengths = np.where(rng.random(n) < long, rng.uniform(1, 512, n), lengths)
    return np.asarray(np.clip(lengths - _QUERY_WORDS - 3, 1, 501), np.int64)


def _text(rng: np.random.Generator, words: Sequence[str], n: int) -> str:
    return " ".join(words[place] for place in rng.integers(0, len(words), n))


def _words(vocabulary: Path) -> list[str]:
    """Whole words: each is one token."""
    known = json.loads(vocabulary.read_text("utf-8"))["model"]["vocab"]
    return sorted(word for word in known if word.isascii() and word.isalpha() and len(word) > 2)

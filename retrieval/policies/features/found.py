"""What the scores of a search say about how well it went, and how far two searches agree.

The context relevance group of LLM-Independent Adaptive RAG (EMNLP 2025, arXiv 2505.04253), from scores alone, with
what query performance prediction has found to tell: the height of the first score (in units that queries share, where
the retriever has them), its distance to the next and to the last, the spread of the scores (NQC, Shtok et al., TOIS
2012), their entropy, and the overlap of two retrievers' lists.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.types import Ranking

__all__ = ["SCORE_FEATURES", "overlap_names", "overlaps", "score_features"]

SCORE_FEATURES = ("found", "top", "second", "last", "mean", "spread", "gap", "entropy")
"""Names of the values of `score_features`, in their order."""


def score_features(ranking: Ranking, *, unit: float = 0.0, depth: int = 10) -> NDArray[np.float64]:
    """float64 (len(SCORE_FEATURES),) of the first `depth`; zeros where nothing was found.

    Args:
        unit: what a perfect score is (see `retrieval/calibration.py`), above 0; else a score s becomes s / (1 + |s|).

    `second`, `last`, `mean` and `spread` (standard deviation) are shares of the first score, `gap` is the largest step
    between neighbours as a share of all steps, `entropy` that of scores made to add up to 1, divided by its maximum.
    """
    scores = ranking.scores[:depth].astype(np.float64)
    if not len(scores):
        return np.zeros(len(SCORE_FEATURES))
    top = scores[0]
    scale = abs(top) or 1.0
    falls = scores[:-1] - scores[1:]
    total = falls.sum()
    return np.array(
        [
            len(scores) / depth,
            top / unit if unit > 0 else top / (1.0 + abs(top)),
            _bounded(scores[min(1, len(scores) - 1)] / scale),
            _bounded(scores[-1] / scale),
            _bounded(scores.mean() / scale),
            min(scores.std() / scale, 1.0),
            float(falls.max() / total) if total > 0 else 0.0,
            _entropy(scores),
        ]
    )


def overlap_names(searches: Sequence[str]) -> tuple[str, ...]:
    """Names of the values of `overlaps`: one a pair of searches."""
    return tuple(f"{a}&{b}" for place, a in enumerate(searches) for b in searches[place + 1 :])


def overlaps(rankings: Mapping[str, Ranking], *, depth: int = 10) -> NDArray[np.float64]:
    """float64 (n_pairs,): the share of the first `depth` that two searches have in common, for each pair."""
    heads = [set(ranking.ids[:depth].tolist()) for ranking in rankings.values()]
    shared = [len(a & b) / depth for place, a in enumerate(heads) for b in heads[place + 1 :]]
    return np.array(shared, dtype=np.float64)


def _bounded(share: float) -> float:
    return float(min(max(share, -1.0), 1.0))


def _entropy(scores: NDArray[np.float64]) -> float:
    """0..1 of positive scores; 0 for fewer than two or where scores do not add up to a probability."""
    if len(scores) < 2 or scores.min() <= 0:
        return 0.0
    shares = scores / scores.sum()
    return float(-(shares * np.log(shares)).sum() / np.log(len(scores)))

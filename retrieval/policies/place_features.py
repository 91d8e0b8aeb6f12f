"""Numbers about each place of a ranking, from its scores alone: what a model of relevance by place is made of.

Scores are taken in units of their standard deviation in the window, counted from the best one, so that shifting or
stretching all scores of a retriever changes nothing.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["PLACE_FEATURES", "place_features"]

PLACE_FEATURES = (
    "standing",
    "drop",
    "log_drop",
    "log_rank",
    "log_rank_squared",
    "gap_before",
    "gap_behind",
    "largest_gap_before",
    "first_gap",
    "first_gap_log_rank",
    "log_share",
    "before",
    "log_share_sharp",
    "before_sharp",
)
"""standing: deviations above the mean. drop: below the best. gaps: to the neighbours. log_share: of the softmax;
before: of it that stands on earlier places; sharp: of three times the standings."""


def place_features(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 (n, len(PLACE_FEATURES)) of descending scores, float64 (n,), n at least 1."""
    n = len(scores)
    deviation = float(scores.std()) or 1.0
    standing = (scores - scores.mean()) / deviation
    drop = (scores[0] - scores) / deviation
    gaps = np.diff(drop)
    log_rank = np.log1p(np.arange(n))
    before = np.concatenate([[0.0], gaps])
    behind = np.concatenate([gaps, [0.0]])
    first = np.full(n, gaps[0] if n > 1 else 0.0)
    columns = [standing, drop, np.log1p(drop), log_rank, log_rank**2, before, behind, np.maximum.accumulate(before)]
    columns += [first, first * log_rank]
    for sharpness in (1.0, 3.0):
        raised = np.exp(-sharpness * drop)
        total = raised.sum()
        columns += [-sharpness * drop - np.log(total), (np.cumsum(raised) - raised) / total]
    return np.column_stack(columns)

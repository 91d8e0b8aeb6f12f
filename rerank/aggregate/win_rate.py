"""The share of its comparisons that a passage has won (Copeland and Borda counts, where everything is compared).

What PRP's all-pairs does (Qin et al., arXiv 2306.17563, sec. 3.2): a win counts 1, a tie a half. It does not ask who
was beaten, so it needs designs in which every passage meets others as good as anyone else's.
"""

import numpy as np
from numpy.typing import NDArray

from .wins import Wins, checked, with_prior

__all__ = ["win_rate"]


def win_rate(wins: Wins, *, prior: float = 3.0) -> NDArray[np.float64]:
    """Scores 0 to 1, larger is better.

    Args:
        wins: float64 (n, n); `wins.Wins` says what it holds.
        prior: virtual comparisons of each passage, answered by the first stage (`wins.with_prior`). With 0, a passage
            that was never compared has a half.

    Returns:
        float64 (n,): wins / comparisons.

    Raises:
        InvalidInput: `wins` or `prior` that cannot be.

    Cost: O(n^2).

    Example:
        >>> win_rate(np.array([[0.0, 1, 1], [0, 0, 2], [0, 1, 0]]), prior=0).tolist()
        [1.0, 0.5, 0.25]
    """
    wins = with_prior(checked(wins, prior, "win_rate"), prior)
    won, compared = wins.sum(1), wins.sum(1) + wins.sum(0)
    rates = np.full(len(wins), 0.5)
    np.divide(won, compared, out=rates, where=compared > 0)
    return rates

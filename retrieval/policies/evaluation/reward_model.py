"""A model of rewards for judging policies: a ridge regression for each arm, each round told by the other folds."""

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput

from .rounds import LoggedRounds

__all__ = ["predicted_rewards"]

Floats = NDArray[np.float64]


def predicted_rewards(rounds: LoggedRounds, *, ridge: float = 1.0, folds: int = 5, seed: int = 0) -> Floats:
    """float64 (n, arms): what each arm would have brought in each round.

    A round is predicted by models fitted on the other folds. An arm's mean is not held back by `ridge`, its slopes are;
    an arm that the other folds do not hold is predicted by the mean of all arms.

    Args:
        ridge: weight of the prior that slopes are 0, in rounds, above 0; contexts are put on one scale first.
        folds: 2 or more; no more than there are rounds.
        seed: of the dealing.

    Raises:
        InvalidInput: a ridge or number of folds that cannot be used.

    Cost: O(folds n d**2 + folds arms d**3).
    """
    n = len(rounds)
    if not ridge > 0 or not folds >= 2:
        raise InvalidInput("reward model", f"ridge is {ridge} and folds {folds}; above 0, and 2 at least")
    if n < 2:
        raise InvalidInput("reward model", f"{n} rounds; there must be 2 at least")
    spread = rounds.contexts.std(axis=0)
    scaled = (rounds.contexts - rounds.contexts.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    fold_of = np.random.default_rng(seed).permutation(n) % min(folds, n)
    predicted = np.empty((n, len(rounds.arms)))
    for fold in range(min(folds, n)):
        inside = fold_of == fold
        for arm in range(len(rounds.arms)):
            fitted = ~inside & (rounds.played == arm)
            if fitted.any():
                predicted[inside, arm] = _ridge(scaled[fitted], rounds.rewards[fitted], scaled[inside], ridge)
            else:
                predicted[inside, arm] = rounds.rewards[~inside].mean()
    return predicted


def _ridge(contexts: Floats, rewards: Floats, wanted: Floats, ridge: float) -> Floats:
    """float64 (rows of wanted,): predictions of a ridge regression with a free intercept."""
    centre, mean = contexts.mean(axis=0), rewards.mean()
    moved = contexts - centre
    slopes = np.linalg.solve(moved.T @ moved + ridge * np.eye(contexts.shape[1]), moved.T @ (rewards - mean))
    told: Floats = mean + (wanted - centre) @ slopes
    return told

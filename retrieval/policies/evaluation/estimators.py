"""The value of a policy from the log of another: importance weights, reward models, and both.

With weights w = target probability / logging probability of the arm that was played (Dudik, Langford, Li, ICML 2011;
Swaminathan and Joachims, NIPS 2015):

    ips              mean of w r                   unbiased; wide where weights are
    snips            sum of w r / sum of w         hardly biased, and narrower
    direct           mean of sum_a target_a q_a    as good as the model q of rewards
    doubly robust    direct + mean of w (r - q)    unbiased, whatever the model; narrow where it is good

The model is a ridge regression for each arm; each round is predicted by one that has not seen it, so that the doubly
robust mean stays unbiased. Every estimate is a ratio of two means, and its interval is that of ratios: the normal one,
by linearisation, or a bootstrap over rounds. Rounds are taken as independent: of a logging policy that learned
as it went, estimates stay unbiased, and intervals are approximate.

An arm that the logging policy never played says nothing: see `Estimate.unsupported`.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spaniel.retrieval.errors import InvalidInput

from .reward_model import predicted_rewards
from .rounds import LoggedRounds

__all__ = ["Estimate", "IntervalOptions", "direct", "doubly_robust", "ips", "snips"]

Floats = NDArray[np.float64]
Kind = Literal["normal", "bootstrap"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a policy is thought to earn in a round.

    Attributes:
        value: the mean reward.
        low, high: of its interval.
        method: which estimator.
        n: rounds.
        effective_n: (sum of w)**2 / sum of w**2: so many rounds of the policy itself would tell as much.
        unsupported: share of the target's probability on arms that the logging policy would not have played; above 0,
            the estimate says nothing of that share.
        confidence: of the interval.
    """

    value: float
    low: float
    high: float
    method: str
    n: int
    effective_n: float
    unsupported: float
    confidence: float


class IntervalOptions(TypedDict, total=False):
    """How the interval of an estimate is found.

    confidence: of it, above 0, below 1; 0.95 by default.
    interval: "normal", or "bootstrap" (2,000 resamples, percentiles).
    seed: of the bootstrap.
    """

    confidence: float
    interval: Kind
    seed: int


def ips(
    rounds: LoggedRounds, target: ArrayLike, *, clip: float | None = None, **how: Unpack[IntervalOptions]
) -> Estimate:
    """Inverse propensity scoring.

    Args:
        target: float64 (n, arms), the policy's probabilities in each round; see `target_probabilities`.
        clip: weights count no more than this, which narrows and biases; by default they count as they are.
        how: confidence (0.95), interval ("normal", or "bootstrap") and seed, by these names; see `IntervalOptions`.

    Raises:
        InvalidInput: probabilities that are none, no rounds, or another option that cannot be used.

    Example:
        >>> played, half = np.array([0, 1, 0, 1]), np.full((4, 2), 0.5)
        >>> rounds = LoggedRounds(("a", "b"), np.zeros((4, 0)), played, np.array([1.0, 0.0, 1.0, 0.0]), half)
        >>> ips(rounds, np.tile([1.0, 0.0], (4, 1))).value
        1.0
    """
    wanted, weights = _weighed(rounds, target, clip)
    terms = weights * rounds.rewards
    return _estimate("ips", rounds, wanted, weights, terms, np.ones(len(rounds)), **how)


def snips(
    rounds: LoggedRounds, target: ArrayLike, *, clip: float | None = None, **how: Unpack[IntervalOptions]
) -> Estimate:
    """Self-normalised inverse propensity scoring; arguments and errors as `ips`.

    Raises:
        InvalidInput: also when no round was played as the target would.
    """
    wanted, weights = _weighed(rounds, target, clip)
    if not weights.any():
        raise InvalidInput("snips", "the log holds no round that the policy would have played")
    return _estimate("snips", rounds, wanted, weights, weights * rounds.rewards, weights, **how)


def direct(
    rounds: LoggedRounds,
    target: ArrayLike,
    *,
    ridge: float = 1.0,
    folds: int = 5,
    **how: Unpack[IntervalOptions],
) -> Estimate:
    """What a model of rewards says, as wrong as the model is: its interval is of the rounds alone, and far too short.

    The seed also deals the folds; the rest as `ips`.
    """
    wanted, weights = _weighed(rounds, target, None)
    terms = (wanted * predicted_rewards(rounds, ridge=ridge, folds=folds, seed=how.get("seed", 0))).sum(axis=1)
    return _estimate("direct", rounds, wanted, weights, terms, np.ones(len(rounds)), **how)


def doubly_robust(
    rounds: LoggedRounds,
    target: ArrayLike,
    *,
    clip: float | None = None,
    ridge: float = 1.0,
    folds: int = 5,
    **how: Unpack[IntervalOptions],
) -> Estimate:
    """A model of rewards, and the weighted rest of what it missed: the one to take where contexts say something.

    Args:
        ridge, folds: of the model; see `predicted_rewards`.
        target, clip, how: as `ips`; the seed is also that of the folds.

    Raises:
        InvalidInput: as `ips`.
    """
    wanted, weights = _weighed(rounds, target, clip)
    predicted = predicted_rewards(rounds, ridge=ridge, folds=folds, seed=how.get("seed", 0))
    missed = rounds.rewards - predicted[np.arange(len(rounds)), rounds.played]
    terms = (wanted * predicted).sum(axis=1) + weights * missed
    return _estimate("doubly robust", rounds, wanted, weights, terms, np.ones(len(rounds)), **how)


def _weighed(rounds: LoggedRounds, target: ArrayLike, clip: float | None) -> tuple[Floats, Floats]:
    """(target probabilities (n, arms), importance weights (n,)), checked."""
    wanted = np.asarray(target, np.float64)
    if len(rounds) == 0 or wanted.shape != rounds.probabilities.shape:
        raise InvalidInput("target", f"has the shape {wanted.shape}; there are rounds {rounds.probabilities.shape}")
    if not ((wanted >= 0).all() and np.allclose(wanted.sum(axis=1), 1, atol=1e-6)):
        raise InvalidInput("target", "holds rows that are no probabilities")
    if not (rounds.propensities > 0).all():
        raise InvalidInput("log", "an arm was played that had probability 0")
    if clip is not None and not clip > 0:
        raise InvalidInput("clip", f"is {clip}; it must be above 0")
    weights = wanted[np.arange(len(rounds)), rounds.played] / rounds.propensities
    return wanted, weights if clip is None else np.minimum(weights, clip)


def _estimate(
    method: str,
    rounds: LoggedRounds,
    wanted: Floats,
    weights: Floats,
    above: Floats,
    below: Floats,
    *,
    confidence: float = 0.95,
    interval: Kind = "normal",
    seed: int = 0,
) -> Estimate:
    """The estimate mean(above) / mean(below), float64 (n,) each."""
    if not 0 < confidence < 1 or interval not in ("normal", "bootstrap"):
        raise InvalidInput("interval", f"is {interval!r} with confidence {confidence}; normal or bootstrap, 0 to 1")
    value = float(above.sum() / below.sum())
    low, high = (
        _bootstrap(above, below, confidence, seed)
        if interval == "bootstrap"
        else (_normal(above, below, value, confidence))
    )
    unsupported = float(np.where(rounds.probabilities > 0, 0.0, wanted).sum(axis=1).mean())
    squares = float((weights**2).sum())
    effective = float(weights.sum() ** 2 / squares) if squares else 0.0
    return Estimate(value, low, high, method, len(rounds), effective, unsupported, confidence)


def _normal(above: Floats, below: Floats, value: float, confidence: float) -> tuple[float, float]:
    """By linearisation: the ratio is off by the mean of (above - value * below) / mean(below)."""
    rest = (above - value * below) / below.mean()
    deviation = float(rest.std(ddof=1)) if len(rest) > 1 else float("inf")
    half = NormalDist().inv_cdf((1 + confidence) / 2) * deviation / len(rest) ** 0.5
    return value - half, value + half


def _bootstrap(above: Floats, below: Floats, confidence: float, seed: int) -> tuple[float, float]:
    """Percentiles of 2,000 resamples of rounds; those without any weight are left out."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(2000):
        drawn = rng.integers(0, len(above), len(above))
        if total := float(below[drawn].sum()):
            found.append(float(above[drawn].sum()) / total)
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)

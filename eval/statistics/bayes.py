"""Small sets of questions that are right or wrong: the models of Bowyer, Aitchison and Ivanova (ICML 2025).

"Don't use the CLT in LLM evals with fewer than a few hundred datapoints": with 20 or 100 questions the normal
approximation promises too much, and a posterior under a flat prior does not. One system's rate is `beta_interval`
(their sec. 3.1); here are questions that come in clusters (3.2), two systems on different questions (3.3), and two on
the same ones (3.4).

For the same questions the paper puts a correlated Gaussian behind each pair of outcomes and draws from the prior,
weighted by likelihood; with 300 questions, the weight of ten thousand such draws rests on eleven. We use a conjugate
form, a Dirichlet prior on the four joint outcomes, which has no weights to go wrong. Its parameters are 1/2 each: then
each system's rate is uniform, as in the paper, and its intervals hold as often (docs/statistics.md). With 1 each, small
differences would be favoured beforehand. For clusters the posterior is summed over a grid, for the same reason.

Input is 0 or 1 for a question. Measures such as nDCG are not, and are refused.
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spaniel.retrieval.errors import InvalidInput

from .checks import as_binary, check_level, check_resamples
from .special import beta_cdf
from .values import BinaryDifference, Interval

__all__ = [
    "clustered_interval",
    "independent_difference",
    "macro_difference_ends",
    "macro_rate_ends",
    "paired_binary",
]

# Draws from a posterior: its 2.5 % quantile is off by about 0.01 of a standard deviation.
_DRAWS = 100_000


def independent_difference(
    system: ArrayLike, baseline: ArrayLike, *, confidence: float = 0.95, seed: int = 0
) -> BinaryDifference:
    """The difference of two success rates that were measured on different questions.

    Each rate has its posterior under a uniform prior (sec. 3.3). On the same questions use `paired_binary`, which is
    sharper: the two answers to one question go together.

    Args:
        system: 0 or 1 (or bool), one a question.
        baseline: the same, of other questions; the lengths may differ.

    Raises:
        InvalidInput: a value that is neither, none at all, a confidence outside (0, 1), a negative seed.

    Cost: 100,000 draws of each posterior, 15 ms.

    Example:
        >>> found = independent_difference([1] * 45 + [0] * 5, [1] * 30 + [0] * 10)
        >>> print(f"{found.difference:.2f} [{found.low:.2f}, {found.high:.2f}], better: {found.p_better:.2f}")
        0.15 [-0.01, 0.31], better: 0.97
    """
    where = "independent_difference"
    check_level(where, confidence=confidence)
    check_resamples(where, 1, seed)
    a, b = as_binary(f"{where}, system", system), as_binary(f"{where}, baseline", baseline)
    rng = np.random.default_rng(seed)
    draws = rng.beta(1 + a.sum(), 1 + len(a) - a.sum(), _DRAWS) - rng.beta(1 + b.sum(), 1 + len(b) - b.sum(), _DRAWS)
    low, high = _middle(draws, confidence)
    p_better = float(np.mean(draws > 0))
    return BinaryDifference(float(a.mean() - b.mean()), low, high, p_better, (len(a), len(b)), "beta", seed)


def paired_binary(
    system: ArrayLike, baseline: ArrayLike, *, confidence: float = 0.95, seed: int = 0
) -> BinaryDifference:
    """The difference of two success rates on the same questions.

    The four joint outcomes (both right, only the system, only the baseline, neither) have a Dirichlet prior with 1/2
    each, under which each rate is uniform. The probability that the system is better is then that of
    Beta(1/2 + wins, 1/2 + losses) above 1/2, exactly.

    Args:
        system: 0 or 1 (or bool), one a question.
        baseline: the same questions in the same order.

    Raises:
        InvalidInput: as `independent_difference`, or lengths that differ.

    Cost: 100,000 draws, 15 ms.

    Example:
        >>> found = paired_binary([1] * 45 + [0] * 5, [1] * 38 + [0] * 10 + [1] * 2)
        >>> print(f"{found.difference:.2f} [{found.low:.2f}, {found.high:.2f}], better: {found.p_better:.2f}")
        0.10 [-0.02, 0.22], better: 0.95
    """
    where = "paired_binary"
    check_level(where, confidence=confidence)
    check_resamples(where, 1, seed)
    a, b = as_binary(f"{where}, system", system), as_binary(f"{where}, baseline", baseline)
    if len(a) != len(b):
        raise InvalidInput(where, f"{len(a)} values of the system and {len(b)} of the baseline")
    wins, losses = int(np.sum(a > b)), int(np.sum(a < b))
    shares = np.random.default_rng(seed).dirichlet([0.5 + wins, 0.5 + losses, 1 + len(a) - wins - losses], _DRAWS)
    low, high = _middle(shares[:, 0] - shares[:, 1], confidence)
    observed = (wins - losses) / len(a)
    p_better = 1 - beta_cdf(0.5, 0.5 + wins, 0.5 + losses)
    # Where the system wins (or loses) every question, the prior keeps the posterior short of what was observed.
    low, high = min(low, observed), max(high, observed)
    return BinaryDifference(observed, low, high, p_better, (len(a), len(b)), "dirichlet", seed)


def clustered_interval(values: ArrayLike, clusters: Sequence[Hashable], *, confidence: float = 0.95) -> Interval:
    """The success rate over questions that come in clusters: several about one document, turns of one conversation.

    Questions of a cluster succeed or fail together, so ten clusters of ten say less than a hundred questions, and the
    plain interval is too short. The model (sec. 3.2): rate ~ U(0, 1), d ~ Gamma(1, 1), a cluster's own rate ~ Beta(d
    rate, d (1 - rate)). The posterior is summed over a grid of 1,024 rates and 64 values of d; nothing is drawn. With
    one question a cluster it is that of `beta_interval`.

    Args:
        values: 0 or 1 (or bool), one a question.
        clusters: the cluster of each question, any hashable labels.

    Returns:
        The posterior mean of the rate, in which each cluster counts by what it says, and its equal-tailed interval.
        `n` counts questions.

    Raises:
        InvalidInput: as `beta_interval`, or as many labels as there are not values.

    Cost: 131,072 logarithms for each question of the largest cluster (1 ms); 1 MiB.

    Example:
        >>> answers, documents = [1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 0], [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4]
        >>> found = clustered_interval(answers, documents)
        >>> print(f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]")
        0.61 [0.26, 0.90]
    """
    where = "clustered_interval"
    check_level(where, confidence=confidence)
    array = as_binary(where, values)
    if len(clusters) != len(array):
        raise InvalidInput(where, f"{len(array)} values and {len(clusters)} cluster labels")
    numbers: dict[Hashable, int] = {}
    member = [numbers.setdefault(label, len(numbers)) for label in clusters]
    sizes, successes = np.bincount(member), np.bincount(member, weights=array).astype(np.int64)
    rates, weights = _rate_posterior(sizes, successes)
    cumulated = np.cumsum(weights) - weights / 2
    low, high = np.interp([(1 - confidence) / 2, (1 + confidence) / 2], cumulated, rates)
    return Interval(float(weights @ rates), float(low), float(high), len(array), "hierarchical")


def _rate_posterior(
    sizes: NDArray[np.int64], successes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(rates, weights), float64 (512,) each: the marginal posterior of the rate; the weights sum to 1.

    The first grid finds where the posterior lies, the second resolves it, be it of ten questions or of a million.
    """
    low, high = -14.0, 14.0  # log odds: rates from one in a million up
    for _ in range(2):
        log_odds, step = np.linspace(low, high, 512, retstep=True)
        weights = _weights(log_odds, sizes, successes)
        kept = log_odds[weights > 1e-10 * weights.max()]
        low, high = kept[0] - step, kept[-1] + step
    return 1 / (1 + np.exp(-log_odds)), weights / weights.sum()


def _weights(
    log_odds: NDArray[np.float64], sizes: NDArray[np.int64], successes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Posterior of the rate at even steps of its log odds, float64 (rates,), up to a factor; d is summed out."""
    rates, others = 1 / (1 + np.exp(-log_odds)), 1 / (1 + np.exp(log_odds))
    d = np.exp(np.linspace(np.log(1e-3), np.log(40), 64))[:, None]
    log_weight = np.log(rates * others) + np.log(d) - d  # both priors, each times its step of the grid
    # Gamma(x + y) / Gamma(x) = x (x + 1) ... (x + y - 1): one factor for each success, failure and question of a
    # cluster, and as many clusters have a factor i as have more than i of them.
    for i in range(int(sizes.max())):
        log_weight += np.count_nonzero(successes > i) * np.log(d * rates + i)
        log_weight += np.count_nonzero(sizes - successes > i) * np.log(d * others + i)
        log_weight -= np.count_nonzero(sizes > i) * np.log(d + i)
    marginal: NDArray[np.float64] = np.exp(log_weight - log_weight.max()).sum(axis=0)
    return marginal


def macro_rate_ends(strata: Sequence[NDArray[np.float64]], *, confidence: float, seed: int) -> tuple[float, float]:
    """Ends of the interval of the mean of several collections' success rates, each collection counting the same.

    The rates are independent, each with the posterior Beta(1/k + successes, 1/k + failures) for k collections: the
    prior of `beta_interval`, shared among them. Were it uniform for each, k priors would pull the mean towards 1/2 k
    times as hard, while the interval gets shorter: of twelve collections of ten questions and a rate of 0.97, 2 % of
    such intervals hold the truth, and 90 % with the prior shared (docs/statistics.md).

    Args:
        strata: float64 (n_s,) each, 0 or 1.

    Cost: 100,000 draws a collection, 10 ms.
    """
    rng, prior = np.random.default_rng(seed), 1 / len(strata)
    total = np.zeros(_DRAWS)
    for x in strata:
        total += rng.beta(prior + x.sum(), prior + len(x) - x.sum(), _DRAWS)
    low, high = _middle(total / len(strata), confidence)
    observed = float(np.mean([x.mean() for x in strata]))
    return min(low, observed), max(high, observed)


def macro_difference_ends(
    strata: Sequence[NDArray[np.float64]], *, confidence: float, seed: int
) -> tuple[float, float]:
    """Ends of the interval of the mean of several collections' differences of success rates, on the same questions.

    As `paired_binary` in each collection, its prior shared among them as in `macro_rate_ends`.

    Args:
        strata: float64 (n_s,) each: 1 where the system alone is right, -1 where the baseline alone is, 0 elsewhere.

    Cost: 100,000 draws a collection, 15 ms.
    """
    rng, prior = np.random.default_rng(seed), 1 / len(strata)
    total = np.zeros(_DRAWS)
    for x in strata:
        wins, losses = int(np.sum(x > 0)), int(np.sum(x < 0))
        shares = rng.dirichlet([prior / 2 + wins, prior / 2 + losses, prior + len(x) - wins - losses], _DRAWS)
        total += shares[:, 0] - shares[:, 1]
    low, high = _middle(total / len(strata), confidence)
    observed = float(np.mean([x.mean() for x in strata]))
    return min(low, observed), max(high, observed)


def _middle(draws: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Equal-tailed interval of a sample."""
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)

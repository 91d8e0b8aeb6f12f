"""What the functions here give back."""

from dataclasses import dataclass

__all__ = ["BinaryDifference", "Interval", "Paired"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over queries and where the mean over all such queries may lie.

    `low` and `high` are NaN where the values cannot say (a single one that is not binary); write them as absent, not as
    0.
    """

    mean: float
    low: float
    high: float
    n: int
    """Queries."""
    method: str
    """"bca", "t", "beta", "wilson", "clopper_pearson" or "hierarchical"."""


@dataclass(frozen=True, slots=True)
class Paired:
    """A system against a baseline on the same queries; `difference` > 0 is better than the baseline.

    `p` answers "could this be chance?", `low` and `high` "how large may it be?", `mde` "what would this set have
    seen?". `low`, `high` and `mde` are NaN where the values cannot say.
    """

    difference: float
    """Mean of system - baseline; over several collections the mean of their means."""
    low: float
    high: float
    p: float
    """Two-sided, of the paired randomisation test; never 0."""
    wins: int
    """Queries on which the system is better."""
    ties: int
    losses: int
    mde: float
    """The smallest true difference that this set would show in 80 of 100 repetitions, at the level asked."""
    n: int
    """Queries."""
    method: str
    """How the interval was made: "t", "dirichlet" or "bca"."""
    resamples: int
    """Sign patterns that `p` counts: those asked for, or all of them where they are no more than that."""
    seed: int


@dataclass(frozen=True, slots=True)
class BinaryDifference:
    """The difference of two success rates, and what its posterior says."""

    difference: float
    """Success rate of the system minus that of the baseline, as observed."""
    low: float
    high: float
    p_better: float
    """Posterior probability that the system's rate is the higher one; not a p-value: near 0 it is worse, near 1
    better."""
    n: tuple[int, int]
    """Questions of the system and of the baseline."""
    method: str
    """"beta" (different questions) or "dirichlet" (the same ones)."""
    seed: int

"""Playing policies over rounds: what a policy that learns as it goes would have earned.

- `play` over rounds whose every outcome is known: exactly what would have happened.
- `replay` over a log (Li, Chu, Langford, Wang, WSDM 2011): rounds on which the policy takes the arm that was played are
  kept and learned, the others are passed over. Its mean is unbiased for logs of evenly drawn arms; a log with other
  probabilities is thinned to such a one first.
- `cross_validated`: learned on some folds, judged on the others as it then stands.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.bandits.base import Bandit
from spaniel.retrieval.policies.bandits.budgeted import BudgetedBandit
from spaniel.retrieval.policies.bandits.reward import Reward
from spaniel.retrieval.policies.decision import Decision

from .rounds import KnownRounds, LoggedRounds, target_probabilities

__all__ = ["Played", "cross_validated", "play", "replay"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """What came of it, round by round.

    Attributes:
        rows: int64 (m,), the rounds that were played, in order.
        arms: int64 (m,). rewards: float64 (m,).
        best: the greatest mean reward of one arm in these rounds; nan for logs, where it is not known.
        oracle: the mean of the greatest reward of each; nan for logs.
    """

    rows: NDArray[np.int64]
    arms: NDArray[np.int64]
    rewards: Floats
    best: float = float("nan")
    oracle: float = float("nan")

    @property
    def value(self) -> float:
        """The mean reward; nan of nothing."""
        return float(self.rewards.mean()) if len(self.rewards) else float("nan")

    @property
    def score(self) -> float:
        """0 for the best fixed arm, 1 for the perfect chooser; nan where they are level or not known."""
        gap = self.oracle - self.best
        return (self.value - self.best) / gap if gap > 0 else float("nan")


def play(
    policy: Bandit | BudgetedBandit,
    rounds: KnownRounds,
    *,
    preferences: Mapping[str, float] | None = None,
    order: ArrayLike | None = None,
) -> Played:
    """Let a policy decide and learn, round after round; it is changed.

    Args:
        preferences: of every decision; the policy's own by default.
        order: rows in which they come; as they stand by default.

    Raises:
        InvalidInput: other arms, or a metric that the policy learns is missing.
    """
    _same_arms(policy.arms, rounds.arms)
    rows = np.arange(len(rounds)) if order is None else np.asarray(order, np.int64)
    worth = rounds.rewards(_reward_of(policy), preferences)[rows]
    arms = np.empty(len(rows), np.int64)
    for place, row in enumerate(rows.tolist()):
        decision = policy.choose(rounds.contexts[row], preferences=preferences)
        arms[place] = policy.arms.index(decision.arm)
        policy.learn(decision, rounds.outcome(row, int(arms[place])))
    rewards = worth[np.arange(len(rows)), arms]
    return Played(rows, arms, rewards, float(worth.mean(axis=0).max()), float(worth.max(axis=1).mean()))


def replay(policy: Bandit, rounds: LoggedRounds, *, seed: int = 0) -> Played:
    """Let a policy decide over a log, and learn where it takes the arm that was played; it is changed.

    The policy must learn one metric: the log's reward.

    Args:
        seed: of the thinning, where the log's arms were not drawn evenly.

    Raises:
        InvalidInput: other arms, or a policy of several metrics.
    """
    _same_arms(policy.arms, rounds.arms)
    if len(policy.reward.metrics) != 1:
        raise InvalidInput("replay", f"{policy.name} learns {', '.join(policy.reward.metrics)}; it must be one metric")
    rng = np.random.default_rng(seed)
    # Kept with probability least / propensity, every arm's rounds are as frequent as if it had been drawn evenly.
    kept = rng.random(len(rounds)) * rounds.propensities < rounds.propensities.min(initial=1.0)
    rows, arms = [], []
    for row in np.flatnonzero(kept).tolist():
        decision = policy.choose(rounds.contexts[row])
        if decision.arm == rounds.arms[rounds.played[row]]:
            policy.learn(decision, float(rounds.rewards[row]))
            rows.append(row)
            arms.append(int(rounds.played[row]))
    taken = np.array(rows, np.int64)
    return Played(taken, np.array(arms, np.int64), rounds.rewards[taken])


def cross_validated(
    make: Callable[[int], Bandit],
    rounds: KnownRounds,
    *,
    folds: int = 10,
    full_information: bool = False,
    preferences: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Floats:
    """float64 (n, arms): what a policy that learned the other folds would draw from in each round.

    With `rounds.rewards(...)` it gives the reward to expect of each: `(told * rewards).sum(axis=1)`.

    Args:
        make: the number of a fold -> a new policy.
        full_information: learn the outcome of every arm of a round, as the table tells it; by default only that of the
            arm that was drawn, as a live policy would.
        seed: of the dealing and of the order.

    Raises:
        InvalidInput: as `play`, or fewer than 2 folds, or fewer rounds than folds.
    """
    if not 2 <= folds <= len(rounds):
        raise InvalidInput(
            "cross_validated", f"{folds} folds of {len(rounds)} rounds; 2 at least, and a round for each"
        )
    rng = np.random.default_rng(seed)
    fold_of = rng.permutation(len(rounds)) % folds
    told = np.empty((len(rounds), len(rounds.arms)))
    for fold in range(folds):
        policy = make(fold)
        others = rng.permutation(np.flatnonzero(fold_of != fold))
        if full_information:
            _learn_all(policy, rounds, others)
        else:
            play(policy, rounds, preferences=preferences, order=others)
        inside = fold_of == fold
        told[inside] = target_probabilities(policy, rounds.contexts[inside], preferences)
    return told


def _learn_all(policy: Bandit, rounds: KnownRounds, rows: NDArray[np.int64]) -> None:
    """Learn every arm's outcome of these rounds."""
    _same_arms(policy.arms, rounds.arms)
    even = (1 / len(rounds.arms),) * len(rounds.arms)
    for row in rows.tolist():
        context = tuple(rounds.contexts[row].tolist())
        for place, arm in enumerate(rounds.arms):
            decision = Decision(f"known-{row}-{place}", arm, rounds.arms, even, context)
            policy.learn(decision, rounds.outcome(row, place))


def _reward_of(policy: Bandit | BudgetedBandit) -> Reward:
    return policy.policy.reward if isinstance(policy, BudgetedBandit) else policy.reward


def _same_arms(ours: tuple[str, ...], theirs: tuple[str, ...]) -> None:
    if ours != theirs:
        raise InvalidInput("rounds", f"are of the arms {', '.join(theirs)}; the policy has {', '.join(ours)}")

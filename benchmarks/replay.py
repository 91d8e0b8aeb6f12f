"""Policies that are learned on some questions and judged on others: what the benchmarks of routing share.

Every question belongs to a group; a policy never learns from the group that it is judged on. `learned` gives the
probabilities of all arms for every question, the mean over several divisions into folds; `gain` the mean of the paired
differences with a 95 % interval that takes groups, not questions, as what was drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.statistics.special import t_quantile
from spaniel.retrieval.policies.bandits.base import Bandit
from spaniel.retrieval.policies.bandits.table import make_policy
from spaniel.retrieval.policies.decision import Decision

Floats = NDArray[np.float64]
FOLDS, REPEATS, RIDGE = 10, 5, 10.0
"""As they were set for the logged answers of hotpotqa-mini; nothing was tried here."""


@dataclass(frozen=True)
class Gain:
    """A mean difference and the ends of its interval."""

    difference: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.difference:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


def gain(values: Floats, base: Floats, groups: Sequence[int] | NDArray[np.int64]) -> Gain:
    """values - base over questions; Student's t over the sums of groups (Cameron and Miller 2015, sec. II)."""
    differences = np.asarray(values - base, np.float64)
    mean = float(differences.mean())
    names, places = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(places, weights=differences - mean)
    n = len(names)
    error = float(np.sqrt((sums**2).sum() * n / (n - 1))) / len(differences)
    reach = t_quantile(0.975, n - 1) * error
    return Gain(mean, mean - reach, mean + reach)


def joined(linked: Sequence[Sequence[str]]) -> NDArray[np.int64]:
    """A group for each question, int64 (n,): questions that share a name are in one, and so are those of theirs."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    for names in linked:
        for name in names:
            parent[root(name)] = root(names[0])
    roots = [root(names[0]) for names in linked]
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)


def folds(groups: NDArray[np.int64], seed: int) -> list[NDArray[np.int64]]:
    """Questions to be judged together, whole groups in each, about equally many."""
    rng = np.random.default_rng(seed)
    names, counts = np.unique(groups, return_counts=True)
    order = rng.permutation(len(names))
    ends = np.cumsum(counts[order])
    fold = np.empty(len(names), np.int64)
    fold[order] = np.minimum((ends - 1) * FOLDS // ends[-1], FOLDS - 1)
    of_question = fold[np.searchsorted(names, groups)]
    return [np.flatnonzero(of_question == each) for each in range(FOLDS)]


def learned(
    context: Floats,
    rewards: Floats,
    arms: Sequence[str],
    groups: NDArray[np.int64],
    *,
    costs: Floats | None = None,
    prices: Sequence[float] = (0.0,),
    online: bool = False,
    n_train: int | None = None,
    ridge: float = RIDGE,
) -> Floats:
    """How likely each question gets each arm, by a linear policy that did not see it.

    Args:
        context: float64 (n, d); rewards, costs: float64 (n, arms).
        prices: what one unit of cost is worth in reward; one policy learns both, and is asked at every price.
        online: learn from the arm that is played alone, by a policy set as the library sets it; else from all arms of
            every question.
        n_train: learn from so many questions of the other folds; None: from all.
        ridge: of policies that learn from all arms.

    Returns:
        float64 (prices, n, arms).
    """
    spent = np.zeros_like(rewards) if costs is None else costs
    shares = np.zeros((len(prices), *rewards.shape))
    for repeat in range(REPEATS):
        order = np.random.default_rng(repeat).permutation(len(rewards))
        for test in folds(groups, repeat):
            train = order[~np.isin(order, test)][:n_train]
            policy = _policy(arms, context.shape[1], learns=online, ridge=ridge)
            for row in train:
                for decision in _decisions(policy, context[row], arms, online):
                    arm = arms.index(decision.arm)
                    policy.learn(decision, {"reward": float(rewards[row, arm]), "cost": float(spent[row, arm])})
            final = _policy(arms, context.shape[1], ridge=1.0 if online else ridge)
            final._restore(policy._state())
            for place, price in enumerate(prices):
                wanted = {"reward": 1.0, "cost": price}
                shares[place, test] += [final.probabilities(context[row], preferences=wanted) for row in test]
    return shares / REPEATS


def _policy(arms: Sequence[str], dimension: int, *, ridge: float, learns: bool = False) -> Bandit:
    """One that learns from what it plays is set as the library sets it: ridge 1, alpha .5, floor .01."""
    wanted = {} if learns else {"ridge": ridge, "alpha": 0.0, "floor": 0.0}
    settings = {"preferences": {"reward": 1.0, "cost": 0.0}, "costs": ["cost"]}
    return make_policy("linucb", arms, dimension, **settings, **wanted)


def _decisions(policy: Bandit, context: Floats, arms: Sequence[str], online: bool) -> list[Decision]:
    """What is learned from a question: every arm, or the one that the policy plays."""
    if online:
        return [policy.choose(context)]
    even = (1 / len(arms),) * len(arms)
    return [Decision("", arm, tuple(arms), even, tuple(context.tolist())) for arm in arms]

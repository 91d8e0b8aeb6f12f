"""What routing policies are judged on: rounds of a log, and rounds whose every outcome is known.

A log tells of each round what the arm that was played brought. A table of known outcomes tells it of every arm: what a
test collection gives when each route is run on each of its queries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.bandits.log import Logged
from spaniel.retrieval.policies.bandits.reward import Reward

__all__ = ["Judged", "KnownRounds", "LoggedRounds", "known_rounds", "logged_rounds", "target_probabilities"]

Floats = NDArray[np.float64]


class Judged(Protocol):
    """A policy that tells what it would do."""

    @property
    def arms(self) -> tuple[str, ...]: ...
    def probabilities(
        self, context: ArrayLike | None = None, *, preferences: Mapping[str, float] | None = None
    ) -> Floats:
        """float64 (arms,)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LoggedRounds:
    """Rounds of a log.

    Attributes:
        arms: names.
        contexts: float64 (n, d). played: int64 (n,), the arm of each. rewards: float64 (n,).
        probabilities: float64 (n, arms), what the logging policy drew from.
        n_left_out: entries whose metrics are not known.
    """

    arms: tuple[str, ...]
    contexts: Floats
    played: NDArray[np.int64]
    rewards: Floats
    probabilities: Floats
    n_left_out: int = 0

    @property
    def propensities(self) -> Floats:
        """float64 (n,), above 0: of the arms that were played."""
        told: Floats = self.probabilities[np.arange(len(self.played)), self.played]
        return told

    def __len__(self) -> int:
        return len(self.played)


@dataclass(frozen=True, slots=True, eq=False)
class KnownRounds:
    """Rounds whose outcome is known for every arm.

    Attributes:
        arms: names.
        contexts: float64 (n, d).
        metrics: name -> float64 (n, arms).
    """

    arms: tuple[str, ...]
    contexts: Floats
    metrics: Mapping[str, Floats]

    def rewards(self, reward: Reward, preferences: Mapping[str, float] | None = None) -> Floats:
        """float64 (n, arms): what each arm was worth in each round.

        Raises:
            InvalidInput: a metric is missing.
        """
        if missing := [each for each in reward.metrics if each not in self.metrics]:
            raise InvalidInput("rounds", f"{missing[0]!r} is missing; there are {', '.join(self.metrics)}")
        weights = reward.weights(preferences)
        scales = [reward.scales.get(each, 1.0) for each in reward.metrics]
        stacked = np.stack([self.metrics[each] / scale for each, scale in zip(reward.metrics, scales, strict=True)])
        return np.tensordot(weights, stacked, axes=1)

    def outcome(self, row: int, arm: int) -> dict[str, float]:
        """Every metric of an arm in a round."""
        return {name: float(values[row, arm]) for name, values in self.metrics.items()}

    def __len__(self) -> int:
        return len(self.contexts)


def known_rounds(
    arms: Sequence[str], metrics: Mapping[str, ArrayLike] | ArrayLike, contexts: ArrayLike | None = None
) -> KnownRounds:
    """Rounds from arrays, checked.

    Args:
        arms: names.
        metrics: name -> (n, arms); an array alone is named "reward".
        contexts: (n, d); none by default.

    Raises:
        InvalidInput: shapes that do not fit together, numbers that are not finite, or no rounds.
    """
    named = metrics if isinstance(metrics, Mapping) else {"reward": metrics}
    arrays = {name: np.asarray(values, np.float64) for name, values in named.items()}
    shapes = {each.shape for each in arrays.values()}
    n = next(iter(shapes))[0] if shapes and len(next(iter(shapes))) == 2 else 0
    wide = np.zeros((n, 0)) if contexts is None else np.asarray(contexts, np.float64)
    if shapes != {(n, len(arms))} or n == 0 or wide.ndim != 2 or len(wide) != n:
        found = f"metrics {sorted(shapes)}, contexts {wide.shape}"
        raise InvalidInput("rounds", f"{found}; they must be (n, {len(arms)}) and (n, d), n at least 1")
    if not all(np.isfinite(each).all() for each in (*arrays.values(), wide)):
        raise InvalidInput("rounds", "a number is not finite")
    return KnownRounds(tuple(arms), wide, arrays)


def logged_rounds(
    entries: Sequence[Logged], reward: Reward | None = None, preferences: Mapping[str, float] | None = None
) -> LoggedRounds:
    """The rounds of a log whose metrics are known.

    Args:
        entries: of `read_log`.
        reward: how metrics become a reward; by default the metric "reward" is it.
        preferences: weight of each metric; by default those of `reward`, whatever decisions were taken for.

    Raises:
        InvalidInput: no rounds, decisions over other arms or of other contexts, or a metric is missing.
    """
    worth = reward or Reward()
    known = [each for each in entries if each.metrics is not None]
    kinds = {(each.decision.arms, len(each.decision.context)) for each in known}
    if len(kinds) != 1:
        found = f"{len(kinds)} kinds of decisions (arms, length of context)" if kinds else "no decision has metrics"
        raise InvalidInput("log", f"{found}; there must be one kind", "select entries of one policy")
    arms, dimension = next(iter(kinds))
    weights = worth.weights(preferences)
    return LoggedRounds(
        arms,
        np.array([each.decision.context for each in known], np.float64).reshape(len(known), dimension),
        np.array([arms.index(each.decision.arm) for each in known], np.int64),
        np.array([weights @ worth.vector(each.metrics or {}) for each in known], np.float64),
        np.array([each.decision.probabilities for each in known], np.float64),
        len(entries) - len(known),
    )


def target_probabilities(policy: Judged, contexts: ArrayLike, preferences: Mapping[str, float] | None = None) -> Floats:
    """float64 (n, arms): what a policy, as it stands, would draw from in each round.

    Raises:
        InvalidInput: contexts that do not fit the policy.
    """
    rows = np.asarray(contexts, np.float64)
    return np.array([policy.probabilities(x, preferences=preferences) for x in rows]).reshape(-1, len(policy.arms))

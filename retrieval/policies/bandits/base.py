"""What all bandits share: drawing an arm, the exploration floor, the lock, and the file.

A policy says how likely it would play each arm (`_weigh`) and takes in an outcome (`_take`). Everything else is here.
The arm is always drawn from the very probabilities that the decision carries, so that a log can be judged later
(`policies/evaluation`): also where the policy's own rule is deterministic, as with upper confidence bounds, and where
it draws from posteriors (`best_arm.py`). With the floor e, each of n allowed arms has at least e / n.
"""

import inspect
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Self, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spaniel.retrieval.errors import InvalidInput, LimitExceeded
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.policies.json_file import write_json
from spaniel.retrieval.types import JSON

from .reward import COSTS, Reward
from .state import check_number, entry, generator_of, generator_state, integer_of, opened, wrapped

__all__ = ["Bandit", "Common", "Floats", "Saved", "check_numbers", "check_settings", "greedy"]

Floats = NDArray[np.float64]
_MOST_ARMS = 1000
_MOST_NUMBERS = 1 << 26
_STREAM = 0x62616E64
"""Goes into the seed: a simulation that draws its world from default_rng(seed) must not meet the same numbers here,
where an arm would be drawn by the very number that decides what it brings."""


class Common(TypedDict, total=False):
    """Settings of every bandit.

    floor: share of decisions dealt evenly among the allowed arms, 0 to 1; 0.01 by default. With 0, arms that a
        policy would not play have probability 0, and a log of it says nothing of them.
    seed: of the draws.
    preferences, costs, scales: how metrics become a reward; see `Reward`. By default one number, named "reward".
    """

    floor: float
    seed: int
    preferences: Mapping[str, float]
    costs: Sequence[str]
    scales: Mapping[str, float]


class Saved(ABC):
    """What a file can hold."""

    @abstractmethod
    def to_json(self) -> dict[str, JSON]:
        """Settings and state."""

    def save(self, path: str | Path) -> None:
        """Write it as JSON, whole or not at all; `table.read_policy` reads it."""
        write_json(path, self.to_json())


class Bandit(Saved):
    """A `RoutePolicy` that learns. Safe to call from several threads.

    Attributes:
        name: its name in the table of policies.
        arms: in a fixed order.
        dimension: of contexts; None where the policy looks at none (a context is then kept for the log alone).
        reward: how metrics become a reward.
        step: decisions taken so far.
    """

    name: ClassVar[str]
    contextual: ClassVar[bool] = False

    def __init__(
        self,
        arms: Sequence[str],
        own: Mapping[str, JSON],
        *,
        dimension: int | None = None,
        **common: Unpack[Common],
    ) -> None:
        """Args: arms; own: the settings of this kind of policy, for its file; dimension; the common settings."""
        self.arms = _checked_arms(self.name, arms)
        self.dimension = _checked_dimension(self.name, dimension, self.contextual)
        self.floor = check_number(self.name, "floor", common.get("floor", 0.01), 0, 1)
        self.reward = Reward(
            common.get("preferences", {"reward": 1.0}), _names(common.get("costs", COSTS)), common.get("scales", {})
        )
        seed = common.get("seed", 0)
        if type(seed) is not int or seed < 0:
            raise InvalidInput(self.name, f"seed is {seed!r}; it must be a whole number, 0 or above")
        self.step = 0
        self._settings: dict[str, JSON] = {"floor": self.floor, "seed": seed, **self.reward.to_json(), **own}
        if self.dimension is not None:
            self._settings["dimension"] = self.dimension
        self._rng = np.random.default_rng((_STREAM, seed))
        self._lock = threading.Lock()

    def choose(
        self,
        context: ArrayLike | None = None,
        *,
        preferences: Mapping[str, float] | None = None,
        allowed: Collection[str] | None = None,
    ) -> Decision:
        """A decision, with the probability it was taken with; see `protocols.RoutePolicy`.

        Raises:
            InvalidInput: a context of another length or not finite, preferences for what is not learned, an unknown
                arm in `allowed`, or none.
        """
        x, weights, among = self._checked(context, preferences, allowed)
        with self._lock:
            odds, values = self._weigh(x, weights, among)
            shares = self._with_floor(odds)
            # The last place of the running sum may lie a rounding below 1.
            drawn = min(int(np.searchsorted(np.cumsum(shares), self._rng.random(), side="right")), len(shares) - 1)
            while shares[drawn] == 0:
                drawn -= 1
            step, self.step = self.step, self.step + 1
        return Decision(
            id=f"{self.name}-{step}-{os.urandom(8).hex()}",  # unique over processes and runs, whatever the seed
            arm=self.arms[among[drawn]],
            arms=self.arms,
            probabilities=tuple(self._spread(shares, among).tolist()),
            context=tuple(x.tolist()),
            preferences=dict(preferences or {}),
            policy=self.name,
            step=step,
            explored=bool(values[drawn] < values.max()),
        )

    def probabilities(
        self,
        context: ArrayLike | None = None,
        *,
        preferences: Mapping[str, float] | None = None,
        allowed: Collection[str] | None = None,
    ) -> Floats:
        """float64 (arms,): what `choose` would draw from now; nothing is drawn and no step counted.

        Raises:
            InvalidInput: as `choose`.
        """
        x, weights, among = self._checked(context, preferences, allowed)
        with self._lock:
            before = self._rng.bit_generator.state
            odds, _ = self._weigh(x, weights, among)
            self._rng.bit_generator.state = before
        return self._spread(self._with_floor(odds), among)

    def learn(self, decision: Decision, reward: float | Mapping[str, float]) -> None:
        """Take in what a decision was worth; decisions of other policies over the same arms do as well.

        It may come late and in any order. A decision told of twice counts twice.

        Raises:
            InvalidInput: an arm that the policy does not have, a context that does not fit, or a reward that lacks a
                metric or is not finite.
        """
        x, outcome = self._told(decision, reward)
        with self._lock:
            self._take(self.arms.index(decision.arm), x, outcome, decision)

    def check(self, decision: Decision, reward: float | Mapping[str, float]) -> None:
        """Raise what `learn` would; nothing is learned."""
        self._told(decision, reward)

    def to_json(self) -> dict[str, JSON]:
        """Settings and state, enough to go on exactly where this policy stands."""
        with self._lock:
            state: dict[str, JSON] = {"step": self.step, "rng": generator_state(self._rng), **self._state()}
        return wrapped(self.name, {"arms": list(self.arms), **self._settings}, state)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The policy of `to_json`.

        Raises:
            InvalidInput: it is of another policy, or a setting or part of its state does not fit.
        """
        name, settings, state = opened(value)
        if name != cls.name:
            raise InvalidInput(cls.name, f"the state is of {name!r}")
        check_settings(cls, settings)
        try:
            policy = cls(**settings)
        except TypeError as error:
            raise InvalidInput(cls.name, f"settings cannot be used ({error})") from error
        policy.step = integer_of(state, "step")
        policy._rng = generator_of(entry(state, "rng"))
        policy._restore(state)
        return policy

    @abstractmethod
    def _weigh(self, x: Floats, weights: Floats, among: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """(odds, values) of the arms `among`, float64 (len(among),) each.

        odds: how likely each would be played, adding up to 1, before the floor. values: the reward to expect of each.
        """

    @abstractmethod
    def _take(self, arm: int, x: Floats, outcome: Floats, decision: Decision) -> None:
        """Learn from an outcome, float64 (metrics,)."""

    @abstractmethod
    def _state(self) -> dict[str, JSON]:
        """What was learned."""

    @abstractmethod
    def _restore(self, state: Mapping[str, Any]) -> None:
        """Take `_state` back, checked.

        Raises:
            InvalidInput: it does not fit.
        """

    def _told(self, decision: Decision, reward: float | Mapping[str, float]) -> tuple[Floats, Floats]:
        """(context, outcome) of a decision, checked."""
        if decision.arm not in self.arms:
            raise InvalidInput(self.name, f"{decision.arm!r} is no arm; there are {', '.join(self.arms)}")
        return self._checked_context(decision.context), self.reward.vector(reward)

    def _floor_now(self) -> float:
        """The floor of this decision."""
        return self.floor

    def _checked(
        self, context: ArrayLike | None, preferences: Mapping[str, float] | None, allowed: Collection[str] | None
    ) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """(context, signed weights of the metrics, places of the allowed arms)."""
        return self._checked_context(context), self.reward.weights(preferences), self._among(allowed)

    def _checked_context(self, context: ArrayLike | None) -> Floats:
        x: Floats = np.zeros(0) if context is None else np.asarray(context, np.float64)
        if self.dimension is not None and x.shape != (self.dimension,):
            raise InvalidInput(self.name, f"the context has the shape {x.shape}; it must be ({self.dimension},)")
        if x.ndim != 1 or not np.isfinite(x).all():
            raise InvalidInput(self.name, "the context must be one row of finite numbers")
        return x

    def _among(self, allowed: Collection[str] | None) -> NDArray[np.int64]:
        if allowed is None:
            return np.arange(len(self.arms))
        if unknown := [each for each in allowed if each not in self.arms]:
            raise InvalidInput(self.name, f"{unknown[0]!r} is no arm; there are {', '.join(self.arms)}")
        if not allowed:
            raise InvalidInput(self.name, "no arm is allowed")
        return np.array([place for place, arm in enumerate(self.arms) if arm in allowed])

    def _with_floor(self, odds: Floats) -> Floats:
        floor = self._floor_now()
        return (1 - floor) * odds + floor / len(odds)

    def _spread(self, shares: Floats, among: NDArray[np.int64]) -> Floats:
        """Shares of the arms `among`, as those of all arms."""
        every = np.zeros(len(self.arms))
        every[among] = shares
        return every


def _names(value: Any) -> Sequence[str]:
    """As a tuple where it is a list; anything else is refused by who takes it."""
    return tuple(value) if isinstance(value, list | tuple) else str(value)


def greedy(values: Floats) -> Floats:
    """The greatest has all the odds; those that are level share them."""
    top = values >= values.max()
    odds: Floats = top / top.sum()
    return odds


def check_settings(cls: type, settings: Mapping[str, Any]) -> None:
    """Settings that this class knows.

    Raises:
        InvalidInput: one it does not; the nearest is named.
    """
    own = [each for each in inspect.signature(cls).parameters if each != "common"]
    known = sorted({*own, *(Common.__annotations__ if issubclass(cls, Bandit) else ())})
    for key in settings:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise InvalidInput(getattr(cls, "name", cls.__name__), f"there is no setting {key!r}", hint)


def _checked_arms(where: str, arms: Sequence[str]) -> tuple[str, ...]:
    if isinstance(arms, str) or not arms or not all(isinstance(each, str) and each for each in arms):
        raise InvalidInput(where, f"arms are {arms!r}; they must be names, one at least")
    if len(set(arms)) != len(arms):
        raise InvalidInput(where, f"an arm is named twice in {', '.join(arms)}")
    if len(arms) > _MOST_ARMS:
        raise LimitExceeded("arms", len(arms), _MOST_ARMS)
    return tuple(arms)


def _checked_dimension(where: str, dimension: int | None, contextual: bool) -> int | None:
    if not contextual:
        return None
    if type(dimension) is not int or dimension < 1:
        raise InvalidInput(where, f"dimension is {dimension!r}; say how many numbers a context has, 1 or more")
    return dimension


def check_numbers(what: str, n: int) -> None:
    """Whether arrays of so many numbers may be allocated.

    Raises:
        LimitExceeded: more than 512 MiB.
    """
    if n > _MOST_NUMBERS:
        raise LimitExceeded(f"numbers in {what}", n, _MOST_NUMBERS)

"""What the policies of an engine are told of an answer: all of them, or none."""

import threading
from collections import OrderedDict
from collections.abc import Mapping

import numpy as np

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Answer

from .parts import Parts
from .roles import Checked

__all__ = ["Learning", "measured"]

_REMEMBERED = 100_000
"""Decisions whose outcome is known, kept so that none counts twice; the oldest are forgotten first."""


class Learning:
    """Tells policies what answers were worth, each decision once. Safe to use from several threads."""

    def __init__(self) -> None:
        self._learned: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()

    def learn(self, parts: Parts, answer: Answer, reward: float | Mapping[str, float]) -> None:
        """See `Engine.learn`."""
        keys = [(role, decision.id) for role, decision in answer.decisions.items()]
        with self._lock:
            for role, id_ in keys:
                if (role, id_) in self._learned:
                    hint = "an answer is learned from once; ask again for another decision"
                    raise InvalidInput("learn", f"decision {id_!r} ({role}) has been learned from before", hint)
            _learn(parts, answer, reward)
            self._learned.update(dict.fromkeys(keys))
            while len(self._learned) > _REMEMBERED:
                self._learned.popitem(last=False)


def _learn(parts: Parts, answer: Answer, reward: float | Mapping[str, float]) -> None:
    learners = {"route": parts.router, "rewrite": parts.rewriter}
    told = [(learner, answer.decisions[name]) for name, learner in learners.items() if name in answer.decisions]
    known = {**measured(answer), **reward} if isinstance(reward, Mapping) else _share(reward)
    asked = [(learner, decision) for learner, decision in told if learner is not None]
    if not asked:
        raise InvalidInput(
            "learn",
            "no router or rewriter of this engine decided anything for the answer",
            hint="give the engine a router= or a rewriter=",
        )
    for learner, decision in asked:  # first all of them: what one cannot learn, no other one shall have learned
        if isinstance(learner, Checked):
            learner.check(decision, known)
    for learner, decision in asked:
        learner.learn(decision, known)


def _share(reward: float) -> float:
    """A reward that is one number, from 0 to 1."""
    number = isinstance(reward, int | float | np.integer | np.floating) and not isinstance(reward, bool)
    if not number or not 0 <= reward <= 1:
        hint = "scale it into that range, or give each metric by name, such as {'quality': 1.0}"
        raise InvalidInput("learn", f"the reward is {reward!r}; it must be a number from 0 to 1", hint)
    return float(reward)


def measured(answer: Answer) -> dict[str, float]:
    """What an answer cost, as metrics of a reward; one that was kept from an earlier call cost nothing again."""
    if answer.cached:
        return {"latency_ms": 0.0, "tokens": 0.0, "searches": 0.0}
    tokens = sum(answer.usage.get(name, 0) for name in ("prompt_tokens", "answer_tokens"))
    return {"latency_ms": answer.ms, "tokens": float(tokens), "searches": float(answer.usage.get("searches", 0))}

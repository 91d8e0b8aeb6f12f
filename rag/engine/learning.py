"""What the policies of an engine are told of an answer: all of them, or none."""

from collections.abc import Mapping

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Answer

from .parts import Parts
from .roles import Checked

__all__ = ["learn", "measured"]


def learn(parts: Parts, answer: Answer, reward: float | Mapping[str, float]) -> None:
    """See `Engine.learn`."""
    learners = {"route": parts.router, "rewrite": parts.rewriter}
    told = [(learner, answer.decisions[name]) for name, learner in learners.items() if name in answer.decisions]
    known = {**measured(answer), **reward} if isinstance(reward, Mapping) else float(reward)
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


def measured(answer: Answer) -> dict[str, float]:
    """What an answer cost, as metrics of a reward; one that was kept from an earlier call cost nothing again."""
    if answer.cached:
        return {"latency_ms": 0.0, "tokens": 0.0, "searches": 0.0}
    tokens = sum(answer.usage.get(name, 0) for name in ("prompt_tokens", "answer_tokens"))
    return {"latency_ms": answer.ms, "tokens": float(tokens), "searches": float(answer.usage.get("searches", 0))}

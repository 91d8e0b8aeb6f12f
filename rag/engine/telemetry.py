"""OpenTelemetry spans of an answer, where `opentelemetry` can be imported; nothing of it is needed or loaded otherwise.

One span for a call ("ask"), one in it for each stage, under the names of the conventions for generative AI where these
have one (`gen_ai.operation.name` "retrieval" and "chat", `gen_ai.usage.*`; status "development"), else `spaniel.*`.
What people wrote (questions, answers, passages' ids) is left out unless asked for.

Spans are made when the call ends, with the times at which things happened: a stream may end in another thread or
context than it began in, and a context held open over that would leak into the caller's other spans.
"""

import json
import time
from typing import Any

from spaniel.retrieval.errors import MissingExtra, require
from spaniel.retrieval.types import Answer

from .clock import Clock, Step

__all__ = ["Telemetry", "telemetry_of"]

_NAME = "spaniel"


class Telemetry:
    """Makes the spans.

    Args:
        content: write down questions, answers and ids too.
        provider: a tracer provider; the process's own by default.

    Raises:
        MissingExtra: opentelemetry-api is not installed.
    """

    def __init__(self, *, content: bool = False, provider: Any = None) -> None:
        self._trace = require("opentelemetry.trace", extra="telemetry")
        self._context = require("opentelemetry.context", extra="telemetry")
        self._tracer = self._trace.get_tracer(_NAME, tracer_provider=provider)
        self.content = content

    def here(self) -> Any:
        """The context of the caller, to be taken when a call begins."""
        return self._context.get_current()

    def tell(
        self, parent: Any, clock: Clock, question: str, answer: Answer | None, error: BaseException | None
    ) -> None:
        """The spans of a call that has ended, by an answer, an error, or neither (its reader went away)."""
        start_ns = clock.steps[0].start_ns if clock.steps else time.time_ns()
        end_ns = max([start_ns, *(step.end_ns for step in clock.steps)])
        span = self._tracer.start_span("ask", context=parent, start_time=start_ns, attributes=_call(answer))
        if self.content:
            span.set_attribute("spaniel.question", question)
            span.set_attribute("spaniel.answer", answer.text if answer is not None else "")
        if error is not None:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, type(error).__name__))
        inside = self._trace.set_span_in_context(span, parent)
        for step in clock.steps:
            name, attributes = _stage(step, answer, content=self.content)
            child = self._tracer.start_span(name, context=inside, start_time=step.start_ns, attributes=attributes)
            child.end(end_time=step.end_ns)
        span.end(end_time=end_ns)


def telemetry_of(wanted: "bool | Telemetry | None") -> Telemetry | None:
    """What an engine was told: True, False, its own, or None for "if it is installed"."""
    if isinstance(wanted, Telemetry):
        return wanted
    if wanted is False:
        return None
    try:
        return Telemetry()
    except MissingExtra:
        if wanted:
            raise
        return None


def _call(answer: Answer | None) -> dict[str, Any]:
    if answer is None:
        return {}
    told: dict[str, Any] = {
        "spaniel.abstained": answer.abstained,
        "spaniel.citations": len(answer.citations),
        "spaniel.citations.dropped": sum(answer.dropped.values()),
        "spaniel.passages": len(answer.passages),
        "spaniel.cached": answer.cached,
    }
    for what, decision in answer.decisions.items():
        told |= {f"spaniel.{what}.arm": decision.arm, f"spaniel.{what}.propensity": decision.propensity}
    return told


def _stage(step: Step, answer: Answer | None, *, content: bool) -> tuple[str, dict[str, Any]]:
    """Name and attributes of a stage's span."""
    told: dict[str, Any] = {"spaniel.n_in": step.n_in, "spaniel.n_out": step.n_out}
    for record in step.inside:
        told[f"spaniel.stage.{record.name}.ms"] = record.ms
    usage = answer.usage if answer is not None else {}
    if step.name == "retrieve":
        if content:
            found = [{"id": id_, "score": score} for id_, score in step.found]
            told["gen_ai.retrieval.documents"] = json.dumps(found)
        return "retrieval", {"gen_ai.operation.name": "retrieval", **told}
    if step.name.startswith("generate ") and usage.get("model_calls", 1):
        model = step.name.removeprefix("generate ")
        told |= {"gen_ai.operation.name": "chat", "gen_ai.request.model": model}
        for name, key in (("prompt_tokens", "input"), ("answer_tokens", "output")):
            if name in usage:
                told[f"gen_ai.usage.{key}_tokens"] = usage[name]
        return f"chat {model}", told
    return step.name, told

"""What `ask` would send, before anything is sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from spaniel.rag.packing.base import Packed
from spaniel.rag.prompting import rendered
from spaniel.rerank.llm.chat import Message
from spaniel.retrieval.composition import name_of
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.prompt import Prompt
from spaniel.retrieval.types import JSON

from .flow import NOTHING_FITS, NOTHING_FOUND, Flow
from .parts import Asked, Parts

__all__ = ["DryRun", "dry_run"]


@dataclass(frozen=True, slots=True)
class DryRun:
    """A prompt as it would be sent.

    Attributes:
        prompt: structured; `messages` are what is made of it.
        messages: exactly what a chat model would be sent; none for the embedded generator, which is no model.
        generator: who would answer.
        prompt_tokens: of all messages, by the engine's counter.
        max_answer_tokens: that the answer may have.
        cost: of the prompt and the longest answer, in the currency of the generator's price table; None without one.
        decisions: what the policies would have been held to; nothing is learned from a dry run.
        nothing: why nothing would be sent; empty when something would.
    """

    prompt: Prompt
    messages: tuple[Message, ...]
    generator: str
    prompt_tokens: int
    max_answer_tokens: int
    cost: float | None = None
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    nothing: str = ""

    def __str__(self) -> str:
        """The messages as they would be sent, then tokens and cost."""
        if self.nothing:
            return f"--- nothing would be sent: {self.nothing} ---"
        parts = [f"--- {each.role} ---\n{each.content}" for each in self.messages]
        cost = "" if self.cost is None else f", at most {self.cost:.6f} of the price table's currency"
        parts.append(
            f"--- {self.generator}: {self.prompt_tokens} tokens of prompt, at most {self.max_answer_tokens} of answer"
            f"{cost} ---"
        )
        return "\n".join(parts)

    def to_dict(self) -> dict[str, JSON]:
        """As `spaniel ask --dry-run --json` prints it."""
        return {
            "question": self.prompt.question,
            "generator": self.generator,
            "messages": [{"role": each.role, "content": each.content} for each in self.messages],
            "prompt_tokens": self.prompt_tokens,
            "max_answer_tokens": self.max_answer_tokens,
            "cost": self.cost,
            "nothing": self.nothing,
            "passages": [excerpt.passage.id for excerpt in self.prompt.excerpts],
        }


def dry_run(parts: Parts, asked: Asked) -> DryRun:
    """See `Engine.dry_run`."""
    flow = Flow(parts, asked)
    queries, pipeline = flow.plan
    packed, nothing = Packed((), 0), ""
    if pipeline is not None:
        results = flow.found(queries, pipeline)
        packed = flow.packed(results) if results else packed
        nothing = "" if packed.excerpts else NOTHING_FITS if results else NOTHING_FOUND
    nothing = nothing or _without_model(parts, len(packed.excerpts))
    prompt = flow.prompt(packed)
    messages = () if nothing else tuple(rendered(prompt))
    tokens = sum(parts.count(each.content) for each in messages)
    cost_of = getattr(parts.generator, "cost_of", None)
    cost = None if cost_of is None else 0.0 if nothing else cost_of(tokens, prompt.max_tokens)
    made = {**flow.decisions}
    return DryRun(prompt, messages, name_of(parts.generator), tokens, prompt.max_tokens, cost, made, nothing)


def _without_model(parts: Parts, n: int) -> str:
    """Why the embedded generator is sent nothing; empty for others."""
    from spaniel.rag.generators.extractive.generator import Extractive

    if not isinstance(parts.generator, Extractive):
        return ""
    return f"{parts.generator.name} asks no model; it takes its answer out of {n} passage{'' if n == 1 else 's'}"

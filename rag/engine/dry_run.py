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

from .flow import Flow
from .parts import Asked, Parts

__all__ = ["DryRun", "dry_run"]


@dataclass(frozen=True, slots=True)
class DryRun:
    """A prompt as it would be sent.

    Attributes:
        prompt: structured; `messages` are what is made of it.
        messages: exactly what a chat model would be sent; the embedded generator is sent nothing.
        generator: who would answer.
        prompt_tokens: of all messages, by the engine's counter.
        max_answer_tokens: that the answer may have.
        cost: of the prompt and the longest answer, in the currency of the generator's price table; None without one.
        decisions: what the policies would have been held to; nothing is learned from a dry run.
    """

    prompt: Prompt
    messages: tuple[Message, ...]
    generator: str
    prompt_tokens: int
    max_answer_tokens: int
    cost: float | None = None
    decisions: Mapping[str, Decision] = field(default_factory=dict)

    def __str__(self) -> str:
        """The messages as they would be sent, then tokens and cost."""
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
            "passages": [excerpt.passage.id for excerpt in self.prompt.excerpts],
        }


def dry_run(parts: Parts, asked: Asked) -> DryRun:
    """See `Engine.dry_run`."""
    flow = Flow(parts, asked)
    queries, pipeline = flow.plan
    packed = Packed((), 0) if pipeline is None else flow.packed(flow.found(queries, pipeline))
    prompt = flow.prompt(packed)
    messages = tuple(rendered(prompt))
    tokens = sum(parts.count(each.content) for each in messages)
    cost_of = getattr(parts.generator, "cost_of", None)
    cost = None if cost_of is None else cost_of(tokens, prompt.max_tokens)
    return DryRun(prompt, messages, name_of(parts.generator), tokens, prompt.max_tokens, cost, {**flow.decisions})

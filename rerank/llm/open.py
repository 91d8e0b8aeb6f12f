"""The LLM judge for a schedule: pairwise for one that compares, listwise for one that orders."""

from typing import Any

from spaniel.rerank.judges.base import Judge
from spaniel.rerank.judges.llm import Mode
from spaniel.rerank.judges.llm_listwise import LLMListwise
from spaniel.rerank.judges.llm_pairwise import LLMPairwise
from spaniel.rerank.questions import Kind
from spaniel.retrieval.errors import InvalidInput

from .chat import Chat
from .endpoint import open_chat
from .langchain import LangChainChat

__all__ = ["open_llm_judge"]


def open_llm_judge(
    model: "str | Chat | Any",
    asks: Kind,
    *,
    mode: Mode = "generation",
    max_passage_tokens: int = 300,
    max_prompt_tokens: int | None = None,
    thinking_tokens: int = 0,
    concurrency: int = 8,
) -> Judge:
    """A judge by an LLM that answers the questions of a schedule (`schedule.asks`).

    Args:
        model: "https://host/v1#model" of an OpenAI-compatible endpoint, a langchain-core chat model, or a `Chat`.
        asks: "prefer" or "order".
        mode, max_passage_tokens, max_prompt_tokens, thinking_tokens, concurrency: see `LLMPairwise`.

    Raises:
        InvalidInput: a model that is none of these, or a schedule that asks for scores.

    Example:
        >>> open_llm_judge("http://localhost:8000/v1#qwen3-8b", "order").name
        'llm-listwise(qwen3-8b)'
    """
    if asks == "score":
        hint = "take a schedule that compares or orders, such as window, or a cross-encoder as the judge"
        raise InvalidInput("llm", "an LLM judge compares and orders; it gives no scores", hint)
    chat = open_chat(model) if isinstance(model, str) else model if isinstance(model, Chat) else LangChainChat(model)
    made = LLMPairwise if asks == "prefer" else LLMListwise
    return made(
        chat,
        mode=mode,
        max_passage_tokens=max_passage_tokens,
        max_prompt_tokens=max_prompt_tokens,
        thinking_tokens=thinking_tokens,
        concurrency=concurrency,
    )

"""From what a chat model streams to the pieces of an answer: the same for every kind of model.

Thoughts that some models write before their answer (<think>...</think>) are left out; the refusal that the prompt asks
for becomes an abstention; what the server does not count is estimated, and said to be.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from spaniel.models.counting import TokenCounter, estimated
from spaniel.rag.prompting import refuses
from spaniel.rerank.llm.chat import Delta, Message
from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.prompt import Finish, Piece

from .ledger import Entry

__all__ = ["message_tokens", "pieces", "without_thoughts"]

_OPEN, _CLOSE = "<think>", "</think>"
_FINISHES: Final[dict[str, Finish]] = {
    "length": "length",
    "max_tokens": "length",
    "content_filter": "filter",
    "refusal": "filter",
}
_FRAME_TOKENS = 4
_REFUSED = "the model says that the passages do not answer the question"
_FILTERED = "the server's filter withheld the answer"


def message_tokens(messages: Sequence[Message], count: TokenCounter = estimated) -> int:
    """About how many tokens the messages are, with 4 for the frame of each."""
    return sum(count(message.content) + _FRAME_TOKENS for message in messages)


def without_thoughts(deltas: Iterable[Delta]) -> Iterator[Delta]:
    """The deltas without a leading <think>...</think>; nothing is held back once the answer itself has begun.

    Example:
        >>> "".join(each.text for each in without_thoughts([Delta("<th"), Delta("ink>so</think>\\n"), Delta("Yes")]))
        'Yes'
    """
    held, thinks, speaks = "", False, False
    for delta in deltas:
        if not speaks:
            held += delta.text
            if not thinks:
                held = held.lstrip()
                thinks = held.startswith(_OPEN)
            if thinks:
                before, closed, after = held.partition(_CLOSE)
                # Of thoughts only as much is kept as the end of their closing mark may take.
                held, thinks = (
                    (after.lstrip(), False) if closed else (_OPEN + before[len(_OPEN) :][-len(_CLOSE) :], True)
                )
            waits = thinks or _OPEN.startswith(held)
            speaks = bool(delta.finish) or not waits
            delta = replace(delta, text="" if thinks or not speaks else held)
        yield delta


def pieces(
    deltas: Iterable[Delta], entry: Entry, *, name: str, prompt_tokens: int, dropped: int = 0
) -> Iterator[Piece]:
    """The pieces of an answer; the last one says how it ended and what it cost, and so does the ledger's entry.

    Args:
        prompt_tokens: an estimate, for models that do not tell.
        dropped: excerpts that were left out because the prompt was too long.

    Raises:
        ModelError: the model ended without a word.
    """
    said: list[str] = []
    finish = ""
    told = [0, 0]
    for delta in deltas:
        entry.prompt_tokens = entry.prompt_tokens or prompt_tokens  # from here on it was read, and may be charged
        finish = delta.finish or finish
        told = [max(told[0], delta.prompt_tokens), max(told[1], delta.answer_tokens)]
        if delta.text:
            said.append(delta.text)
            entry.answer_tokens += estimated(delta.text)
            yield Piece(delta.text)
    text = "".join(said)
    if told[0] or told[1]:
        entry.prompt_tokens, entry.answer_tokens, entry.estimated = told[0], told[1], False
    else:
        entry.answer_tokens = estimated(text)
    entry.answered = True
    yield _last(text, _FINISHES.get(finish, "stop"), entry, name, dropped)


def _last(text: str, finish: Finish, entry: Entry, name: str, dropped: int) -> Piece:
    usage = {"prompt_tokens": entry.prompt_tokens, "answer_tokens": entry.answer_tokens, "model_calls": 1}
    usage |= {"estimated": 1} if entry.estimated else {}
    usage |= {"excerpts_dropped": dropped} if dropped else {}
    if finish == "filter":
        return Piece(finish="filter", usage=usage, reason=_FILTERED)
    if not text.strip():
        error = ModelError(f"{name}: the model ended without a word" + (" at max_tokens" if finish == "length" else ""))
        error.hint = "a model that thinks first needs more max_tokens" if finish == "length" else "try again"
        raise error
    return Piece(finish="abstain", usage=usage, reason=_REFUSED) if refuses(text) else Piece(finish=finish, usage=usage)

"""Many questions to a chat model at once: side by side, asked again when the answer makes no sense, and given up.

A question that gets no usable answer is None; the driver decides what to make of it. Two things are not left to that.
A model that answers nothing is most likely called wrongly, and one that has stopped answering is gone: both raise
ModelError, lest a reranker return the first-stage order and call it a result.

A question that is refused before any was answered may be one passage too long, or a server that refuses everything.
Which of the two must not hang on what else is under way, so the model is asked something short, in the same form: it
is called wrongly when it refuses that too.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock
from typing import Generic, TypeVar

from spaniel.models.text import tokens_of
from spaniel.rerank.judges.base import Judged
from spaniel.retrieval.errors import InvalidInput, ModelError

from .chat import CallFailed, Chat, Message, Reply
from .parse import said
from .prompts import Prompt

__all__ = ["Conversations", "Question", "Reading"]

_NEVER = 3
_IN_A_ROW = 16
_LONGER = 4
_QUOTED = 500
_SHORT = "Answer with the letter A and nothing else."

T_co = TypeVar("T_co", bound="float | tuple[int, ...]", covariant=True)


@dataclass(frozen=True, slots=True)
class Reading(Generic[T_co]):
    """What a reply was understood to say; `repaired` when it had to be mended."""

    answer: T_co
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt, how long the answer may be, and how to read it.

    Attributes:
        logprobs: how many of the likeliest tokens are told at each place; 0 for none.
        read: None when the reply makes no sense.
    """

    prompt: Prompt
    max_tokens: int
    read: Callable[[Reply], Reading[float | tuple[int, ...]] | None]
    logprobs: int = 0


@dataclass(slots=True)
class _Heard:
    """One question's answer and cost."""

    answer: float | tuple[int, ...] | None = None
    tokens: int = 0
    requests: int = 0
    repaired: bool = False


class Conversations:
    """Asks a chat model. Safe to call from several threads.

    Args:
        chat: the model.
        concurrency: requests under way at once, over all callers of `judged` with several questions.
        thinking_tokens: what a model that reasons before it answers may write beside the answer.

    Raises:
        InvalidInput: fewer than one request at once, or a negative number of tokens.
    """

    def __init__(self, chat: Chat, *, concurrency: int = 8, thinking_tokens: int = 0) -> None:
        if concurrency < 1:
            raise InvalidInput("concurrency", f"is {concurrency}; it must be at least 1")
        if thinking_tokens < 0:
            raise InvalidInput("thinking_tokens", f"is {thinking_tokens}; it must not be negative")
        self.chat, self.thinking_tokens = chat, thinking_tokens
        self._pool = ThreadPoolExecutor(concurrency, "spaniel-llm")  # threads start when there is work for them
        self._health = _Health(chat.name, max(_NEVER, concurrency))

    def judged(self, questions: Sequence[Question]) -> Judged:
        """Answers to all of them, in their order.

        Raises:
            ModelError: see the module, and `Chat.chat`.
        """
        if len(questions) < 2:
            heard = [self._ask(question) for question in questions]
        else:
            waiting = [self._pool.submit(self._ask, question) for question in questions]
            try:
                heard = [each.result() for each in waiting]
            finally:
                for each in waiting:
                    each.cancel()
        return Judged(
            answers=[each.answer for each in heard],
            tokens=[each.tokens for each in heard],
            truncated=sum(question.prompt.truncated for question in questions),
            repaired=sum(each.repaired for each in heard),
            model_calls=sum(each.requests for each in heard),
            truncated_by_call=[question.prompt.truncated for question in questions],
            repaired_by_call=[int(each.repaired) for each in heard],
        )

    def close(self) -> None:
        """Let go of threads and connections; waiting questions are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.chat.close()

    def _ask(self, question: Question) -> _Heard:
        """Ask once, and once again if that made no sense."""
        heard = _Heard()
        reply = Reply("")
        for attempt in range(2):
            asked = question if attempt == 0 else _again(question, reply)
            allowed = asked.max_tokens + self.thinking_tokens * (2 if reply.cut else 1)
            messages = asked.prompt.messages
            heard.requests += 1
            try:
                reply = self.chat.chat(messages, max_tokens=allowed, logprobs=asked.logprobs)
            except CallFailed as error:
                heard.requests += self._health.refused(error, partial(self._speaks, asked, allowed))
                return heard
            heard.tokens += reply.tokens or sum(tokens_of(m.content) for m in messages) + tokens_of(reply.text)
            reading = question.read(reply)
            if reading is not None:
                self._health.answered()
                heard.answer, heard.repaired = reading.answer, reading.repaired or attempt > 0
                return heard
        self._health.unusable(reply)
        return heard

    def _speaks(self, question: Question, max_tokens: int) -> bool:
        """Whether the model answers anything at all that is asked in the form of this question."""
        messages = (*question.prompt.messages[:1], Message("user", _SHORT))
        try:
            self.chat.chat(messages, max_tokens=max_tokens, logprobs=question.logprobs)
        except CallFailed:
            return False
        return True


def _again(question: Question, reply: Reply) -> Question:
    """The question once more: with room for a longer answer if this one was cut, else with a word on the form."""
    if reply.cut:
        return replace(question, max_tokens=question.max_tokens * _LONGER)
    *before, last = question.prompt.messages
    answer = said(reply.text)[:_QUOTED]
    if answer:
        messages = (*before, last, Message("assistant", answer), Message("user", question.prompt.again))
    else:  # servers refuse an empty turn
        messages = (*before, Message("user", f"{last.content}\n\n{question.prompt.again}"))
    return replace(question, prompt=replace(question.prompt, messages=messages))


@dataclass(slots=True)
class _Health:
    """Whether the model answers at all.

    Attributes:
        never: so many refusals before any answer are no accident, though the model speaks.
        speaks: it has answered something; None while nobody knows.
        ever: it has answered a question.
        in_a_row, nonsense: conversations without an answer since the last one, and those of them that were not refused.
    """

    name: str
    never: int
    speaks: bool | None = None
    ever: bool = False
    in_a_row: int = 0
    nonsense: int = 0
    lock: Lock = field(default_factory=Lock)
    asking: Lock = field(default_factory=Lock)

    def answered(self) -> None:
        with self.lock:
            self.speaks = self.ever = True
            self.in_a_row = self.nonsense = 0

    def refused(self, error: CallFailed, speaks: Callable[[], bool]) -> int:
        """One conversation was refused; the requests made to find out whether all are (`speaks`), at most one.

        Raises:
            ModelError: all are.
        """
        requests = 0
        with self.asking:  # several may be refused at once; the first of them finds out for all
            if self.speaks is None:
                requests, spoke = 1, speaks()
                with self.lock:
                    self.speaks = spoke or self.ever
        with self.lock:
            self.in_a_row += 1
            gone = not self.speaks or self.in_a_row >= (_IN_A_ROW if self.ever else self.never)
        if gone:
            failed = ModelError(str(error))
            failed.hint = error.hint
            raise failed from error
        return requests

    def unusable(self, reply: Reply) -> None:
        """Two replies to one question made no sense.

        Raises:
            ModelError: none ever does.
        """
        with self.lock:
            self.speaks = True
            self.in_a_row += 1
            self.nonsense += 1
            gone = self.in_a_row >= _IN_A_ROW if self.ever else self.nonsense >= _NEVER
        if gone:
            said_ = f"its answers make no sense, the last one: {reply.text[:200]!r}"
            failed = ModelError(f"{self.name}: {said_ if reply.text.strip() else 'its answers are empty'}")
            failed.hint = "a model that reasons first needs thinking_tokens; a small one may do better pairwise"
            raise failed

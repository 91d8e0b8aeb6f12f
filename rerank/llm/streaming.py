"""Server-sent events of a chat completion, and what of an answer's JSON is read in both forms.

An answer is a run of events, each `data: {"choices": [{"delta": {"content": ...}}]}`, and `data: [DONE]` at the end
(https://html.spec.whatwg.org/multipage/server-sent-events.html; chat completions as OpenAI and many others have them).
It is whole when a `finish_reason` or [DONE] came: a connection that just ends was cut.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

from spaniel.models.encoders.http_json import BrokenOff, Poster
from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.surrogates import Whole, without_halves

from .chat import CallFailed, ContextOverflow, Delta

__all__ = ["choice_of", "deltas", "events", "overflows", "text_of", "tokens_of", "usage_of"]

_OVERFLOW = re.compile(
    r"context[_ ]?(?:length|window|size)|maximum context|max_model_len|too many tokens"
    r"|longer than the (?:maximum|context)|(?:prompt|input|request)[^.]{0,40}(?:too long|too large|exceeds)",
    re.IGNORECASE,
)

_EVENTS = re.compile(rb"(?:data|event|id|retry)?:|data\b")
_SHOWN_BYTES = 80


def events(lines: Iterable[bytes]) -> Iterator[str]:
    """The data of each event; comments, names and ids of events are left out.

    Example:
        >>> list(events([b": ping\\n", b"data: one\\n", b"\\n", b"data: two\\r\\n", b"data: three\\n"]))
        ['one', 'two\\nthree']
    """
    data: list[str] = []
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if line.startswith("data:"):
            data.append(line[5:].removeprefix(" "))
        elif not line and data:
            yield "\n".join(data)
            data = []
    if data:
        yield "\n".join(data)


def deltas(lines: Iterator[bytes], poster: Poster) -> Iterator[Delta]:
    """The parts of an answer, whether it comes as events or, from a server that does not stream, as one JSON.

    Raises:
        ContextOverflow, CallFailed: the server says in the answer that this conversation failed.
        BrokenOff: an answer that was cut, or nothing but comments for the poster's time limit.
        ModelError: something else than an answer.
    """
    lines = _lively(lines, poster)
    first = next((line for line in lines if line.strip()), b"")
    if first.lstrip().startswith(b"{"):
        yield _whole(b"".join([first, *lines]), poster)
        return
    if first and not _EVENTS.match(first):
        raise _no_answer(first, poster)
    finished = said = 0
    whole = Whole()
    for data in events(chain([first], lines)):
        if data.strip() == "[DONE]":
            if not finished:
                yield Delta(whole.end(), finish="stop")
            return
        delta = _delta(_object(data, poster), poster)
        text = whole.more(delta.text)
        delta = replace(delta, text=text + whole.end() if delta.finish else text)
        finished, said = finished or bool(delta.finish), said + len(delta.text)
        yield delta
    if not finished:
        raise BrokenOff(f"{poster.url}: the answer was cut after {said} characters")


def _no_answer(first: bytes, poster: Poster) -> ModelError:
    said = poster.masked(first[:_SHOWN_BYTES].decode("utf-8", "replace").strip())
    error = ModelError(f"{poster.url}: the server answers, but with no chat completion: {said!r}")
    error.hint = "check the URL: is this an OpenAI-compatible interface? They mostly end with /v1"
    return error


def overflows(words: str) -> bool:
    """Whether a server's refusal is about the length of the conversation, in the words of those that we know.

    Example:
        >>> overflows("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens")
        True
    """
    return _OVERFLOW.search(words) is not None


def choice_of(answer: Any, poster: Poster) -> tuple[dict[str, Any], dict[str, Any]]:
    """The first choice of an answer that came whole, and its message.

    Raises:
        CallFailed: there is none.
    """
    choices = answer.get("choices") if isinstance(answer, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(message, dict):
        told = answer.get("error") if isinstance(answer, dict) else None
        what = f": {poster.masked(str(told))[:300]}" if told else ""
        raise CallFailed(f'{poster.url}: an answer without "choices"{what}')
    return first, message


def text_of(content: Any) -> str:
    """The text of a message, which is one, or a list of parts, or missing."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def usage_of(answer: Mapping[str, Any]) -> tuple[int, int]:
    """Tokens read and written; 0 where the server does not say."""
    usage = answer.get("usage")
    told = usage if isinstance(usage, dict) else {}
    read, written = (
        count if type(count := told.get(name)) is int and count >= 0 else 0
        for name in ("prompt_tokens", "completion_tokens")
    )
    return read, written


def tokens_of(answer: Mapping[str, Any]) -> int:
    """Tokens read and written together; 0 when the server does not say."""
    usage, both = answer.get("usage"), sum(usage_of(answer))
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if type(total) is int and total >= both else both


def _lively(lines: Iterable[bytes], poster: Poster) -> Iterator[bytes]:
    """The lines, as long as some of them say something: comments alone keep a connection up, not an answer."""
    last = time.monotonic()
    for line in lines:
        if line.startswith(b":") and time.monotonic() - last > poster.timeout_s:
            raise BrokenOff(f"{poster.url}: nothing but comments for {poster.timeout_s:g} s")
        last = last if line.startswith(b":") or not line.strip() else time.monotonic()
        yield line


def _object(data: str | bytes, poster: Poster) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BrokenOff(f"{poster.url}: an answer that is no JSON ({error})") from error
    if not isinstance(answer, dict):
        raise BrokenOff(f"{poster.url}: an answer that is no object but {type(answer).__name__}")
    if told := answer.get("error"):
        words = f"{poster.url}: the server says: {poster.masked(json.dumps(told))[:300]}"
        raise ContextOverflow(words) if overflows(words) else CallFailed(words)
    return answer


def _delta(answer: dict[str, Any], poster: Poster) -> Delta:
    choices = answer.get("choices")
    if not isinstance(choices, list):
        raise CallFailed(f'{poster.url}: an answer without "choices"')
    first = choices[0] if choices else {}
    part = first.get("delta") if isinstance(first, dict) else None
    text = text_of(part.get("content")) if isinstance(part, dict) else ""
    finish = first.get("finish_reason") if isinstance(first, dict) else None
    return Delta(text, finish if isinstance(finish, str) else "", *usage_of(answer))


def _whole(data: bytes, poster: Poster) -> Delta:
    answer = _object(data, poster)
    choice, message = choice_of(answer, poster)
    finish = choice.get("finish_reason")
    text = without_halves(text_of(message.get("content")))
    return Delta(text, finish if isinstance(finish, str) else "stop", *usage_of(answer))

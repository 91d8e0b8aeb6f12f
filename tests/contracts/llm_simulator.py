"""A language model that reads, behind an OpenAI-compatible server that can misbehave: no model, and it says so.

`ReadingModel` answers from the passages of the prompt it is sent: the sentence that shares most words with the
question, with its reference, or the refusal when none shares enough. So a test fails when retrieval, the order of
packing, delimiters or the reading of references break, which a model that says the same whatever it is asked would
hide. It can be told to cite wrongly now and then.

`LlmSimulator` puts it behind POST /v1/chat/completions, streamed or whole, and GET /v1/models. What goes wrong is
queued in `modes`, one for each request (see `MODES`). Nothing sleeps: a server that stalls waits until the test is
over.
"""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from contracts.json_server import json_serving

from spaniel.index.chunking.sentences import sentence_spans
from spaniel.rag.prompting import NO_ANSWER

__all__ = ["MODES", "LlmSimulator", "ReadingModel", "simulating"]

_PASSAGE = re.compile(r'<passage-(\w+) number="(\d+)">\n(.*?)\n</passage-\1>', re.DOTALL)
_WORD = re.compile(r"\w+")
_LITTLE = (
    "a an and are as at by did do does for from how i in is it of on or the to was what when where which who why with"
)
_STOP = frozenset(_WORD.findall(_LITTLE))
MODES = (
    *("429", "500", "503", "503 for ever", "400", "401", "overflow", "filter", "no stream_options", "no stream"),
    *("stall", "stall after words", "comments", "cut", "cut after words", "bad JSON", "no choices", "not an object"),
    *("error in the stream", "not streamed", "no usage", "no format", "thinks", "empty", "endless", "drips", "length"),
    *("halves", "blanks", "open quotation", "references alone", "cut mark"),
)
"""What a request can meet; see `LlmSimulator._answered`."""


@dataclass(frozen=True)
class ReadingModel:
    """Answers out of the prompt.

    Attributes:
        wrong: share of answers with a reference that is wrong (by a hash of seed and question): another number, a
            number of nothing, or words that nobody wrote.
        least: words of the question that a sentence must share.
    """

    wrong: float = 0.0
    seed: int = 0
    least: int = 1

    def say(self, messages: list[dict[str, str]]) -> str:
        """The answer to a conversation in our form."""
        content = messages[-1]["content"]
        question = content.rpartition("Question: ")[2]
        asked = _words(question)
        best = (0, 0, "")
        for _, number, text in _PASSAGE.findall(content):
            for start, end in sentence_spans(text):
                shared = len(asked & _words(text[start:end]))
                if shared > best[0]:
                    best = (shared, int(number), text[start:end])
        if best[0] < self.least:
            return NO_ANSWER
        return self._cited(question, best[1], best[2])

    def _cited(self, question: str, number: int, sentence: str) -> str:
        draw = int.from_bytes(hashlib.sha256(f"{self.seed} {question}".encode()).digest()[:8], "big") / 2**64
        quote = " ".join(sentence.split()[:8])
        if draw >= self.wrong:
            return f'{sentence} [{number}: "{quote}"]'
        kind = int(draw * 3 / self.wrong)
        return [f"{sentence} [{number + 1}]", f"{sentence} [99]", f'{sentence} [{number}: "as nobody ever wrote"]'][
            kind
        ]


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower())) - _STOP


@dataclass
class LlmSimulator:
    """Answers requests of chat completions.

    Attributes:
        modes: what the next requests meet, before it answers as it should again.
        asked: bodies and headers of requests.
        context: tokens (a quarter of the characters) that it reads at most.
    """

    model: ReadingModel = ReadingModel()
    modes: list[str] = field(default_factory=list)
    key: str = ""
    context: int = 1 << 20
    url: str = ""
    asked: list[tuple[dict[str, Any], dict[str, str]]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, dict[str, str], Any]:
        """Status, headers, and the body or its parts."""
        if body["path"].endswith("/models"):
            return 200, _JSON, _bytes({"object": "list", "data": [{"id": "reader", "object": "model"}]})
        with self.lock:
            self.asked.append((body, headers))
            mode = self.modes.pop(0) if self.modes else ""
        sent = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
        if self.key and sent != f"Bearer {self.key}":
            return _refusal(401, f"bad key {sent}")
        tokens = sum(len(each["content"]) for each in body["messages"]) // 4
        if tokens > self.context or mode == "overflow":
            words = (
                f"This model's maximum context length is {self.context} tokens. However, you requested {tokens} tokens."
            )
            return _refusal(400, words, code="context_length_exceeded")
        return self._refused(body, mode) or self._answered(body, mode, tokens)

    def _refused(self, body: dict[str, Any], mode: str) -> tuple[int, dict[str, str], Any] | None:
        """A status that is none of success, in the modes that have one."""
        if mode.partition(" ")[0] in ("429", "500", "503"):
            self.modes += [mode] if mode.endswith("for ever") else []
            status, headers, said = _refusal(int(mode[:3]), "try later")
            return status, {**headers, "Retry-After": "3"} if mode == "429" else headers, said
        if mode in ("400", "401"):
            return _refusal(int(mode), "no")
        if mode == "filter":
            return _refusal(400, "The prompt was refused by the content management policy.")
        for name in ("stream_options", "stream"):
            if mode == f"no {name}" and name in body:
                self.modes.insert(0, mode)  # until it is not asked for any more
                return _refusal(400, f"Unknown parameter: '{name}' is not supported.")
        return None

    def _answered(self, body: dict[str, Any], mode: str, tokens: int) -> tuple[int, dict[str, str], Any]:
        text = "" if mode == "empty" else self.model.say(body["messages"])
        if mode == "thinks":
            text = f"<think>Let me see: [1] it is.</think>\n\n{text}"
        if mode == "no format":
            text = re.sub(r"\s*\[.*?\]", "", text)
        finish = "length" if mode in ("length", "cut mark") else "stop"
        text = _HOSTILE[mode](text) if mode in _HOSTILE else text
        usage = {"prompt_tokens": tokens, "completion_tokens": len(text) // 4, "total_tokens": tokens + len(text) // 4}
        if not body.get("stream") or mode == "not streamed":
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
            whole = {**_HEAD, "object": "chat.completion", "choices": [choice]}
            said = b"{" if mode == "bad JSON" else _bytes(whole if mode == "no usage" else {**whole, "usage": usage})
            return 200, _JSON, said
        wants = (body.get("stream_options") or {}).get("include_usage") and mode != "no usage"
        return 200, {"Content-Type": "text/event-stream"}, self._events(text, finish, usage if wants else None, mode)

    def _events(self, text: str, finish: str, usage: dict[str, int] | None, mode: str) -> Iterator[bytes]:
        if mode in ("stall", "comments", "cut"):
            yield from self._broken(mode)
            return
        if mode in _ODD:
            yield f"data: {_ODD[mode]}\n\n".encode()
            return
        for part in _parts(text, halves=mode == "halves"):
            yield _event({"delta": {"role": "assistant", "content": part}, "finish_reason": None})
            if mode in ("stall after words", "cut after words", "endless", "drips"):
                yield from self._broken(mode)
                return
        yield _event({"delta": {}, "finish_reason": finish})
        if usage is not None:
            yield (
                b"data: "
                + _bytes({**_HEAD, "object": "chat.completion.chunk", "choices": [], "usage": usage})
                + b"\n\n"
            )
        yield b"data: [DONE]\n\n"

    def _broken(self, mode: str) -> Iterator[bytes]:
        """What never comes to an end, or comes to one too early."""
        if mode in ("stall", "stall after words"):
            self.over.wait(30)
        while mode in ("comments", "drips") and not self.over.wait(0.02):
            yield b": still here\n" if mode == "comments" else b"d"
        while mode == "endless" and not self.over.is_set():
            yield _event({"delta": {"content": "more and more " * 50}, "finish_reason": None})


_HOSTILE: dict[str, Callable[[str], str]] = {
    "halves": lambda text: f"\U0001f600 {text}",
    "blanks": lambda text: f"{' ' * 20_000}{text} [1{' ' * 20_000}x",
    "open quotation": lambda text: f'{text} [1: "{"]" * 1500}',
    "references alone": lambda text: "[1] [2]",
    "cut mark": lambda text: text[:-9],
}
"""What becomes of an answer."""
_JSON = {"Content-Type": "application/json"}
_ODD = {
    "bad JSON": "{",
    "no choices": "{}",
    "not an object": "7",
    "error in the stream": '{"error": {"message": "busy"}}',
}
_HEAD = {"id": "simulated-1", "created": 1, "model": "reader"}


def _parts(text: str, *, halves: bool) -> Iterator[str]:
    """A text word by word, and letters beyond the first plane in halves if so wished."""
    for word in re.findall(r"\s*\S+", text):
        if not halves or word.isascii():
            yield word
            continue
        pairs = word.encode("utf-16-be")
        yield from (pairs[at : at + 2].decode("utf-16-be", "surrogatepass") for at in range(0, len(pairs), 2))


def _bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def _event(choice: dict[str, Any]) -> bytes:
    return _chunk({"choices": [{"index": 0, **choice}]})


def _chunk(rest: dict[str, Any]) -> bytes:
    return b"data: " + _bytes({**_HEAD, "object": "chat.completion.chunk", **rest}) + b"\n\n"


def _refusal(status: int, words: str, *, code: str = "") -> tuple[int, dict[str, str], bytes]:
    return status, _JSON, _bytes({"error": {"message": words, "type": "simulated", "code": code}})


@contextmanager
def simulating(simulator: LlmSimulator) -> Iterator[LlmSimulator]:
    """The simulator behind its server while the block runs."""
    with json_serving(simulator) as running:
        try:
            yield running
        finally:
            running.over.set()

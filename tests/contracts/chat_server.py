"""A chat model that counts words, in process (`ToyChat`) and behind an OpenAI-compatible server that can misbehave."""

import json
import math
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from spaniel.rerank.llm.chat import Message, Reply

__all__ = ["ChatServer", "ToyChat", "passages_shown", "word_scores"]


def passages_shown(prompt: str) -> list[tuple[str, str]]:
    """(label, text) of each passage in a prompt of ours."""
    return re.findall(r"<passage>\[(\w+)\] (.*)</passage>", prompt)


def word_scores(prompt: str) -> list[float]:
    """How often words of the query stand in each passage."""
    query = re.findall(r"(?m)^(?:Search query|Query): (.*)$", prompt)[-1].split()
    return [float(sum(text.split().count(word) for word in query)) for _, text in passages_shown(prompt)]


def _in_order(prompt: str) -> list[str]:
    scores = word_scores(prompt)
    labels = [label for label, _ in passages_shown(prompt)]
    return [labels[place] for place in sorted(range(len(labels)), key=lambda place: -scores[place])]


def word_answer(prompt: str) -> str:
    """A letter where one is asked for, a permutation otherwise."""
    labels = _in_order(prompt)
    return " > ".join(f"[{label}]" for label in labels) if labels[0].isdecimal() else labels[0]


def word_logprobs(prompt: str) -> dict[str, float]:
    """Log-probabilities of labels, softmax over word scores."""
    scores = word_scores(prompt)
    total = math.log(sum(math.exp(score) for score in scores))
    return {label: score - total for (label, _), score in zip(passages_shown(prompt), scores, strict=True)}


@dataclass
class ToyChat:
    """A `Chat` that answers by `say`, or by counting words; `asked` holds the conversations."""

    say: Callable[[Sequence[Message]], str | Reply] | None = None
    name: str = "toy-chat"
    asked: list[tuple[Message, ...]] = field(default_factory=list)
    limits: list[int] = field(default_factory=list)
    closed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def chat(self, messages: Sequence[Message], *, max_tokens: int, logprobs: int = 0) -> Reply:
        with self.lock:
            self.asked.append(tuple(messages))
            self.limits.append(max_tokens)
        if self.say is not None:
            said = self.say(messages)
            return said if isinstance(said, Reply) else Reply(said, tokens=10)
        prompt = messages[1].content
        return Reply(word_answer(prompt), 10, (word_logprobs(prompt),) if logprobs else ())

    def close(self) -> None:
        self.closed = True


@dataclass
class ChatServer:
    """Answers by `say` (the body to a text, or to a whole answer), or by counting words.

    Attributes:
        failures: (status, headers, body) of the next requests, before it answers again.
        refuses: names of parameters that it answers with 400.
    """

    say: Callable[[dict[str, Any]], Any] | None = None
    url: str = ""
    key: str = ""
    failures: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    refuses: tuple[str, ...] = ()
    asked: list[tuple[dict[str, Any], dict[str, str]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        with self.lock:
            self.asked.append((body, headers))
            if self.failures:
                return self.failures.pop(0)
        if self.key and headers.get("Authorization") != f"Bearer {self.key}":
            return 401, {}, json.dumps({"error": {"message": f"bad key {headers.get('Authorization', '')}"}}).encode()
        for name in self.refuses:
            if name in body:
                said = {"error": {"message": f"Unsupported parameter: '{name}' is not supported with this model."}}
                return 400, {}, json.dumps(said).encode()
        prompt = body["messages"][1]["content"] if len(body["messages"]) > 1 else ""
        text = word_answer(prompt) if self.say is None else self.say(body)
        good = text if isinstance(text, dict) else self._answer(text, prompt, body)
        return 200, {}, json.dumps(good).encode()

    def _answer(self, text: str, prompt: str, body: dict[str, Any]) -> dict[str, Any]:
        choice: dict[str, Any] = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        if body.get("logprobs"):
            top = [{"token": token, "logprob": value} for token, value in word_logprobs(prompt).items()]
            best = max(top, key=lambda each: float(each["logprob"]))
            choice["logprobs"] = {"content": [{**best, "top_logprobs": top[: body["top_logprobs"]]}]}
        return {"choices": [choice], "usage": {"prompt_tokens": 50, "completion_tokens": 7, "total_tokens": 57}}

"""Answers of a language model behind an OpenAI-compatible server: vLLM, llama.cpp, Ollama, OpenAI and many more.

The prompt is rendered (`rag/prompting`), the answer streamed (`rerank/llm/streaming.py`). What goes wrong ends in an
answer or an error, in time: a busy or failing server is asked again (Retry-After, growing waits), a stream that breaks
before its first word once more; a prompt that is too long is sent once again with fewer excerpts; everything else is a
`ModelError`. `limit_s` holds for all of it together.
"""

import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

from spaniel.models.encoders.endpoint import endpoint_key, endpoint_url
from spaniel.models.encoders.http_json import BrokenOff, Poster
from spaniel.rag.prompting import fitted, prompt_tokens, rendered
from spaniel.rerank.llm.chat import ContextOverflow
from spaniel.rerank.llm.endpoint import EndpointChat
from spaniel.retrieval.errors import InvalidInput, LimitExceeded, ModelError
from spaniel.retrieval.prompt import Piece, Prompt
from spaniel.retrieval.types import JSON

from .calls import LedgerChat
from .ledger import Ledger
from .stream import message_tokens, pieces, without_thoughts

__all__ = ["OpenAIGenerator", "shortened"]

_KEY = "SPANIEL_LLM_KEY"
_STREAMS = 2
_ROOM = 0.9
_LEAST_TOKENS = 64
_TOKENS = re.compile(r"\b(\d{2,9})\b(?= tokens| maximum)")


class OpenAIGenerator:
    """A model behind POST `base_url`/chat/completions. Safe to call from several threads; public as `spaniel.OpenAI`.

    Args:
        base_url: of the interface, such as "http://localhost:8000/v1".
        model: its name on the server.
        key: sent as a bearer token; from SPANIEL_LLM_KEY, or the file that SPANIEL_LLM_KEY_FILE names, when None
            (OPENAI_API_KEY for that company's host alone). It stands in no message.
        temperature, seed: sent unless the server refuses them; no seed when None.
        stream: ask for the answer as it is written.
        timeout_s: for connecting, and between two parts of the answer.
        limit_s: for a whole answer, waits and second tries included.
        tries: requests before giving up on a server that is busy, failing or out of reach.
        max_bytes: of one answer as it comes over the wire.
        ledger: where costs are added up, and what may stop them; one of its own by default.
        extra: further keys of each request's body, such as `{"top_p": 0.9}`.
        sleep: how to wait between tries; tests put something else here.

    Raises:
        InvalidInput: no URL, no model, a key in the URL or one that would travel in the clear, a number out of range.

    Example:
        >>> OpenAIGenerator("http://localhost:8000/v1", "qwen3-8b").name
        'qwen3-8b'
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        key: str | None = None,
        temperature: float = 0.0,
        seed: int | None = None,
        stream: bool = True,
        timeout_s: float = 60.0,
        limit_s: float = 300.0,
        tries: int = 4,
        max_bytes: int = 16 << 20,
        ledger: Ledger | None = None,
        extra: Mapping[str, JSON] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        for name, value in (("timeout_s", timeout_s), ("limit_s", limit_s), ("tries", tries), ("max_bytes", max_bytes)):
            if not 0 < value < math.inf:
                raise InvalidInput(name, f"is {value}; it must be above 0, and finite")
        if not 0 <= temperature <= 2:
            raise InvalidInput("temperature", f"is {temperature}; it must be between 0 and 2")
        if not isinstance(model, str) or not model:
            raise InvalidInput("model", f"is {model!r}; give the model's name on the server")
        url, _ = endpoint_url(f"{base_url}#model", route="chat/completions", key_variable=_KEY)
        secret = endpoint_key(url, variable=_KEY) if key is None else key
        self._poster = Poster(url, secret, timeout_s=timeout_s, limit_s=limit_s, tries=tries, sleep=sleep)
        self._chat = EndpointChat(self._poster, model, temperature=temperature, seed=seed, extra=extra)
        sent: dict[str, JSON] = {"temperature": temperature, "seed": seed, **(extra or {})}
        self._identity = f"openai {url} {model} {json.dumps(sent, sort_keys=True)}"
        self._events, self._max_bytes = stream, max_bytes
        self.ledger = ledger or Ledger()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._chat.name

    @property
    def identity(self) -> str:
        """What decides its answers, for keys of caches: server, model, temperature, seed, further keys."""
        return self._identity

    def __repr__(self) -> str:
        return f"OpenAIGenerator({self._poster.url!r}, {self.name!r})"

    @property
    def chat(self) -> LedgerChat:
        """The model for other work, such as rewrites of questions, at the same ledger."""
        return LedgerChat(self._chat, self.ledger)

    def cost_of(self, prompt_tokens: int, answer_tokens: int) -> float | None:
        """What a call costs by the ledger's prices; None without a price for this model."""
        return self.ledger.cost_of(self.name, prompt_tokens, answer_tokens)

    def generate(self, prompt: Prompt) -> Iterator[Piece]:
        """The answer, piece by piece; see `Generator`.

        The usage of the last piece has "prompt_tokens", "answer_tokens" and "model_calls"; "estimated" if the server
        did not count tokens, "excerpts_dropped" if the prompt was too long for it.

        Raises:
            ModelError: no answer can be had: what the server said is in the message.
            LimitExceeded: the ledger has no room for the call.
        """
        end = time.monotonic() + self._poster.limit_s
        try:
            yield from self._fitting(prompt, end)
        except ModelError as error:
            error.hint = error.hint or "ask again; the server's log may say why"
            raise

    def _fitting(self, prompt: Prompt, end: float) -> Iterator[Piece]:
        """The prompt's answer, or that of a shorter one where the server finds it too long."""
        try:
            yield from self._answered(prompt, 0, end)
        except ContextOverflow as error:
            shorter, dropped = shortened(prompt, str(error))
            if not dropped and shorter.history == prompt.history:
                raise
            yield from self._answered(shorter, dropped, end)

    def _answered(self, prompt: Prompt, dropped: int, end: float) -> Iterator[Piece]:
        """One prompt's answer; asked for again if it breaks off before the first word."""
        for stream in range(1, _STREAMS + 1):
            said = False
            try:
                for piece in self._once(prompt, dropped, end):
                    said = said or bool(piece.text)
                    yield piece
                return
            except BrokenOff:
                if said or stream == _STREAMS or time.monotonic() >= end:
                    raise

    def _once(self, prompt: Prompt, dropped: int, end: float) -> Iterator[Piece]:
        messages = rendered(prompt)
        tokens = message_tokens(messages)
        with self.ledger.call(self.name, tokens, prompt.max_tokens) as entry:
            left_s = max(0.001, end - time.monotonic())
            stream = self._chat.stream(
                messages,
                max_tokens=prompt.max_tokens,
                max_bytes=self._max_bytes,
                limit_s=left_s,
                events=self._events,
            )
            with closing(stream) as deltas:
                said = without_thoughts(deltas)
                yield from pieces(said, entry, name=self.name, prompt_tokens=tokens, dropped=dropped)


def shortened(prompt: Prompt, refusal: str) -> tuple[Prompt, int]:
    """A prompt that should fit where this one was refused as too long, and how many excerpts it lacks at the end.

    The server's words mostly hold two numbers, the tokens it reads and those it was sent; their ratio says how much is
    to go. Else it is half. Earlier turns go before excerpts.

    Example:
        >>> shortened(Prompt("who?", ()), "maximum context length is 100 tokens, you requested 120")[1]
        0
    """
    numbers = [int(each) for each in _TOKENS.findall(refusal)]
    numbers = [each for each in numbers if each >= _LEAST_TOKENS]
    ratio = min(numbers) / max(numbers) if len(set(numbers)) > 1 else 0.5
    budget = int(prompt_tokens(prompt) * max(0.1, ratio) * _ROOM)
    try:
        return fitted(prompt, max(1, budget))
    except LimitExceeded:
        return prompt, 0

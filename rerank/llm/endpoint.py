"""A chat model behind an OpenAI-compatible endpoint: POST URL/chat/completions (vLLM, llama.cpp, Ollama, TGI, OpenAI).

Busy and failing servers are asked again with growing waits, or as long as their Retry-After says (`http_json.Poster`).
Servers differ in which parameters they take: one that refuses `temperature`, or wants `max_completion_tokens`, is
asked without, and that is kept for the next request.

The key comes from the environment: SPANIEL_LLM_KEY, or a file named by SPANIEL_LLM_KEY_FILE; OPENAI_API_KEY for that
company's host alone. It stands in no message.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from threading import Lock
from typing import Any

from spaniel.models.encoders.endpoint import endpoint_key, endpoint_url
from spaniel.models.encoders.http_json import Poster, Refused
from spaniel.retrieval.errors import LimitExceeded
from spaniel.retrieval.types import JSON

from .chat import CallFailed, Chat, ContextOverflow, Delta, Message, Reply
from .streaming import choice_of, deltas, overflows, text_of, tokens_of, usage_of

__all__ = ["EndpointChat", "open_chat", "top_logprobs_of"]

_KEY = "SPANIEL_LLM_KEY"
_BYTES_BESIDE = 1 << 20
_BYTES_PER_TOKEN = 64
_BYTES_PER_LOGPROB = 320
_FILTERS = ("content_filter", "content management policy", "content policy", "safety system", "moderation")
# The longer name of two stands first: it is looked for in the server's words.
_OPTIONAL = ("stream_options", "stream", "max_tokens", "temperature", "seed")
_UNWANTED = ("support", "allowed", "unrecognized", "unknown", "not permitted", "extra")


class EndpointChat:
    """A model behind a URL; see `open_chat`. Safe to call from several threads.

    Args:
        poster: sends the requests to .../chat/completions.
        model: its name on the server.
        temperature, seed: sent unless the server refuses them; no seed when None.
        extra: further keys of the body, such as `{"chat_template_kwargs": {"enable_thinking": False}}`.
    """

    def __init__(
        self,
        poster: Poster,
        model: str,
        *,
        temperature: float = 0,
        seed: int | None = None,
        extra: Mapping[str, JSON] | None = None,
    ) -> None:
        self._poster, self._model, self._extra = poster, model, dict(extra or {})
        self._sent: dict[str, Any] = {"temperature": temperature} | ({} if seed is None else {"seed": seed})
        self._refused: frozenset[str] = frozenset()
        self._lock = Lock()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model

    def chat(self, messages: Sequence[Message], *, max_tokens: int, logprobs: int = 0) -> Reply:
        """See `Chat.chat`."""
        limit = _BYTES_BESIDE + max_tokens * (_BYTES_PER_TOKEN + logprobs * _BYTES_PER_LOGPROB)
        with self._poster.masking():  # what a server says with its answer may repeat the key
            body = self._body(messages, max_tokens)
            if logprobs:
                body |= {"logprobs": True, "top_logprobs": logprobs}
            return _reply(self._poster, self._answered(body, limit))

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        max_bytes: int,
        limit_s: float | None = None,
        events: bool = True,
    ) -> Generator[Delta, None, None]:
        """The answer as it is written, with what it cost in the last part where the server tells.

        A server that does not stream, or knows no `stream_options`, is asked so that it answers.

        Args:
            max_tokens: written at most.
            max_bytes: of the whole answer as it comes over the wire.
            limit_s: for all of it, in place of the poster's.
            events: ask for a stream; else the answer comes in one part.

        Raises:
            ContextOverflow, CallFailed, ModelError: as `chat`; BrokenOff for an answer that does not come to its end.
        """
        with self._poster.masking():
            wish: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if events else {}
            body = self._body(messages, max_tokens) | wish | self._extra
            yield from self._streamed(body, max_bytes, limit_s)

    def _streamed(self, body: dict[str, Any], max_bytes: int, limit_s: float | None) -> Generator[Delta, None, None]:
        while True:
            body = self._without_refused(body)
            try:
                # Closed whatever happens: an error would keep the connection as long as its traceback lives.
                with closing(self._poster.stream(body, max_bytes=max_bytes, limit_s=limit_s)) as lines:
                    yield from deltas(lines, self._poster)
                return
            except Refused as error:
                if not self._adapts(body, error):
                    _failed(error)
                    yield Delta(finish="content_filter")
                    return
            except LimitExceeded as error:
                raise CallFailed(str(error)) from error

    def close(self) -> None:
        """Nothing is kept open."""

    def _answered(self, body: dict[str, Any], limit: int) -> Any:
        while True:
            body = self._without_refused(body)
            try:
                return self._poster.post(body, max_bytes=limit)
            except Refused as error:
                if not self._adapts(body, error):
                    return _failed(error)
            except LimitExceeded as error:
                raise CallFailed(str(error)) from error

    def _body(self, messages: Sequence[Message], max_tokens: int) -> dict[str, Any]:
        said = [{"role": each.role, "content": each.content} for each in messages]
        return {"model": self._model, "messages": said, "max_tokens": max_tokens} | self._sent | self._extra

    def _without_refused(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body without parameters that the server is known to refuse, or with their newer names."""
        kept = {key: value for key, value in body.items() if key not in self._refused or key in self._extra}
        if "max_tokens" in body and "max_tokens" not in kept:
            kept["max_completion_tokens"] = body["max_tokens"]
        return kept

    def _adapts(self, body: Mapping[str, Any], error: Refused) -> bool:
        """Whether the server refuses a parameter that the next request goes without."""
        words = str(error).lower()
        if error.status not in (400, 422) or not any(word in words for word in _UNWANTED):
            return False
        for name in _OPTIONAL:
            if name in body and name not in self._extra and name in words:
                with self._lock:
                    self._refused |= {name}
                return True
        return False


def open_chat(
    source: str,
    *,
    timeout_s: float = 120.0,
    limit_s: float = 600.0,
    tries: int = 5,
    extra: Mapping[str, JSON] | None = None,
) -> Chat:
    """The chat model of "https://host/v1#model".

    Args:
        source: URL of the interface, and the model's name behind a #.
        timeout_s: for connecting, and for each read; a long answer comes in one piece.
        limit_s: for one conversation's turn, tries and waits included.
        tries: requests before giving up on a server that is busy, failing or out of reach.
        extra: further keys of each request's body.

    Raises:
        InvalidInput: no URL, no model named, a key in the URL, or a key that would travel in the clear.

    Example:
        >>> open_chat("http://localhost:8000/v1#qwen3-8b").name
        'qwen3-8b'
    """
    url, model = endpoint_url(source, route="chat/completions", key_variable=_KEY)
    key = endpoint_key(url, variable=_KEY)
    later = "try again later, or with a lower concurrency"
    poster = Poster(url, key, timeout_s=timeout_s, limit_s=limit_s, tries=tries, later=later)
    return EndpointChat(poster, model, extra=extra)


def _failed(error: Refused) -> Any:
    """What a refusal means: a filtered answer, this conversation's fault, or everybody's.

    Raises:
        CallFailed: another conversation may be answered.
        ModelError: none would be.
    """
    words = str(error).lower()
    if error.status in (400, 403, 422) and any(word in words for word in _FILTERS):
        return {"choices": [{"message": {"content": ""}}]}
    if error.status in (401, 403):
        error.hint = f"put the key into {_KEY}, or into the file that {_KEY}_FILE names"
    elif error.status in (404, 405):
        error.hint = "check the URL and the model's name behind the #"
    else:
        too_long = error.status == 413 or (error.status in (400, 422, 500) and overflows(str(error)))
        failed = ContextOverflow(str(error)) if too_long else CallFailed(str(error))
        failed.hint = (
            "the server's words say what it refuses; a context that is too long needs fewer or shorter passages"
        )
        raise failed from None
    raise error


def _reply(poster: Poster, answer: Any) -> Reply:
    choice, message = choice_of(answer, poster)
    cut, logprobs = choice.get("finish_reason") == "length", top_logprobs_of(choice.get("logprobs"))
    return Reply(text_of(message.get("content")), tokens_of(answer), logprobs, cut, *usage_of(answer))


def top_logprobs_of(told: Any) -> tuple[Mapping[str, float], ...]:
    """For each token the likeliest ones, in the form of chat completions or the older one of completions."""
    if not isinstance(told, dict):
        return ()
    content, older = told.get("content"), told.get("top_logprobs")
    if isinstance(content, list):
        return tuple(_of_token(token) for token in content if isinstance(token, dict))
    if isinstance(older, list):
        return tuple(_numbers(token.items()) for token in older if isinstance(token, dict))
    return ()


def _of_token(token: Mapping[str, Any]) -> dict[str, float]:
    """The likeliest tokens in a place, the one that was written among them."""
    others = token.get("top_logprobs")
    pairs = [token, *(each for each in others if isinstance(each, dict))] if isinstance(others, list) else [token]
    return _numbers((each.get("token"), each.get("logprob")) for each in pairs)


def _numbers(pairs: Any) -> dict[str, float]:
    return {token: float(value) for token, value in pairs if isinstance(token, str) and type(value) in (float, int)}

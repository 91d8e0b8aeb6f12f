"""A chat model behind an OpenAI-compatible endpoint: POST URL/chat/completions (vLLM, llama.cpp, Ollama, TGI, OpenAI).

Busy and failing servers are asked again with growing waits, or as long as their Retry-After says (`http_json.Poster`).
Servers differ in which parameters they take: one that refuses `temperature`, or wants `max_completion_tokens`, is
asked without, and that is kept for the next request.

The key comes from the environment: SPANIEL_LLM_KEY, or a file named by SPANIEL_LLM_KEY_FILE; OPENAI_API_KEY for that
company's host alone. It stands in no message.
"""

from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from spaniel.models.encoders.endpoint import endpoint_key, endpoint_url
from spaniel.models.encoders.http_json import Poster, Refused
from spaniel.retrieval.errors import LimitExceeded, ModelError
from spaniel.retrieval.types import JSON

from .chat import CallFailed, Chat, Message, Reply

__all__ = ["EndpointChat", "open_chat", "top_logprobs_of"]

_KEY = "SPANIEL_LLM_KEY"
_BYTES_BESIDE = 1 << 20
_BYTES_PER_TOKEN = 64
_BYTES_PER_LOGPROB = 320
_FILTERS = ("content_filter", "content management policy", "content policy", "safety system", "moderation")
_UNWANTED = ("support", "allowed", "unrecognized", "unknown", "not permitted", "extra")


class EndpointChat:
    """A model behind a URL; see `open_chat`. Safe to call from several threads.

    Args:
        poster: sends the requests to .../chat/completions.
        model: its name on the server.
        extra: further keys of the body, such as `{"chat_template_kwargs": {"enable_thinking": False}}`.
    """

    def __init__(self, poster: Poster, model: str, *, extra: Mapping[str, JSON] | None = None) -> None:
        self._poster, self._model, self._extra = poster, model, dict(extra or {})
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
            return _reply(self._poster, self._answered(messages, max_tokens, logprobs, limit))

    def close(self) -> None:
        """Nothing is kept open."""

    def _answered(self, messages: Sequence[Message], max_tokens: int, logprobs: int, limit: int) -> Any:
        while True:
            body = self._body(messages, max_tokens, logprobs)
            try:
                return self._poster.post(body, max_bytes=limit)
            except Refused as error:
                if not self._adapts(body, error):
                    return _failed(error)
            except LimitExceeded as error:
                raise CallFailed(str(error)) from error
            except ModelError as error:
                if not isinstance(error, CallFailed) and "a build" in error.hint:
                    error.hint = "try again later, or with a lower concurrency"
                raise

    def _body(self, messages: Sequence[Message], max_tokens: int, logprobs: int) -> dict[str, Any]:
        renamed = "max_completion_tokens" if "max_tokens" in self._refused else "max_tokens"
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": each.role, "content": each.content} for each in messages],
            renamed: max_tokens,
        }
        if "temperature" not in self._refused:
            body["temperature"] = 0
        if logprobs:
            body |= {"logprobs": True, "top_logprobs": logprobs}
        return body | self._extra

    def _adapts(self, body: Mapping[str, Any], error: Refused) -> bool:
        """Whether the server refuses a parameter that the next request goes without."""
        words = str(error).lower()
        if error.status not in (400, 422) or not any(word in words for word in _UNWANTED):
            return False
        for name in ("max_tokens", "temperature"):
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
    return EndpointChat(Poster(url, key, timeout_s=timeout_s, limit_s=limit_s, tries=tries), model, extra=extra)


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
        failed = CallFailed(str(error))
        failed.hint = (
            "the server's words say what it refuses; a context that is too long needs fewer or shorter passages"
        )
        raise failed from None
    raise error


def _reply(poster: Poster, answer: Any) -> Reply:
    choices = answer.get("choices") if isinstance(answer, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(message, dict):
        told = answer.get("error") if isinstance(answer, dict) else None
        what = f": {poster.masked(str(told))[:300]}" if told else ""
        raise CallFailed(f'{poster.url}: an answer without "choices"{what}')
    cut = first.get("finish_reason") == "length"
    return Reply(_text(message.get("content")), _tokens(answer), top_logprobs_of(first.get("logprobs")), cut)


def _text(content: Any) -> str:
    """The text of a message, which is one, or a list of parts, or missing."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _tokens(answer: Mapping[str, Any]) -> int:
    """Tokens read and written; 0 when the server does not say."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return 0
    both = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
    counts = [count for count in both if type(count) is int and count >= 0]
    total = usage.get("total_tokens")
    return total if type(total) is int and total >= sum(counts) else sum(counts)


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

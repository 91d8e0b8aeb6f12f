"""A client of rerank servers: ours, and any that speaks Jina's, Cohere's or TEI's dialect.

    RerankClient("http://localhost:8080").rerank("how are keys rotated?", texts, top_n=10)

Requests are split where the server takes fewer documents (413), and a document that alone is too large for it is cut.
They are tried again where it is busy (429, 503, as long as `Retry-After` says), and what comes back is checked: every
document scored once, by a finite number.

The key is given, or comes from SPANIEL_RERANK_KEY, or from the file that SPANIEL_RERANK_KEY_FILE names. It goes to that
server alone, never without TLS to another machine, and stands in no message (`http_json.Poster`).
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import urlunsplit

import numpy as np
from numpy.typing import NDArray

from spaniel.models.encoders.endpoint import endpoint_key
from spaniel.models.encoders.http_json import Poster, Refused, open_parts
from spaniel.retrieval.errors import InvalidInput, ModelError

__all__ = ["Dialect", "RerankClient", "Reranking"]

Dialect = Literal["jina", "cohere", "tei"]

_PATHS: dict[Dialect, str] = {"jina": "v1/rerank", "cohere": "v2/rerank", "tei": "rerank"}
_KEY = "SPANIEL_RERANK_KEY"
_BYTES_BESIDE = 1 << 20
_SHORT = 1000  # letters of a document that is not what makes a request too large
_BYTES_PER_DOCUMENT = 512
_BYTES_PER_LETTER = 12  # of a document that the server repeats although it was not asked to; \ud83d\ude00 is one letter


@dataclass(frozen=True, slots=True, eq=False)
class Reranking:
    """What a server said.

    Attributes:
        scores: float64 (n,), in the order of the documents; the server's scale.
        tokens: that the server says it read; 0 where it does not say.
        truncated: documents that it says it cut; this package's server says so in Jina's and Cohere's dialects.
        requests: how many it took.
    """

    scores: NDArray[np.float64]
    tokens: int
    truncated: int
    requests: int


class RerankClient:
    """Asks a server for scores. Safe to call from several threads.

    Args:
        url: of the server (`http://host:8080`), of its version (`https://host/v1`), or of the route itself.
        dialect: "jina" (vLLM, Infinity and this package's server speak it too), "cohere" or "tei".
        model: its name on the server; some want one.
        key: sent as a bearer token; None takes it from the environment.
        max_documents: of one request; fewer once the server has refused so many.
        raw_scores: ask for logits instead of scores from 0 to 1; TEI, vLLM and this package's server give them.
        timeout_s: for connecting, and for each read.
        limit_s: for one request, tries and waits included.
        tries: of one request.
        sleep: how to wait between them.

    Raises:
        InvalidInput: no http(s) URL, no such dialect, a key that would travel in the clear, a limit below 1.
    """

    def __init__(
        self,
        url: str,
        *,
        dialect: Dialect = "jina",
        model: str = "",
        key: str | None = None,
        max_documents: int = 1000,
        raw_scores: bool = False,
        timeout_s: float = 120.0,
        limit_s: float = 300.0,
        tries: int = 5,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if dialect not in get_args(Dialect):
            raise InvalidInput("dialect", f"{dialect!r} is not one of {', '.join(get_args(Dialect))}")
        if max_documents < 1:
            raise InvalidInput("max_documents", f"{max_documents} must be at least 1")
        self.url, self.dialect, self.model, self.raw_scores = _route(url, dialect), dialect, model, raw_scores
        given = endpoint_key(self.url, variable=_KEY) if key is None else key
        self._poster = Poster(self.url, given, timeout_s, limit_s, tries, sleep)
        self._most = max_documents

    def rerank(self, query: str, documents: Sequence[str], *, top_n: int | None = None) -> list[tuple[int, float]]:
        """(place, score) of the documents, best first; equal scores by place.

        Args:
            top_n: how many; all when None.

        Raises:
            InvalidInput: an empty query, which servers refuse; or `top_n` below 1.
            ModelError: the server refuses, cannot be reached, or answers nonsense.
        """
        if top_n is not None and top_n < 1:
            raise InvalidInput("rerank", f"top_n is {top_n}; it must be at least 1, or None for all")
        scores = self.score(query, documents).scores
        order = np.argsort(-scores, kind="stable")[:top_n]
        return list(zip(order.tolist(), scores[order].tolist(), strict=True))

    def score(self, query: str, documents: Sequence[str]) -> Reranking:
        """The score of each document.

        Raises:
            InvalidInput, ModelError: see `rerank`.
        """
        if not isinstance(query, str) or not query.strip():
            raise InvalidInput("rerank", f"the query is {query!r:.40}; it must be a text, which servers want")
        if isinstance(documents, str) or not isinstance(documents, Iterable):
            raise InvalidInput("rerank", "documents must be a list of str")
        documents = list(documents)
        if not all(isinstance(each, str) for each in documents):
            raise InvalidInput("rerank", "documents must be a list of str")
        done: list[Reranking] = []
        first, most, any_cut = 0, self._most, False
        while first < len(documents):
            some = documents[first : first + most]
            scored, cut = self._scored(query, some)
            done.append(scored)
            first += len(scored.scores)
            any_cut |= cut
            # What was refused before a document that is too large by itself may have been so because of it.
            most = self._most if cut else len(scored.scores) if len(scored.scores) < len(some) else most
        if not any_cut:
            self._most = min(self._most, most)
        scores = np.concatenate([np.zeros(0), *(each.scores for each in done)])
        tokens, truncated = sum(each.tokens for each in done), sum(each.truncated for each in done)
        return Reranking(scores, tokens, truncated, sum(each.requests for each in done))

    def _scored(self, query: str, documents: Sequence[str]) -> tuple[Reranking, bool]:
        """Scores of the documents, or of their first half where that is all the server takes.

        One that is too long by itself is cut in half until the server takes it, counts as truncated, and is told of.
        """
        requests, cut = 0, False
        while True:
            requests += 1
            try:
                with self._poster.masking():
                    answer = self._poster.post(self._body(query, documents), max_bytes=_most_bytes(documents))
                    scores = _scores(self.url, self.dialect, answer, len(documents))
                tokens, truncated = _counts(answer)
                return Reranking(scores, tokens, 1 if cut else truncated, requests), cut
            except Refused as error:
                if error.status in (401, 403):
                    error.hint = f"put the key into {_KEY}, or into the file that {_KEY}_FILE names"
                if error.status != 413 or (len(documents) == 1 and len(documents[0]) < _SHORT):
                    raise
            cut = len(documents) == 1
            documents = [documents[0][: len(documents[0]) // 2]] if cut else documents[: len(documents) // 2]

    def _body(self, query: str, documents: Sequence[str]) -> dict[str, Any]:
        texts = [text or " " for text in documents]  # some servers refuse an empty one
        body: dict[str, Any] = {"query": query, "texts" if self.dialect == "tei" else "documents": texts}
        if self.dialect == "tei":
            return {**body, "raw_scores": self.raw_scores, "truncate": True}
        body["model"] = self.model
        if self.dialect == "jina":
            body["return_documents"] = False
        return {**body, "raw_scores": True, "use_activation": False} if self.raw_scores else body  # vLLM's word last


def _route(url: str, dialect: Dialect) -> str:
    """The URL to post to.

    Example:
        >>> _route("http://localhost:8080", "jina"), _route("https://h/v1/", "jina"), _route("http://h/rerank", "tei")
        ('http://localhost:8080/v1/rerank', 'https://h/v1/rerank', 'http://h/rerank')
    """
    parts = open_parts(url, hint=f"put the key into {_KEY}")
    path = parts.path.rstrip("/")
    if not path.endswith("/rerank"):
        version, _, _ = _PATHS[dialect].rpartition("/")
        path += "/rerank" if version and path.endswith(f"/{version}") else f"/{_PATHS[dialect]}"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def _most_bytes(documents: Sequence[str]) -> int:
    return _BYTES_BESIDE + _BYTES_PER_DOCUMENT * len(documents) + _BYTES_PER_LETTER * sum(map(len, documents))


def _scores(url: str, dialect: Dialect, answer: Any, n: int) -> NDArray[np.float64]:
    """float64 (n,) in the order of the documents.

    Raises:
        ModelError: documents without a score, or with two, or scores that are no finite numbers.
    """
    listed = answer if dialect == "tei" else answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        told = f": {str(answer)[:200]}" if isinstance(answer, dict) else ""
        raise ModelError(f"{url}: an answer without a list of results{told}")
    places = [each.get("index") for each in listed]
    if any(type(place) is not int for place in places) or sorted(places) != list(range(n)):
        raise ModelError(f"{url}: the results' indexes {str(places)[:100]} are not 0 to {n - 1}, each once")
    scores = np.zeros(n)
    for place, each in zip(places, listed, strict=True):
        score = each.get("score" if dialect == "tei" else "relevance_score")
        if type(score) not in (int, float) or not math.isfinite(score):
            raise ModelError(f"{url}: the score of document {place} is {str(score)[:40]}, no finite number")
        scores[place] = score
    return scores


def _counts(answer: Any) -> tuple[int, int]:
    """(tokens, truncated documents) of Jina's `usage` or Cohere's `meta`; 0 for what is not told."""
    usage, meta = (answer.get(name) if isinstance(answer, dict) else None for name in ("usage", "meta"))
    read = meta.get("tokens") if isinstance(meta, dict) else None
    return _count(usage, "total_tokens") or _count(read, "input_tokens"), _count(meta, "truncated_documents")


def _count(told: Any, name: str) -> int:
    count = told.get(name) if isinstance(told, dict) else None
    return int(count) if isinstance(count, int | float) and 0 <= count < 1 << 53 else 0

"""Encoding by an OpenAI-compatible endpoint: POST URL/embeddings {"model", "input": [...]}.

Texts go in requests of bounded size, several at once; the answer's vectors are put in order by their `index`, counted,
and checked against the dimension. What a server does with a text longer than its model reads (cut it, or refuse with
400) is its own affair.

The key comes from the environment and is never kept: SPANIEL_EMBEDDINGS_KEY, or a file named by
SPANIEL_EMBEDDINGS_KEY_FILE; OPENAI_API_KEY for that company's host alone.

An index names the endpoint it was made with. Lest an index from a stranger send queries and the key to the stranger, a
URL that comes from an index is used only for this machine and for hosts listed in SPANIEL_EMBEDDINGS_HOSTS; and the key
only for listed ones, since any program may listen on this machine.
"""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np
from numpy.typing import NDArray

from spaniel.models.card import ModelCard
from spaniel.models.pooling import normalised
from spaniel.retrieval.errors import InvalidInput, ModelError

from .base import Encoded, Encoder, Kind
from .http_json import LOOPBACK, Poster, Refused, open_parts

__all__ = ["EndpointEncoder", "check_trusted", "endpoint_key", "endpoint_url", "is_listed", "probe_dimension"]

_MAX_TEXTS = 64
_MAX_LETTERS = 200_000
_MAX_DIMENSION = 1 << 16
_BYTES_PER_NUMBER = 40


class EndpointEncoder(Encoder):
    """A model behind a URL.

    Args:
        card: of runtime "endpoint"; its source is the URL with the model's name behind a #.
        poster: sends the requests; see `endpoint_url` and `endpoint_key`.
        threads: requests under way at once.

    Raises:
        InvalidInput: a source without a model's name.
    """

    def __init__(self, card: ModelCard, poster: Poster, *, threads: int = 1) -> None:
        super().__init__(card)
        self._model, self._poster = endpoint_url(card.source)[1], poster
        self._threads = max(1, threads)

    def _encoded(self, texts: list[str], kind: Kind) -> Encoded:
        pieces = _pieces(texts)
        if self._threads == 1 or len(pieces) == 1:
            answers = [self._asked(piece) for piece in pieces]
        else:
            with ThreadPoolExecutor(min(self._threads, len(pieces))) as workers:
                answers = list(workers.map(self._asked, pieces))
        vectors = np.concatenate([each.vectors for each in answers])
        vectors = normalised(vectors) if self.card.normalised else vectors
        return Encoded(vectors, sum(each.tokens for each in answers), 0, sum(each.model_calls for each in answers))

    def _asked(self, texts: Sequence[str]) -> Encoded:
        """Vectors of the texts of one request, or of two where that is too large for the server."""
        try:
            return _request(self._poster, self._model, texts, self.card.dimension)
        except Refused as error:
            if error.status != 413 or len(texts) == 1:
                raise
        halves = [self._asked(half) for half in (texts[: len(texts) // 2], texts[len(texts) // 2 :])]
        vectors = np.concatenate([half.vectors for half in halves])
        return Encoded(vectors, sum(half.tokens for half in halves), 0, 1 + sum(half.model_calls for half in halves))


def endpoint_url(
    source: str, *, route: str = "embeddings", key_variable: str = "SPANIEL_EMBEDDINGS_KEY"
) -> tuple[str, str]:
    """(URL to post to, name of the model) of "https://host/v1#model".

    Args:
        route: what is asked of the server; put behind the path unless it ends so.
        key_variable: where the key belongs, for the message to those who wrote it into the URL.

    Raises:
        InvalidInput: no URL, no model named, or something in the URL that must not be kept in an index.

    Example:
        >>> endpoint_url("http://localhost:8080/v1#bge-small")
        ('http://localhost:8080/v1/embeddings', 'bge-small')
    """
    parts = open_parts(source, hint=f"put the key into {key_variable}")
    url, model = urlunsplit(parts._replace(fragment="")), parts.fragment
    if not model:
        raise InvalidInput("endpoint", f"{url!r} names no model", hint=f"put its name behind a #: {url}#MODEL")
    path = parts.path.rstrip("/")
    path = path if path.endswith(f"/{route}") else f"{path}/{route}"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, "")), model


def endpoint_key(url: str, *, variable: str = "SPANIEL_EMBEDDINGS_KEY") -> str:
    """The key for this URL from the environment variable, or the file that `variable`_FILE names; empty without one.

    Raises:
        InvalidInput: the file cannot be read.
    """
    if key := os.environ.get(variable):
        return key.strip()
    if named := os.environ.get(f"{variable}_FILE"):
        try:
            return Path(named).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{variable}_FILE", f"{named}: cannot be read ({error})") from error
    parts = urlsplit(url)
    of_its_own = parts.scheme == "https" and parts.hostname == "api.openai.com"
    return os.environ.get("OPENAI_API_KEY", "").strip() if of_its_own else ""


def check_trusted(source: str) -> None:
    """Refuse an endpoint that an index names and nobody here has.

    Raises:
        ModelError: neither this machine, nor a host in SPANIEL_EMBEDDINGS_HOSTS (names with commas between).
    """
    host = open_parts(source).hostname or ""
    if host not in LOOPBACK and not is_listed(source):
        error = ModelError(f"this index would send queries to {host!r}, which it names and you have not")
        error.hint = f"if you trust it, set SPANIEL_EMBEDDINGS_HOSTS={host}, or pass open_encoder({source!r}) yourself"
        raise error


def is_listed(source: str) -> bool:
    """Whether SPANIEL_EMBEDDINGS_HOSTS lists the host of this URL."""
    named = [name.strip().lower() for name in os.environ.get("SPANIEL_EMBEDDINGS_HOSTS", "").split(",")]
    return (open_parts(source).hostname or "").lower() in named


def probe_dimension(poster: Poster, model: str) -> int:
    """The dimension of a model's vectors, from one request.

    Raises:
        ModelError: the request fails.
    """
    return int(_request(poster, model, ["dimension"], None).vectors.shape[1])


def _pieces(texts: Sequence[str]) -> list[list[str]]:
    """The texts of each request: bounded in number and in letters."""
    pieces: list[list[str]] = [[]]
    letters = 0
    for text in texts:
        if pieces[-1] and (len(pieces[-1]) == _MAX_TEXTS or letters + len(text) > _MAX_LETTERS):
            pieces.append([])
            letters = 0
        pieces[-1].append(text or " ")  # servers refuse an empty input
        letters += len(text)
    return pieces


def _request(poster: Poster, model: str, texts: Sequence[str], dimension: int | None) -> Encoded:
    with poster.masking():  # what a server says with its answer may repeat the key
        return _answered(poster, model, texts, dimension)


def _answered(poster: Poster, model: str, texts: Sequence[str], dimension: int | None) -> Encoded:
    limit = (1 << 20) + len(texts) * (dimension or _MAX_DIMENSION) * _BYTES_PER_NUMBER
    try:
        answer = poster.post({"model": model, "input": list(texts), "encoding_format": "float"}, max_bytes=limit)
    except Refused as error:
        if error.status in (401, 403):
            error.hint = "put the key into SPANIEL_EMBEDDINGS_KEY, or into the file SPANIEL_EMBEDDINGS_KEY_FILE names"
            error.hint += "; for an endpoint that an index names, list its host in SPANIEL_EMBEDDINGS_HOSTS"
        raise
    vectors = _vectors(poster, answer, len(texts), dimension)
    return Encoded(vectors, _tokens(answer))


def _vectors(poster: Poster, answer: Any, n_texts: int, dimension: int | None) -> NDArray[np.float32]:
    """float32 (n_texts, d) in the order of the texts."""
    url = poster.url
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        said = answer.get("error") if isinstance(answer, dict) else None
        raise ModelError(f'{url}: an answer without "data"' + (f": {poster.masked(str(said))[:300]}" if said else ""))
    if len(data) != n_texts:
        raise ModelError(f"{url}: {len(data)} vectors for {n_texts} texts")
    places = [entry.get("index", place) for place, entry in enumerate(data)]
    if any(type(place) is not int for place in places) or sorted(places) != list(range(n_texts)):
        raise ModelError(f"{url}: the vectors' indexes {str(places)[:100]} are not 0 to {n_texts - 1}")
    wanted = dimension
    rows: dict[int, list[float]] = {}
    for place, entry in zip(places, data, strict=True):
        row = rows[place] = _row(url, entry.get("embedding"), place)
        wanted = wanted or len(row)
        if len(row) != wanted:
            raise ModelError(f"{url}: vector {place} has {len(row)} dimensions, not {wanted}")
    return np.array([rows[place] for place in range(n_texts)], np.float32)


def _row(url: str, values: Any, place: int) -> list[float]:
    numbers = isinstance(values, list) and all(type(value) in (float, int) for value in values)
    if not numbers or not 1 <= len(values) <= _MAX_DIMENSION:
        raise ModelError(f"{url}: vector {place} is no list of numbers")
    return [value if -3e38 < value < 3e38 else math.inf for value in values]


def _tokens(answer: Any) -> int:
    usage = answer.get("usage")
    tokens = usage.get("prompt_tokens", usage.get("total_tokens")) if isinstance(usage, dict) else 0
    return tokens if type(tokens) is int and tokens >= 0 else 0

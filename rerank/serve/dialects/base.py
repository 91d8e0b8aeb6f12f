"""What every dialect says in other words: a query, texts, and how the answer should look."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import numpy as np
from msgspec import Meta, Raw, json
from numpy.typing import NDArray

from spaniel.rerank.serve.errors import Problem
from spaniel.rerank.serve.scored import Scored
from spaniel.rerank.serve.tokenising import USUAL, Reading
from spaniel.retrieval.types import JSON

__all__ = [
    "Answered",
    "Asked",
    "Dialect",
    "Given",
    "Names",
    "Query",
    "RawScores",
    "Some",
    "Top",
    "UseActivation",
    "as_logits",
    "as_texts",
    "best_first",
    "checked_query",
    "repeated",
    "search_units",
    "sigmoid",
]

Given: TypeAlias = "str | dict[str, Any]"
"""A document as it comes: its text, or an object that has it in a field."""

Query: TypeAlias = Annotated[
    str, Meta(description="What is asked; must not be blank.", extra_json_schema={"minLength": 1, "pattern": r"\S"})
]
Some: TypeAlias = Annotated[
    list[Given], Meta(min_length=1, description="Texts, or objects with their text in `text` or in `rank_fields`.")
]
Top: TypeAlias = Annotated[int, Meta(ge=0, description="How many of the best; 0 or null for all.")] | None
Names: TypeAlias = (
    Annotated[
        list[Annotated[str, Meta(max_length=256)]],
        Meta(max_length=32, description="Of objects: the fields that are text."),
    ]
    | None
)
RawScores: TypeAlias = Annotated[bool | None, Meta(description="Logits instead of scores from 0 to 1.")]
UseActivation: TypeAlias = Annotated[bool | None, Meta(description="vLLM's word: false for logits.")]

Request = TypeVar("Request")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, whatever the dialect.

    Attributes:
        query: of all texts, or one for each.
        texts: of the documents, in their order.
        top: how many of the best are wanted; None or 0, as some clients write it, for all.
        raw: logits instead of probabilities.
        reading: how much of the texts.
        documents: as JSON objects, where the answer shall repeat them; else None.
    """

    query: str | Sequence[str]
    texts: Sequence[str]
    top: int | None = None
    raw: bool = False
    reading: Reading = USUAL
    documents: Sequence[Raw] | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What was scored, for a dialect to write down.

    Attributes:
        id: of the request.
        created_s: seconds since 1970.
        scored: the engine's answer.
    """

    asked: Asked
    id: str
    created_s: int
    scored: Scored

    @property
    def scores(self) -> NDArray[np.float64]:
        """float64 (n,) in the documents' order: logits or probabilities, as asked."""
        return self.scored.logits if self.asked.raw else sigmoid(self.scored.logits)

    @property
    def ranked(self) -> list[tuple[int, float]]:
        """(place, score) of the documents that are wanted, best first."""
        places, scores = best_first(self.scored.logits)[: self.asked.top or None], self.scores
        return [(int(place), float(scores[place])) for place in places]


@dataclass(frozen=True, slots=True)
class Dialect(Generic[Request]):
    """One dialect.

    Attributes:
        name: of metrics and documentation.
        request: the shape of a body.
        response: the shape of an answer.
        size: how many pairs a body asks for; told before anything is made of them.
        asked: what a body asks for; raises Problem.
        answer: an answer as the dialect writes it.
        refusal: a problem as the dialect writes it; takes the request's id beside.
    """

    name: str
    request: type[Request]
    response: Any
    size: Callable[[Request], int]
    asked: Callable[[Request], Asked]
    answer: Callable[[Answered], Any]
    refusal: Callable[[Problem, str], Mapping[str, JSON]]


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 (n,): 1 / (1 + exp(-x)); in float32, scores above 17 would all be 1.

    Example:
        >>> sigmoid(np.array([0.0, 30.0, -800.0])).tolist()
        [0.5, 0.9999999999999065, 0.0]
    """
    small = np.exp(-np.abs(logits))  # never above 1, so that it cannot overflow
    return np.asarray(np.where(logits >= 0, 1.0, small) / (1.0 + small), np.float64)


def best_first(logits: NDArray[np.float64]) -> NDArray[np.intp]:
    """int (n,): the places by falling logit, equal ones by place. Not by sigmoid: those of two logits may be equal."""
    return np.argsort(-logits, kind="stable")


def as_texts(documents: Sequence[Given], fields: Sequence[str] | None = None, *, where: str = "documents") -> list[str]:
    """The text of each document: itself, or its field `text`, or those of `fields` that it has, each once, one a line:
    so all texts together are no longer than the documents were.

    Raises:
        Problem: 422, naming the document that has none.

    Example:
        >>> as_texts(["a", {"text": "b", "id": 7}])
        ['a', 'b']
        >>> as_texts([{"title": "t", "body": "b"}], ["title", "body"])
        ['title: t\\nbody: b']
    """
    names = tuple(dict.fromkeys(fields or ()))
    return [each if isinstance(each, str) else _text(each, names, f"{where}[{n}]") for n, each in enumerate(documents)]


def _text(document: Mapping[str, Any], fields: Sequence[str], where: str) -> str:
    names = fields or ("text",)
    found = [(name, document[name]) for name in names if document.get(name) is not None]
    if not found:
        hint = "a document is a string or an object with its text in `text`"
        raise Problem(422, "Validation", f"has no {' or '.join(map(repr, names))}", where, hint)
    for name, value in found:
        if isinstance(value, dict | list) or (not fields and not isinstance(value, str)):
            raise Problem(422, "Validation", f"is {_kind(value)}, not text", f"{where}.{name}")
    if len(found) == 1 and isinstance(found[0][1], str):
        return found[0][1]
    return "\n".join(f"{name}: {value}" for name, value in found)


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", bool: "true or false", int: "a number", float: "a number"}
    return kinds.get(type(value), type(value).__name__)


def checked_query(query: str) -> str:
    """The query, which must say something.

    Raises:
        Problem: 422 for an empty one.
    """
    if not query.strip():
        raise Problem(422, "Validation", "is blank", "query")
    return query


def as_logits(raw_scores: bool | None, use_activation: bool | None) -> bool:
    """Whether logits are asked for, by our word or by vLLM's."""
    return raw_scores is True or use_activation is False


def search_units(n_documents: int) -> int:
    """What Cohere bills: a query with up to 100 documents is one."""
    return math.ceil(n_documents / 100)


def repeated(documents: Sequence[Given]) -> list[Raw]:
    """The documents as answers repeat them: objects, the client's own where it sent some. Kept as bytes, for the
    smallest JSON can become large objects, and a request may wait.
    """
    return [Raw(json.encode({"text": each} if isinstance(each, str) else each)) for each in documents]

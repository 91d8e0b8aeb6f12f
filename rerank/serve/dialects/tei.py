"""`POST /rerank` with `texts`: the dialect of Hugging Face's text-embeddings-inference. The answer is a bare list."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from spaniel.rerank.serve.errors import Problem
from spaniel.rerank.serve.schemas import Shape
from spaniel.rerank.serve.tokenising import Reading
from spaniel.retrieval.types import JSON

from .base import Answered, Asked, Dialect, Query, RawScores, checked_query

__all__ = ["TEI", "TeiRank", "TeiRequest"]

_TYPES = {413: "Validation", 422: "Validation", 429: "Overloaded", 500: "Backend", 503: "Unhealthy"}


class TeiRequest(Shape):
    """A query and the texts to put in order."""

    query: Query
    texts: Annotated[list[str], Meta(min_length=1)]
    raw_scores: RawScores = None
    return_text: Annotated[bool | None, Meta(description="Repeat the texts.")] = None
    truncate: Annotated[bool | None, Meta(description="false: a text longer than the model reads is an error.")] = None
    truncation_direction: Annotated[
        Literal["Right", "right", "Left", "left"] | None, Meta(description="Only right: the end is cut.")
    ] = None


class TeiRank(Shape):
    """One text."""

    index: int
    score: float
    text: str | UnsetType = UNSET


def _asked(request: TeiRequest) -> Asked:
    if request.truncation_direction in ("Left", "left") and request.truncate is not False:
        raise Problem(422, "Validation", "is left; texts are cut at their end only", "truncation_direction")
    return Asked(
        checked_query(request.query),
        request.texts,
        raw=request.raw_scores is True,
        reading=Reading(cut=request.truncate is not False),
        documents=() if request.return_text else None,  # the texts are there already
    )


def _answer(answered: Answered) -> list[TeiRank]:
    texts = answered.asked.texts
    repeat = answered.asked.documents is not None
    return [
        TeiRank(index=place, score=score, text=texts[place] if repeat else UNSET) for place, score in answered.ranked
    ]


def _refusal(problem: Problem, id: str) -> Mapping[str, JSON]:
    return {"error": problem.said, "error_type": _TYPES.get(problem.status, problem.type)}


TEI = Dialect("tei", TeiRequest, list[TeiRank], lambda request: len(request.texts), _asked, _answer, _refusal)

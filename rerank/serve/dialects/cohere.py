"""`POST /v2/rerank`: Cohere's dialect. `cohere.ClientV2(base_url=...)` and langchain-cohere speak it unchanged."""

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import UNSET, Meta, Raw, UnsetType

from spaniel.rerank.serve.errors import Problem
from spaniel.rerank.serve.schemas import Shape
from spaniel.rerank.serve.tokenising import Reading
from spaniel.retrieval.types import JSON

from .base import (
    Answered,
    Asked,
    Dialect,
    Names,
    Query,
    RawScores,
    Some,
    Top,
    UseActivation,
    as_logits,
    as_texts,
    checked_query,
    repeated,
)
from .jina import meta

__all__ = ["COHERE", "CohereRequest", "CohereResponse"]


class CohereRequest(Shape):
    """A query and the documents to put in order."""

    query: Query
    documents: Some
    model: Annotated[str | None, Meta(description="Any; the server has one model.")] = None
    top_n: Top = None
    max_tokens_per_doc: Annotated[int, Meta(ge=1, description="More of a document is not read.")] | None = None
    return_documents: Annotated[bool | None, Meta(description="Repeat the documents.")] = None
    rank_fields: Names = None
    raw_scores: RawScores = None
    use_activation: UseActivation = None


class CohereResult(Shape):
    """One document."""

    index: int
    relevance_score: float
    document: Raw | UnsetType = UNSET


class CohereResponse(Shape):
    """Documents, best first."""

    id: str
    results: list[CohereResult]
    meta: dict[str, Any]


def _asked(request: CohereRequest) -> Asked:
    return Asked(
        checked_query(request.query),
        as_texts(request.documents, request.rank_fields),
        top=request.top_n,
        raw=as_logits(request.raw_scores, request.use_activation),
        documents=repeated(request.documents) if request.return_documents else None,
        reading=Reading(max_passage_tokens=request.max_tokens_per_doc),
    )


def _answer(answered: Answered) -> CohereResponse:
    documents = answered.asked.documents
    results = [
        CohereResult(index=place, relevance_score=score, document=UNSET if documents is None else documents[place])
        for place, score in answered.ranked
    ]
    return CohereResponse(id=answered.id, results=results, meta=meta(answered, version="2"))


def _refusal(problem: Problem, id: str) -> Mapping[str, JSON]:
    return {"id": id, "message": problem.said}


COHERE = Dialect(
    "cohere", CohereRequest, CohereResponse, lambda request: len(request.documents), _asked, _answer, _refusal
)

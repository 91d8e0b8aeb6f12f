"""`POST /v1/rerank`: Jina's dialect, which vLLM and many others share; and the first version of Cohere's.

The two differ in few fields and clash in none, so that one answer holds what either client looks for: `model`, `object`
and `usage` of Jina's, `id` and `meta` of Cohere's. A document is repeated only where `return_documents` asks for it, as
Jina does now; clients once broke when that default changed.
"""

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
    search_units,
)

__all__ = ["JINA", "RerankRequest", "RerankResponse"]


class QueryText(Shape):
    """A query as an object."""

    text: Query


class RerankRequest(Shape):
    """A query and the documents to put in order."""

    query: Query | QueryText
    documents: Some
    model: Annotated[str | None, Meta(description="Any; the server has one model, and says which.")] = None
    top_n: Top = None
    return_documents: Annotated[bool | None, Meta(description="Repeat the documents.")] = None
    rank_fields: Names = None
    truncation: Annotated[bool | None, Meta(description="false: a text longer than the model reads is an error.")] = (
        None
    )
    raw_scores: RawScores = None
    use_activation: UseActivation = None


class Result(Shape):
    """One document."""

    index: int
    relevance_score: float
    document: Raw | UnsetType = UNSET


class Usage(Shape):
    """Tokens read by the model."""

    total_tokens: int
    prompt_tokens: int


class RerankResponse(Shape, omit_defaults=False):
    """Documents, best first."""

    id: str
    object: str
    model: str
    usage: Usage
    results: list[Result]
    meta: dict[str, Any]


def _asked(request: RerankRequest) -> Asked:
    query = request.query if isinstance(request.query, str) else request.query.text
    return Asked(
        checked_query(query),
        as_texts(request.documents, request.rank_fields),
        top=request.top_n,
        raw=as_logits(request.raw_scores, request.use_activation),
        reading=Reading(cut=request.truncation is not False),
        documents=repeated(request.documents) if request.return_documents else None,
    )


def _answer(answered: Answered) -> RerankResponse:
    tokens, documents = answered.scored.tokens, answered.asked.documents
    return RerankResponse(
        id=answered.id,
        object="list",
        model=answered.scored.model,
        usage=Usage(total_tokens=tokens, prompt_tokens=tokens),
        results=[
            Result(
                index=place,
                relevance_score=score,
                document=UNSET if documents is None else documents[place],
            )
            for place, score in answered.ranked
        ],
        meta=meta(answered, version="1"),
    )


def meta(answered: Answered, *, version: str) -> dict[str, Any]:
    """Cohere's account of a request; what was cut is ours, and warnings say the same in words."""
    scored, n, warnings = answered.scored, len(answered.asked.texts), list[str]()
    told: dict[str, Any] = {
        "api_version": {"version": version},
        "billed_units": {"search_units": search_units(n)},
        "tokens": {"input_tokens": scored.tokens},
    }
    if scored.truncated:
        told["truncated_documents"] = scored.truncated
        read = "is to be read" if answered.asked.reading.max_passage_tokens else "the model reads"
        warnings.append(f"{scored.truncated} of {n} documents are longer than {read}; their ends were cut")
    if scored.truncated_queries:
        told["truncated_query"] = True
        warnings.append("the query is longer than the model reads; its end was cut")
    return {**told, "warnings": warnings} if warnings else told


def _refusal(problem: Problem, id: str) -> Mapping[str, JSON]:
    told: dict[str, JSON] = {
        "type": problem.type,
        "message": problem.message,
        "field": problem.path,
        "hint": problem.hint,
    }
    return {"id": id, "message": problem.said, "detail": problem.said, "error": told}


JINA = Dialect("jina", RerankRequest, RerankResponse, lambda request: len(request.documents), _asked, _answer, _refusal)

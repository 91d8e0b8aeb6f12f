"""`POST /score`: vLLM's dialect for the scores alone, one text with several or several with as many, in their order."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from spaniel.rerank.serve.errors import Problem
from spaniel.rerank.serve.schemas import Shape
from spaniel.retrieval.types import JSON

from .base import Answered, Asked, Dialect, RawScores, UseActivation, as_logits
from .jina import Usage

__all__ = ["SCORE", "ScoreRequest", "ScoreResponse"]


class ScoreRequest(Shape):
    """Pairs: `text_1` with each of `text_2`, or one by one where both are lists of the same length."""

    text_1: Annotated[str | Annotated[list[str], Meta(min_length=1)], Meta(description="The query or queries.")]
    text_2: Annotated[str | Annotated[list[str], Meta(min_length=1)], Meta(description="The text or texts.")]
    model: Annotated[str | None, Meta(description="Any; the server has one model, and says which.")] = None
    raw_scores: RawScores = None
    use_activation: UseActivation = None


class ScoreData(Shape, omit_defaults=False):
    """The score of one pair."""

    index: int
    object: str
    score: float


class ScoreResponse(Shape, omit_defaults=False):
    """Scores in the order of the pairs."""

    id: str
    object: str
    created: int
    model: str
    data: list[ScoreData]
    usage: Usage


def _size(request: ScoreRequest) -> int:
    return 1 if isinstance(request.text_2, str) else len(request.text_2)


def _asked(request: ScoreRequest) -> Asked:
    query = request.text_1
    texts = [request.text_2] if isinstance(request.text_2, str) else request.text_2
    if not isinstance(query, str) and len(query) == 1:
        query = query[0]
    if not isinstance(query, str) and len(query) != len(texts):
        said = f"{len(query)} texts with {len(texts)} of text_2; one with many, or as many of each"
        raise Problem(422, "Validation", said, "text_1")
    return Asked(query, texts, raw=as_logits(request.raw_scores, request.use_activation))


def _answer(answered: Answered) -> ScoreResponse:
    tokens = answered.scored.tokens
    return ScoreResponse(
        id=answered.id,
        object="list",
        created=answered.created_s,
        model=answered.scored.model,
        data=[ScoreData(index=n, object="score", score=score) for n, score in enumerate(answered.scores.tolist())],
        usage=Usage(total_tokens=tokens, prompt_tokens=tokens),
    )


def _refusal(problem: Problem, id: str) -> Mapping[str, JSON]:
    told: dict[str, JSON] = {
        "type": problem.type,
        "message": problem.said,
        "param": problem.path,
        "code": problem.status,
    }
    return {"error": told}


SCORE = Dialect("score", ScoreRequest, ScoreResponse, _size, _asked, _answer, _refusal)

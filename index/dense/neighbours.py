"""The passages nearest to one that is in the index, by the vectors that the index holds: no model is needed."""

from typing import TYPE_CHECKING

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.results import Results
from spaniel.retrieval.types import Query

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["neighbours"]


def neighbours(index: "Index", passage_id: str, *, k: int = 10, name: str | None = None) -> Results:
    """The k passages with the highest dot product with this one, itself left out.

    Args:
        name: of the vectors; those added first by default.

    Raises:
        InvalidInput: there is no such passage, k below 1, or no vectors of this name.
    """
    found = index.passages.ordinals_of([passage_id])
    if passage_id not in found:
        raise InvalidInput("neighbours", f"the index has no passage {passage_id!r}")
    ordinal = found[passage_id]
    retriever = index.dense(name)
    query = Query(passage_id, "", vector=retriever.vectors([ordinal])[0])
    [ranking] = retriever.search([query], k=k, exclude=[[ordinal]])
    return Results.fetch(passage_id, ranking, index.passages, steps=[(retriever.name, ranking)])

"""Our passages as documents of langchain-core, and back.

A langchain document has a text, metadata and an id. What was found adds to the metadata:

    spaniel.score    float, of the last stage
    spaniel.doc_id   the document that the passage comes from
    spaniel.start, spaniel.end    where in the text of that document, in characters
    spaniel.title    its title, where it has one

The prefix keeps them apart from the user's own keys. A vector store gives documents back as they were put in, without
these: that is what its users, and the standard tests, expect.
"""

from collections.abc import Mapping
from typing import Any

from langchain_core.documents import Document as LangChainDocument

from spaniel.retrieval.types import Passage

__all__ = ["PREFIX", "as_documents_were", "found_document", "own_metadata", "passage_of"]

PREFIX = "spaniel."


def found_document(passage: Passage, score: float) -> LangChainDocument:
    """A passage that a search has found, with its score and span."""
    told: dict[str, Any] = {
        **passage.meta,
        f"{PREFIX}score": float(score),
        f"{PREFIX}doc_id": passage.doc_id,
        f"{PREFIX}start": passage.start,
        f"{PREFIX}end": passage.end,
    }
    if passage.title:
        told[f"{PREFIX}title"] = passage.title
    return LangChainDocument(page_content=passage.text, metadata=told, id=passage.id)


def as_documents_were(passage: Passage) -> LangChainDocument:
    """A passage as it was put in."""
    return LangChainDocument(page_content=passage.text, metadata=dict(passage.meta), id=passage.id)


def own_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The user's keys alone."""
    return {key: value for key, value in metadata.items() if not key.startswith(PREFIX)}


def passage_of(document: LangChainDocument, place: int) -> Passage:
    """Any langchain document as a passage, with the span that a search of ours has told it, else the whole text."""
    told = document.metadata
    name = document.id or f"document {place}"
    start = told.get(f"{PREFIX}start")
    first = start if isinstance(start, int) else 0
    return Passage(
        id=name,
        doc_id=str(told.get(f"{PREFIX}doc_id", name)),
        start=first,
        end=first + len(document.page_content),
        text=document.page_content,
        title=str(told.get(f"{PREFIX}title", told.get("title", "")) or ""),
        meta=own_metadata(told),
    )

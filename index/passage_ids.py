"""How the passages of a document are called: like the document where it has one, else ID#1, ID#2, ..."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from spaniel.retrieval.types import Document, Passage

__all__ = [
    "AFTER_CUT_MARK",
    "CUT_MARK",
    "PassageOf",
    "begins_document",
    "by_document",
    "displaced",
    "document_of",
    "names_of",
]

T = TypeVar("T", bound=Document | Passage)

CUT_MARK = "#"
AFTER_CUT_MARK = "$"
"""The next character: by code points, the ids between ID# and ID$ are those that begin with ID#."""


@dataclass(frozen=True, slots=True)
class PassageOf(Document):
    """One of several passages of a document, to be stored. Its `id` is its own.

    Attributes:
        doc_id: the document's.
        start: where in the document's text it begins, in characters.
    """

    doc_id: str = ""
    start: int = 0


def document_of(item: Document | Passage) -> str:
    """Id of the document that a passage, or what is to become one, belongs to."""
    return item.doc_id if isinstance(item, PassageOf | Passage) else item.id


def begins_document(item: Document | Passage) -> bool:
    """Whether it is the first passage of its document."""
    return not isinstance(item, PassageOf | Passage) or item.start == 0


def by_document(items: Iterable[T]) -> list[list[T]]:
    """Passages in the order of insertion, those of each document together. A document that comes twice is two."""
    groups: list[list[T]] = []
    for item in items:
        if groups and not begins_document(item) and document_of(groups[-1][0]) == document_of(item):
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups


def names_of(items: Sequence[Document | Passage]) -> list[str]:
    """Every id that these take: of each document, and of each of its passages if it has several."""
    names = []
    for group in by_document(items):
        if (doc_id := document_of(group[0])) != group[0].id:
            names.append(doc_id)
        names += [item.id for item in group]
    return names


def displaced(documents: Iterable[list[Passage]], *, keep_first: bool) -> list[Passage]:
    """The passages of those documents, in the order of reading, that share an id with one that is kept."""
    kept: dict[str, list[Passage]] = {}
    dead: list[Passage] = []
    for document in documents:
        names = names_of(document)
        if keep_first and any(name in kept for name in names):
            dead += document
            continue
        for older in {id(kept[name]): kept[name] for name in names if name in kept}.values():
            dead += older
            for name in names_of(older):
                kept.pop(name, None)
        kept.update(dict.fromkeys(names, document))
    return dead

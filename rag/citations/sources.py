"""Where the stored text of a passage is read again, so that a quotation is checked against what the index holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import NamedPassages
from spaniel.retrieval.types import Passage

__all__ = ["Documents", "Source", "SourceReader", "Stored"]


@runtime_checkable
class Documents(Protocol):
    """Gives stored documents back. An open index is one."""

    def document_text(self, doc_id: str) -> str | None:
        """The whole original text of a document; None where it cannot be had."""
        ...


Stored = Documents | NamedPassages | Mapping[str, str]
"""What quotations are checked against: documents, a store of passages, or texts by document id."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A stored text, and where it begins in its document, in characters. Equal only to itself."""

    text: str
    start: int = 0


class SourceReader:
    """Reads each passage and each document once. For one answer; not for several threads.

    Args:
        stored: a store that has `document_text` is asked for the document; else, or where that is None, for the
            passage alone, in which quotations across borders of passages are not found.

    Raises:
        InvalidInput: something that gives back neither.
    """

    def __init__(self, stored: Stored) -> None:
        if not isinstance(stored, Documents | NamedPassages | Mapping):
            raise InvalidInput("documents", f"{type(stored).__name__} gives back neither documents nor passages")
        self._stored = stored
        self._documents: dict[str, Source | None] = {}
        self._passages: dict[str, Source | None] = {}

    def near(self, passage: Passage) -> Source | None:
        """The passage alone as it is stored, where a store has it by itself, else as `read`.

        Most quotations stand in the passage that was shown: a document of millions of characters is put together from
        its passages only for those that do not.
        """
        return self.alone(passage) or self.read(passage)

    def read(self, passage: Passage) -> Source | None:
        """The stored text that the passage is a part of; None if nothing is stored under its ids."""
        if passage.doc_id not in self._documents:
            self._documents[passage.doc_id] = self._document(passage.doc_id)
        return self._documents[passage.doc_id] or self.alone(passage)

    def alone(self, passage: Passage) -> Source | None:
        """The passage by itself as it is stored; None where the store has none."""
        if passage.id not in self._passages:
            self._passages[passage.id] = self._passage(passage)
        return self._passages[passage.id]

    def _document(self, doc_id: str) -> Source | None:
        if isinstance(self._stored, Documents):
            text = self._stored.document_text(doc_id)
        else:
            text = self._stored.get(doc_id) if isinstance(self._stored, Mapping) else None
        return None if text is None else Source(text)

    def _passage(self, passage: Passage) -> Source | None:
        if not isinstance(self._stored, NamedPassages):
            return None
        ordinal = self._stored.ordinals_of([passage.id]).get(passage.id)
        if ordinal is None:
            return None
        [stored] = self._stored.get([ordinal])
        return Source(stored.text, stored.start) if stored.doc_id == passage.doc_id else None

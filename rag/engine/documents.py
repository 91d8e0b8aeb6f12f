"""Whole documents of an index, for verifying citations against."""

from spaniel.retrieval.protocols import PassageStore

__all__ = ["StoredDocuments"]


class StoredDocuments:
    """Gives a document's stored text, where the store can put it together from its passages.

    A store that knows passages only gives none, and a citation is then verified against the passage itself.
    """

    def __init__(self, store: PassageStore) -> None:
        self._text = getattr(store, "document_text", None)

    def document_text(self, doc_id: str) -> str | None:
        """The original text of a document; None where it cannot be had."""
        return None if self._text is None else self._text(doc_id)

"""Documents in, the passages to be stored out: the step between reading and indexing."""

from collections.abc import Iterable, Iterator
from functools import cached_property

from spaniel.index.passage_ids import CUT_MARK, PassageOf
from spaniel.models.counting import TokenCounter, token_counter
from spaniel.retrieval.types import Document

from .chunker import chunks_of
from .outline import Outlined
from .settings import ChunkSettings

__all__ = ["Cutter"]


class Cutter:
    """Cuts documents as an index's settings say. The token counter is opened with the first of them."""

    def __init__(self, settings: ChunkSettings) -> None:
        self._settings = settings

    @cached_property
    def _count(self) -> TokenCounter:
        """Raises InvalidInput or ModelError where there is no such counter here."""
        return token_counter(self._settings.counter)

    def __call__(self, documents: Iterable[Document], kinds: Iterable[str]) -> Iterator[Document]:
        """The passages of each document, in order: itself where it is not cut.

        Args:
            kinds: what each of them is: "" for a record, else how its file was read ("text", "markdown", "code", ...).
        """
        for document, kind in zip(documents, kinds, strict=True):
            if kind or self._settings.records:
                yield from self.cut(document, kind or "text")
            else:
                yield document

    def cut(self, document: Document, kind: str) -> list[Document]:
        """The passages of one document; itself where it has one alone."""
        headings = document.headings if isinstance(document, Outlined) else ()
        chunks = chunks_of(document.text, self._settings, self._count, kind=kind, headings=headings)
        if len(chunks) == 1:
            return [document]
        return [
            PassageOf(
                f"{document.id}{CUT_MARK}{number}",
                document.text[chunk.start : chunk.end],
                chunk.title(document.title),
                document.meta,
                document.id,
                chunk.start,
            )
            for number, chunk in enumerate(chunks, 1)
        ]

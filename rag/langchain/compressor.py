"""`SpanielReranker`: any judge of ours as a document compressor of langchain-core."""

from collections.abc import Sequence
from threading import Lock
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor
from langchain_core.documents import Document as LangChainDocument
from pydantic import ConfigDict, PrivateAttr

from spaniel.rerank.ranked import rerank
from spaniel.rerank.reranker import Rerank
from spaniel.retrieval.errors import InvalidInput

from .documents import PREFIX, passage_of

__all__ = ["SpanielReranker"]


class SpanielReranker(BaseDocumentCompressor):
    """Puts documents in the order that a judge gives them, behind any retriever of langchain's or by itself.

    The documents come back with `spaniel.score` in their metadata (the judge's, where the schedule has scores), the
    best first; ties keep the order they came in.

    Args:
        judge: a model by name ("cosine:minilm", the folder of a cross-encoder, a rerank server's URL; opened once, with
            the first call), a `Judge`, or a stage such as `sp.CrossEncoder(...)`, which stay their owner's.
        top_n: how many come back; None for all.
        schedule: how it is asked, such as "jointrank" (docs/schedules.md); every document by itself by default.

    Raises:
        ValidationError: a number of documents below 1, or an argument that there is not.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    judge: Any
    top_n: int | None = 4
    schedule: Any = None
    _opened: Any = PrivateAttr(default=None)
    _opening: Any = PrivateAttr(default_factory=Lock)

    def model_post_init(self, context: Any, /) -> None:
        """Refuse a number of documents that cannot be."""
        if self.top_n is not None and self.top_n < 1:
            raise InvalidInput("top_n", f"is {self.top_n}; it must be at least 1, or None for all")

    def compress_documents(
        self, documents: Sequence[LangChainDocument], query: str, callbacks: Callbacks | None = None
    ) -> list[LangChainDocument]:
        """The best `top_n` of the documents, in their new order; the ones given are not changed."""
        if not documents:
            return []
        with self._opening:
            if isinstance(self.judge, str) and self._opened is None:
                self._opened = Rerank(self.judge, self.schedule)
        passages = [passage_of(each, place) for place, each in enumerate(documents)]
        found = rerank(query, passages, self._opened or self.judge, schedule=self.schedule, top_n=self.top_n)
        return [_scored(documents[each.index], each.score) for each in found]

    def close(self) -> None:
        """Give the judge back, where it was opened here."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def _scored(document: LangChainDocument, score: float) -> LangChainDocument:
    metadata = {**document.metadata, f"{PREFIX}score": float(score)}
    return LangChainDocument(page_content=document.page_content, metadata=metadata, id=document.id)

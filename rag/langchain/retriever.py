"""`SpanielRetriever`: an index, a pipeline or an engine as a retriever of langchain-core."""

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document as LangChainDocument
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field, PrivateAttr

from spaniel.index.index import Asks, Index, open_index
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import Pipeline
from spaniel.retrieval.protocols import Retriever

from .documents import found_document

__all__ = ["SpanielRetriever"]


class SpanielRetriever(BaseRetriever):
    """Finds passages with anything of ours that searches.

    `invoke`, `batch`, `ainvoke` and callbacks are those of langchain-core; async calls run in a thread.

    Args:
        source: the directory of an index, which is opened here and searched as `Index.search` does; or an `Index`, a
            pipeline or retriever (`kb.bm25() >> sp.CrossEncoder(...)`), or an `Engine`, which stay their owner's.
        k: how many documents.
        where: a filter on metadata, see docs/filters.md.
        retriever: "bm25", "dense" or "hybrid", where the source is an index; by default what its own search does.

    `invoke(query, k=3, where={...})` overrides both for one call.

    Raises:
        ValidationError: something that does not search, or a k below 1.
        IndexNotFound, IndexCorrupt: the index cannot be opened.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    source: Any
    k: int = Field(default=4)
    where: Mapping[str, Any] | None = None
    retriever: Asks | None = None
    _searches: Any = PrivateAttr()
    _opened: Index | None = PrivateAttr(default=None)

    def model_post_init(self, context: Any, /) -> None:
        """Open what has to be opened."""
        _check_k(self.k)
        source = self.source
        if isinstance(source, str | PathLike):
            source = self._opened = open_index(fspath(source))
        if not hasattr(source, "search"):
            raise InvalidInput("SpanielRetriever", f"source is {type(source).__name__}, which does not search")
        plain = isinstance(source, Retriever) and not isinstance(source, Index | Pipeline)
        if self.retriever is not None and not isinstance(source, Index):
            raise InvalidInput("retriever", f"{self.retriever!r} says how an index is searched; the source is none")
        self._searches = Pipeline(source) if plain else source

    def close(self) -> None:
        """Close the index, where it was opened here."""
        if self._opened is not None:
            self._opened.close()

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        where: Mapping[str, Any] | None = None,
    ) -> list[LangChainDocument]:
        """See `BaseRetriever`; by descending score."""
        wanted = _check_k(self.k if k is None else k)
        asked = self.where if where is None else where
        if isinstance(self._searches, Pipeline):
            found = self._searches(query, k=wanted, where=asked)
        else:
            how = {"retriever": self.retriever} if self.retriever is not None else {}
            found = self._searches.search(query, k=wanted, where=asked, **how)
        return [found_document(hit.passage, hit.score) for hit in found]


def _check_k(k: int) -> int:
    if k < 1:
        raise InvalidInput("k", f"is {k}; it must be at least 1")
    return k

"""`SpanielVectorStore`: an index on disk as a vector store of langchain-core.

    store = SpanielVectorStore.from_texts(["Dogs bark.", "Cats do not."], SpanielEmbeddings("minilm"), path="kb")
    store.similarity_search("who barks?", k=1)

Every call that changes it is one commit: when it returns, the documents are on disk, and a crash at any moment leaves
the state before or after. Readers never wait. Beside vectors the index holds the words, so that a search can also be by
BM25 or by both, which no other vector store of a folder does: `similarity_search(query, retriever="hybrid")`.
"""

import tempfile
import uuid
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np
from langchain_core.documents import Document as LangChainDocument
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from numpy.typing import NDArray

from spaniel.index.build import add, build
from spaniel.index.dense.settings import StoreSettings
from spaniel.index.edit import delete
from spaniel.index.index import Index, open_index
from spaniel.retrieval.errors import IndexNotFound, InvalidInput
from spaniel.retrieval.mmr import mmr
from spaniel.retrieval.types import Document, Query, Ranking

from .documents import as_documents_were, own_metadata
from .embeddings import EmbeddingsEncoder
from .shared_index import SharedIndex

__all__ = ["SpanielVectorStore"]

_PART = "embedding"
Asks = Literal["dense", "bm25", "hybrid"]


class SpanielVectorStore(VectorStore):
    """Documents and their vectors in one index directory. Safe to use from several threads; async calls run in threads.

    Args:
        embedding: makes the vectors; the same one, or the same model, must be given when the directory is opened again.
        path: of the index, which is made with the first documents; a temporary directory, removed with the store, when
            it is not given.
        store: how vectors are kept, see `StoreSettings`: "float32" is exact, "binary" takes a 30th of the memory.
        language: of text analysis, for searches by words.

    Raises:
        InvalidInput: `embedding` is no `Embeddings`, or the index there was not made by a vector store.
        ModelError: it fails; or the index was made with another model.
    """

    def __init__(
        self,
        embedding: Embeddings,
        path: str | Path | None = None,
        *,
        store: str | StoreSettings = "float32",
        language: str = "english",
    ) -> None:
        self._embeddings = embedding
        self._encoder = EmbeddingsEncoder(embedding)
        self._kept, self._language = store, language
        self._writing = Lock()
        temporary = tempfile.TemporaryDirectory(prefix="spaniel-store-") if path is None else None
        self.path = Path(temporary.name) / "index" if temporary is not None else Path(path or "")
        self._shared = SharedIndex(self._opened)
        self._end = weakref.finalize(self, _ended, self._shared, temporary)
        with self._shared.reading():  # what cannot be opened is told now
            pass

    @property
    def embeddings(self) -> Embeddings:
        """What makes the vectors."""
        return self._embeddings

    def close(self) -> None:
        """Close the index; a temporary one is removed. Repeating it does nothing, anything else is an error then."""
        self._end()

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Put texts in, in one commit; one whose id is there takes that one's place. Their ids, new ones where none is
        given; of texts with one id in the same call the last stays.

        Raises:
            InvalidInput: other numbers of metadata or ids than of texts, or metadata that is no JSON.
            ModelError: the embedding fails; nothing is added.
        """
        _refuse(kwargs)
        wanted = list(texts)
        metas = metadatas if metadatas is not None else [{} for _ in wanted]
        names: Sequence[str | None] = ids if ids is not None else [None] * len(wanted)
        if not len(wanted) == len(metas) == len(names):
            reason = f"{len(wanted)} texts, {len(metas)} metadata and {len(names)} ids; give one for each"
            raise InvalidInput("add_texts", reason)
        kept = [name or str(uuid.uuid4()) for name in names]
        rows = zip(kept, wanted, metas, strict=True)
        self._write([Document(name, text, "", own_metadata(meta or {})) for name, text, meta in rows])
        return kept

    def add_documents(self, documents: list[LangChainDocument], **kwargs: Any) -> list[str]:
        """Put documents in, see `add_texts`; their own ids count where none are given."""
        ids = kwargs.pop("ids", None) or [each.id for each in documents]
        texts, metadatas = [each.page_content for each in documents], [each.metadata for each in documents]
        return self.add_texts(texts, metadatas, ids=ids, **kwargs)

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool:
        """Delete documents by their ids, all of them when none are given; ids that are not there are no error."""
        _refuse(kwargs)
        with self._writing:
            with self._shared.reading() as index:
                if index is None:
                    return True
                gone = ids if ids is not None else _everything(index)
            if gone and delete(self.path, gone, missing_ok=True):
                self._shared.replace(open_index(self.path))
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[LangChainDocument]:
        """The documents of these ids in their order; ids that are not there are left out."""
        with self._shared.reading() as index:
            if index is None:
                return []
            known = index.passages.ordinals_of(ids)
            there = [known[name] for name in dict.fromkeys(ids) if name in known]
            return [as_documents_were(passage) for passage in index.passages.get(there)]

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[LangChainDocument]:
        """The k documents that fit a question best; `filter` and `retriever` as `similarity_search_with_score`."""
        return [document for document, _ in self.similarity_search_with_score(query, k, **kwargs)]

    def similarity_search_with_score(
        self, query: str, k: int = 4, *, filter: Mapping[str, Any] | None = None, retriever: Asks = "dense", **more: Any
    ) -> list[tuple[LangChainDocument, float]]:
        """Documents and scores, best first, ties in the order they were put in.

        Args:
            filter: on metadata, such as {"year": {"$gte": 2024}}; see docs/filters.md.
            retriever: "dense" (cosines), "bm25" (words), or "hybrid" (both).

        Raises:
            InvalidInput: k below 1, or an argument that there is not.
            InvalidQuery: a filter that cannot be run.
        """
        _refuse(more)
        return self._found(k, filter, lambda index: _retriever(index, retriever, self._encoder, k), query)

    def similarity_search_by_vector(self, embedding: list[float], k: int = 4, **kwargs: Any) -> list[LangChainDocument]:
        """The k documents whose vectors have the greatest cosine with this one; `filter` as above."""
        asked = Query("", "", self._unit(embedding))
        return [document for document, _ in self._dense_found(asked, k, **kwargs)]

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[LangChainDocument]:
        """Of the `fetch_k` nearest k that are unlike each other; `lambda_mult` 1 is nearness alone."""
        return self.max_marginal_relevance_search_by_vector(
            self._encoder.encode([query], kind="query")[0].tolist(), k, fetch_k, lambda_mult, **kwargs
        )

    def max_marginal_relevance_search_by_vector(
        self, embedding: list[float], k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **kwargs: Any
    ) -> list[LangChainDocument]:
        """The same from a vector."""
        asked = Query("", "", self._unit(embedding))
        filter_ = kwargs.pop("filter", None)
        _refuse(kwargs)
        with self._shared.reading() as index:
            if index is None:
                return []
            dense = index.dense(_PART, encoder=self._encoder)
            [near] = dense.search([asked], k=max(_checked(k), fetch_k), where=filter_)
            order = mmr(near.scores, dense.vectors(near.ids.astype(np.int64)), weight=lambda_mult, k=k)
            return [as_documents_were(passage) for passage in index.passages.get(near.ids[order])]

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        **kwargs: Any,
    ) -> "SpanielVectorStore":
        """A store with these texts in it; `path`, `store` and `language` as for the class."""
        made = cls(embedding, **kwargs)
        made.add_texts(texts, metadatas, ids=ids)
        return made

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        """Cosine, -1 to 1, to 0 to 1."""
        return lambda cosine: min(max((cosine + 1) / 2, 0.0), 1.0)

    def _similarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[LangChainDocument, float]]:
        """Of cosines alone: scores of words have no scale of their own."""
        if kwargs.get("retriever", "dense") != "dense":
            reason = f"{kwargs['retriever']!r} has no relevance between 0 and 1; only dense has"
            raise InvalidInput("retriever", reason, hint="use similarity_search_with_score, without a score_threshold")
        return super()._similarity_search_with_relevance_scores(query, k, **kwargs)

    def _opened(self) -> Index | None:
        """The index at the path, if one is there by now: another store may have made it."""
        try:
            index = open_index(self.path)
        except IndexNotFound:
            return None
        try:
            if _PART not in index.settings.dense:
                raise InvalidInput(
                    str(self.path), f"is an index without vectors called {_PART!r}: no vector store made it"
                )
            index.dense(_PART, encoder=self._encoder)  # refuses another model
        except BaseException:
            index.close()
            raise
        return index

    def _write(self, documents: list[Document]) -> None:
        if not documents:
            return
        with self._writing:
            with self._shared.reading() as index:
                there = index is not None
            if there:
                newer = add(documents, self.path, encoder=self._encoder, on_duplicate="replace")
            else:
                newer = build(
                    documents,
                    self.path,
                    dense=self._encoder,
                    dense_name=_PART,
                    store=self._kept,
                    language=self._language,
                    on_duplicate="replace",
                )
            self._shared.replace(newer)

    def _dense_found(
        self, query: Query, k: int, *, filter: Mapping[str, Any] | None = None, **more: Any
    ) -> list[tuple[LangChainDocument, float]]:
        _refuse(more)
        return self._found(k, filter, lambda index: index.dense(_PART, encoder=self._encoder), query)

    def _found(
        self, k: int, where: Mapping[str, Any] | None, retriever: Callable[[Index], Any], query: str | Query
    ) -> list[tuple[LangChainDocument, float]]:
        _checked(k)
        with self._shared.reading() as index:
            if index is None:
                return []
            ranking: Ranking = retriever(index).search([query], k=k, where=where)[0]
            passages = index.passages.get(ranking.ids)
            return [(as_documents_were(each), score) for each, (_, score) in zip(passages, ranking, strict=True)]

    def _unit(self, embedding: Sequence[float]) -> NDArray[np.float32]:
        """A vector of the user's, float32 (d,), brought to length 1."""
        vector = np.asarray(embedding, dtype=np.float64)
        length = float(np.linalg.norm(vector))
        return (vector / (length or 1.0)).astype(np.float32)


def _everything(index: Index) -> list[str]:
    """The ids of all that can be found."""
    pairs = [(segment.passages, segment.rows) for segment in index.passages]
    return [name for passages, rows in pairs for name in passages.ids(rows.ordinals_of(rows.living()))]


def _retriever(index: Index, asks: Asks, encoder: EmbeddingsEncoder, k: int) -> Any:
    if asks == "bm25":
        return index.bm25()
    if asks == "hybrid":
        return index.hybrid(k, dense=_PART, encoder=encoder)
    if asks == "dense":
        return index.dense(_PART, encoder=encoder)
    raise InvalidInput("retriever", f"{asks!r} is not one of dense, bm25, hybrid")


def _refuse(unknown: Mapping[str, Any]) -> None:
    """Refuse arguments that would be ignored."""
    if unknown:
        raise InvalidInput("vector store", f"no argument {next(iter(unknown))!r}; there are filter and retriever")


def _checked(k: int) -> int:
    if k < 1:
        raise InvalidInput("k", f"is {k}; it must be at least 1")
    return k


def _ended(shared: SharedIndex, temporary: AbstractContextManager[str] | None) -> None:
    shared.close()
    if isinstance(temporary, tempfile.TemporaryDirectory):
        temporary.cleanup()

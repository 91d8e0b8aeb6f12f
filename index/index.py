"""An open index: one generation, searched and read by any number of threads.

    with spaniel.open("kb") as kb:
        for hit in kb.search("how do I rotate a key?", k=5, where={"year": {"$gte": 2024}}):
            print(hit.rank, hit.id, hit.text)

A reader keeps the generation it opened, whatever a writer does meanwhile; `reopen` moves on to the newest.
"""

import os
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from spaniel.models.card import ModelCard
from spaniel.retrieval.closing import Closing
from spaniel.retrieval.errors import IndexCorrupt, InvalidInput, InvalidQuery, MissingExtra, ModelError
from spaniel.retrieval.pipeline import Pipeline
from spaniel.retrieval.protocols import Exclude, Where
from spaniel.retrieval.results import Results
from spaniel.retrieval.types import JSON, Document, Passage, Query, QueryLike, StageRecord, as_queries

from .check import Report, verify
from .chunking.rebuilt import text_of
from .dense.asking import OpenEncoders, QueryModel, identity_of_queries
from .dense.retriever import DenseRetriever
from .manifest import Manifest
from .retrievers import Retrievers
from .segments import Segments
from .settings import IndexSettings
from .sparse.explain import explain_score
from .sparse.retriever import Bm25Retriever, checked_k
from .store import MANIFEST_NAME, open_snapshot, read_manifest

if TYPE_CHECKING:
    pass

__all__ = ["Asks", "Index", "open_index"]

Asks: TypeAlias = Literal["bm25", "dense", "hybrid"]


def open_index(path: str | os.PathLike[str], *, query_model: QueryModel | None = None) -> "Index":
    """Open the newest generation of an index.

    Args:
        query_model: encodes the questions as long as it is open, for the dense parts over whose passages it stands; see
            `dense/asking.py`. By default what the index says.

    Raises:
        InvalidInput: `path` is no path.
        IndexNotFound: nothing was ever committed there.
        IndexCorrupt, IndexTooNew, IndexTooOld: it cannot be used.
        ModelError, MissingExtra: the query model cannot be opened, or stands over none of the dense parts.

    Cost: milliseconds, whatever its size; arrays are mapped, not read. A query model is loaded.
    """
    if not isinstance(path, str | os.PathLike) or not os.fspath(path):
        raise InvalidInput("open", f"{path!r} is no path of an index", hint="give the directory that was built")
    return Index(path, query_model=query_model)


class Index(Retrievers, Closing):
    """One generation of an index; a context manager, safe to read from several threads.

    It makes its own retrievers, `bm25`, `likelihood`, `dense` and `hybrid`: see retrievers.py.

    Attributes:
        path: its directory.
        manifest: the generation it shows.
        settings: what it was built with.
        passages: its living and dead passages by ordinal; a `PassageStore`.
        query_models: name of a dense part -> card of what encodes its questions, for those where it is not the model
            that made the vectors, or was named when this was opened.
    """

    manifest: Manifest
    query_models: Mapping[str, ModelCard]

    def __init__(self, path: str | os.PathLike[str], *, query_model: QueryModel | None = None) -> None:
        self.path = Path(path)
        self._encoders, self._query_model = OpenEncoders(), query_model
        try:
            self._show(*open_snapshot(self.path, self._load))
        except BaseException:
            self._encoders.close()
            raise
        self._older: list[Segments] = []
        self._closed = False

    def _load(self, manifest: Manifest) -> tuple[Manifest, IndexSettings, Segments]:
        settings = IndexSettings.from_json(manifest.settings, self.path / MANIFEST_NAME)
        segments = Segments(self.path, manifest, settings.dense)
        for segment in segments:
            if list(segment.sparse.settings.fields) != list(settings.fields):
                segments.close()
                raise IndexCorrupt(
                    segment.sparse.path, f"has other fields than the index: {', '.join(settings.fields)}"
                )
        return manifest, settings, segments

    def _show(self, manifest: Manifest, settings: IndexSettings, passages: Segments) -> None:
        """Show this generation from now on; what was shown before stays where a query model does not fit it."""
        try:
            asking = self._asked_by(settings)
        except BaseException:
            passages.close()
            raise
        if asking:  # whoever keeps results by this identity must not take those of another model's questions
            passages.identity += "".join(f":{name}={identity_of_queries(card)}" for name, card in asking.items())
        self.manifest, self.settings, self.passages = manifest, settings, passages
        self._analyzer = settings.open_analyzer()
        self._words: Bm25Retriever | None = None
        self._both: dict[str | None, Pipeline] = {}
        own = {name: dense.query for name, dense in settings.dense.items() if dense.query is not None}
        self.query_models = MappingProxyType({**own, **asking})
        self._asking = {} if self._query_model is None else dict.fromkeys(asking, self._query_model)

    def _asked_by(self, settings: IndexSettings) -> dict[str, ModelCard]:
        """Name of a dense part -> the query model that this was opened with."""
        if self._query_model is None:
            return {}
        return self._encoders.asking(settings.dense, self._query_model, str(self.path))

    @property
    def generation(self) -> int:
        """Number of the generation shown; grows with every commit."""
        return self.manifest.generation

    def __len__(self) -> int:
        """How many passages can be found."""
        return len(self.passages)

    @property
    def dense_names(self) -> tuple[str, ...]:
        """Names of the dense parts, in the order in which they were added."""
        return tuple(self.settings.dense)

    @property
    def is_hybrid(self) -> bool:
        """Whether `search` asks words and vectors: it holds texts, and the model added first can encode a question.

        That model stays the one that is meant, whatever is added after it, until it is dropped or another is named.
        """
        first = next(iter(self.settings.dense.values()), None)
        return first is not None and first.model.runtime != "vectors" and self._analyzer is not None

    def search(
        self,
        query: QueryLike,
        k: int = 10,
        *,
        where: Where | None = None,
        exclude: Collection[int] | None = None,
        retriever: Asks | None = None,
        model: str | None = None,
    ) -> Results:
        """The k best passages, with their texts: by words and vectors where `is_hybrid`, else by words (BM25).

        Args:
            retriever: "bm25" (words), "dense" (vectors) or "hybrid" (both), instead of that.
            model: name of the vectors; those added first by default. Hybrid, when no retriever is given.
            where: a filter on meta, id or title; see `where.py`.
            exclude: ordinals that must not come back.

        Returns:
            At most k hits, by descending score, ties by ascending ordinal; fewer only if fewer match.

        Raises:
            InvalidInput: k below 1, several queries at once, no such vectors, or the index has been closed.
            InvalidQuery, LimitExceeded: a query or filter that cannot be run, or a query with a vector where the index
                holds those of several models and `model` does not name one.
            ModelError, MissingExtra: the model cannot be opened; `bm25()` needs none.
        """
        self._check_open()
        if not isinstance(query, str | Query):
            raise InvalidInput("search", f"takes one query, got {type(query).__name__}; use bm25() for several")
        [only] = as_queries(query)
        excluded = None if exclude is None else [exclude]
        asks = self._asks(only, retriever, model)
        if asks == "hybrid":
            return self._search_both(only, k, where, excluded, model)
        searcher: Bm25Retriever | DenseRetriever
        if asks == "dense":
            searcher = self.dense(model)
        else:
            searcher = self._words = self._words or self.bm25()
        start = time.perf_counter()  # preparing the index is not part of the search
        [ranking] = searcher.search([only], k=k, where=where, exclude=excluded)
        found_ms = (time.perf_counter() - start) * 1e3
        trace = [StageRecord(searcher.name, 0, len(ranking), found_ms)]
        results = Results.fetch(only.text, ranking, self.passages, trace=trace, steps=[(searcher.name, ranking)])
        return results.timed((time.perf_counter() - start) * 1e3)

    def _asks(self, query: Query, retriever: Asks | None, model: str | None) -> Asks:
        """What a search is by."""
        if retriever is not None and retriever not in get_args(Asks):
            raise InvalidInput("retriever", f"{retriever!r} is not one of {', '.join(get_args(Asks))}")
        if retriever == "bm25" and model is not None:
            raise InvalidInput("model", f"{model!r} means nothing to a search by words alone")
        with_vector = query.vector is not None and len(self.settings.dense) > 0
        if with_vector and model is None and retriever != "bm25" and len(self.settings.dense) > 1:
            reason = f"the index holds vectors of {', '.join(self.dense_names)}; whose the query's is cannot be known"
            raise InvalidQuery(f"{reason}; name it with model=")
        return retriever or ("hybrid" if self.is_hybrid or model is not None or with_vector else "bm25")

    def _search_both(
        self, query: Query, k: int, where: Where | None, exclude: Exclude | None, model: str | None
    ) -> Results:
        """`search` where there are vectors."""
        from .dense.hybrid import DEPTH

        if checked_k(k) > DEPTH:  # not kept: what a search finds must not depend on the searches before it
            pipeline = self.hybrid(k, dense=model)
        elif model in self._both:
            pipeline = self._both[model]
        else:
            pipeline = self._both[model] = self.hybrid(dense=model)
        start = time.perf_counter()
        try:
            [ranking], traced = pipeline.traced_search([query], k=k, where=where, exclude=exclude)
        except (ModelError, MissingExtra) as error:
            error.hint = "; ".join(part for part in (error.hint, "or search words alone with bm25()") if part)
            raise
        steps = [(name, found) for name, [found] in traced.steps]
        results = Results.fetch(query.text, ranking, self.passages, trace=traced.records, steps=steps)
        return results.timed((time.perf_counter() - start) * 1e3)

    def neighbours(self, passage_id: str, k: int = 10, *, model: str | None = None) -> Results:
        """The k passages nearest to one that is in the index, itself left out; no model is opened.

        Args:
            model: name of the vectors; those added first by default.

        Raises:
            InvalidInput: there is no such passage, k below 1, no such vectors, or the index has been closed.
        """
        from .dense.neighbours import neighbours

        self._check_open()
        return neighbours(self, passage_id, k=k, name=model)

    def duplicates(self, threshold: float = 0.95, *, model: str | None = None) -> list[list[str]]:
        """Groups of ids of passages that say nearly the same; nothing is deleted. See `dense/duplicates.py`.

        Args:
            threshold: cosine from which two passages count as near duplicates, above 0 and at most 1.
            model: name of the vectors; those added first by default.

        Raises:
            InvalidInput: a threshold out of range, no such vectors, or the index has been closed.

        Cost: grows with the square of the number of passages.
        """
        from .dense.duplicates import near_duplicates

        self._check_open()
        return near_duplicates(self, threshold=threshold, name=model)

    def explain_score(
        self, query: QueryLike, passage_id: str, retriever: Bm25Retriever | None = None
    ) -> dict[str, JSON]:
        """Where a passage's score comes from, term by term; see `sparse/explain.py`.

        Args:
            retriever: whose score, one that `bm25` gave; by default that of `bm25()`.

        Raises:
            InvalidInput: there is no such passage, or it was deleted.
        """
        ordinal = self._ordinal(passage_id)
        if retriever is None:
            retriever = self._words = self._words or self.bm25()
        return {"id": passage_id, **explain_score(retriever, query, ordinal).to_dict()}

    def get(self, passage_id: str) -> Passage:
        """The passage of this id.

        Raises:
            InvalidInput: there is none, or it was deleted.
        """
        return self.passages.get([self._ordinal(passage_id)])[0]

    def document(self, doc_id: str) -> Document:
        """A document as it was given to the index: its text put together from its passages, its title and meta.

        Raises:
            InvalidInput: there is none, or passages of it were deleted by themselves, so that its text is not whole.
            IndexCorrupt: a passage is damaged.
        """
        self._check_open()
        passages = self.passages.get(self.passages.of_document(doc_id))
        if not passages:
            raise InvalidInput("index", f"it has no document {doc_id!r}")
        text = text_of(passages)
        if text is None:
            raise InvalidInput("index", f"document {doc_id!r} has lost passages and is not whole any more")
        return Document(doc_id, text, passages[0].title, passages[0].meta)

    def document_text(self, doc_id: str) -> str | None:
        """The text of `document`; None where there is none. What citations are verified against."""
        self._check_open()
        return self.passages.document_text(doc_id)

    def _ordinal(self, passage_id: str) -> int:
        self._check_open()
        found = self.passages.ordinals_of([passage_id])
        if passage_id not in found:
            raise InvalidInput("index", f"it has no passage {passage_id!r}")
        return found[passage_id]

    def __contains__(self, id_: object) -> bool:
        """Whether it has a document or passage of this id."""
        self._check_open()
        return isinstance(id_, str) and bool(self.passages.named([id_]))

    def info(self) -> dict[str, JSON]:
        """Counts, bytes by part, and settings, as plain JSON.

        `{"passages", "documents", "deleted", "segments", "generation", "bytes": {part: n}, "models", "settings"}`;
        a model is `{"name", "model": its card, "store"}`, and `"query": card` where another model asks.
        """
        self._check_open()
        return {
            "passages": len(self),
            "documents": self.passages.n_documents,
            "deleted": sum(record.n_deleted for record in self.manifest.segments),
            "segments": len(self.manifest.segments),
            "generation": self.generation,
            "bytes": {**self.passages.size_bytes},
            "models": [{"name": name, **dense.to_json()} for name, dense in self.settings.dense.items()],
            "settings": self.settings.to_json(),
        }

    def verify(self) -> Report:
        """Check every byte of the newest generation; see `check.verify`."""
        return verify(self.path)

    def reopen(self) -> bool:
        """Move on to the newest generation; whether there was a newer one.

        Retrievers made before keep the old one, and its passages stay readable through them until `close`.
        Not to be called while another thread searches through this object.

        Raises:
            IndexNotFound, IndexCorrupt, IndexTooNew, IndexTooOld, ModelError: as `open_index`; the old generation then
                stays open.
        """
        self._check_open()
        if read_manifest(self.path).generation == self.generation:
            return False
        before = self.passages
        self._show(*open_snapshot(self.path, self._load))
        self._older.append(before)
        return True

    def close(self) -> None:
        """Close the files. Repeating it does nothing."""
        self._closed, self._words, self._both = True, None, {}
        self._encoders.close()
        for segments in (*self._older, self.passages):
            segments.close()

    def __repr__(self) -> str:
        return f"Index({str(self.path)!r}, generation={self.generation}, passages={len(self)})"

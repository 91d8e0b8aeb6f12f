"""tantivy, one writer thread, merged to one segment; BM25 parameters are fixed in it (1.2, 0.75)."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tantivy

from benchmarks.corpora import Corpus

from .base import Engine, records


class Tantivy(Engine):
    k1, b = 1.2, 0.75

    def build(self, corpus: Corpus, folder: Path) -> None:
        schema = tantivy.SchemaBuilder()
        schema.add_text_field("body", stored=False, tokenizer_name="whitespace", index_option="freq")
        schema.add_unsigned_field("id", stored=False, indexed=False, fast=True)
        index = tantivy.Index(schema.build(), path=os.fspath(folder))
        index.register_tokenizer("whitespace", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
        writer = index.writer(heap_size=1_000_000_000, num_threads=1)
        for i, line in enumerate(corpus.lines()):
            document = tantivy.Document()
            document.add_text("body", line)
            document.add_unsigned("id", i)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()

    def build_text(self, source: Path, folder: Path) -> None:
        schema = tantivy.SchemaBuilder()
        schema.add_text_field("body", stored=True, tokenizer_name="en_stem", index_option="freq")
        schema.add_text_field("id", stored=True, tokenizer_name="raw")
        writer = tantivy.Index(schema.build(), path=os.fspath(folder)).writer(heap_size=500_000_000, num_threads=1)
        for name, text in records(source):
            document = tantivy.Document()
            document.add_text("body", text)
            document.add_text("id", name)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()

    def open(self, corpus: Corpus, folder: Path) -> None:
        self._index = tantivy.Index.open(os.fspath(folder))
        self._schema, self._searcher = self._index.schema, self._index.searcher()

    def query(self, tokens: Sequence[str]) -> Any:
        return list(tokens)

    def search(self, query: Any, k: int) -> Any:
        schema, should, term = self._schema, tantivy.Occur.Should, tantivy.Query.term_query
        wanted = tantivy.Query.boolean_query([(should, term(schema, "body", t, "freq")) for t in query])
        return self._searcher.search(wanted, k, count=False).hits

    def ids(self, result: Any) -> list[int]:
        return list(self._searcher.fast_field_values("id", [address for _, address in result]))

"""What every engine's adapter looks like, and the registry by name.

An adapter is given the same analysed passages (tokens with spaces between, or weighted vectors) and writes its index
under a folder. `search` is what is timed: from a query's tokens to results that Python can read.
"""

import importlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.corpora import Corpus

__all__ = ["ENGINES", "Engine", "load", "records"]

# name -> (module, class, kind of corpus, name of the index: engines with the same one share it)
ENGINES: dict[str, tuple[str, str, str, str]] = {
    "spaniel": ("spaniel", "Spaniel", "text", "spaniel"),
    "spaniel-learned": ("spaniel", "SpanielLearned", "learned", "spaniel"),
    "pisa-maxscore": ("pisa", "MaxScore", "text", "pisa"),
    "pisa-bmm": ("pisa", "BlockMaxMaxScore", "text", "pisa"),
    "pisa-bmw": ("pisa", "BlockMaxWand", "text", "pisa"),
    "bm25s": ("bm25s", "Bm25s", "text", "bm25s"),
    "tantivy": ("tantivy", "Tantivy", "text", "tantivy"),
    "lucene": ("lucene", "Lucene", "text", "lucene"),
    "bmp": ("bmp", "Bmp", "text", "bmp"),
    "bmp-learned": ("bmp", "BmpLearned", "learned", "bmp"),
    "pisa-maxscore-learned": ("pisa", "MaxScoreLearned", "learned", "pisa"),
    "seismic": ("seismic", "Seismic", "learned", "seismic"),
}


class Engine:
    """One engine over one corpus."""

    k1: float = 0.9  # what the engine scores with, for the check of its results; not used with learned vectors
    b: float = 0.4

    def build(self, corpus: Corpus, folder: Path) -> None:
        """Write the index under `folder`, one thread."""
        raise NotImplementedError

    def build_text(self, source: Path, folder: Path) -> None:
        """Write an index of JSON lines (`_id`, `title`, `text`) with the engine's own English analysis, one thread.

        Texts are stored with it where the engine can store them.
        """
        raise NotImplementedError

    def open(self, corpus: Corpus, folder: Path) -> None:
        """Make ready to search."""
        raise NotImplementedError

    def query(self, tokens: Sequence[str] | dict[str, int]) -> Any:
        """What `search` takes for these tokens; not timed, so nothing but a change of container belongs here."""
        raise NotImplementedError

    def search(self, query: Any, k: int) -> Any:
        """Timed. The top k in a form Python can read."""
        raise NotImplementedError

    def ids(self, result: Any) -> list[int]:
        """Not timed. Passage numbers of a result, best first."""
        raise NotImplementedError

    def forget(self, result: Any) -> None:
        """Not timed. Called for each result, before the next search."""


def records(source: Path) -> Iterator[tuple[str, str]]:
    """(id, title and text) of a file of JSON lines."""
    with source.open(encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            yield record["_id"], f"{record['title']} {record['text']}"


def load(name: str) -> Engine:
    """A fresh adapter; imports the engine."""
    module, cls, *_ = ENGINES[name]
    engine: Engine = getattr(importlib.import_module(f".{module}", __package__), cls)()
    return engine

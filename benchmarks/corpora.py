"""The corpora of the benchmarks, analysed once and kept as plain files that every engine's process reads.

A text corpus is a folder with `lines.txt` (a passage a line, tokens with one space between), `queries.txt` (the same
for queries, no token twice), and for the reference `ptr.i64`, `tok.u32`, `vocab.txt`. A vector corpus has `ptr.i64`,
`tok.u32`, `weights.u8` and the same for queries with a `q_` before the name. Tokens that are not plain letters and
digits are replaced by a made-up word, because some engines split them again and the text must be one and the same.
"""

import gzip
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .synthetic import Vectors, bm25_like, learned_like

__all__ = ["Corpus", "data_folder", "prepare"]


@dataclass(frozen=True, slots=True)
class Corpus:
    """A prepared folder; arrays are mapped when asked for."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def learned(self) -> bool:
        return (self.folder / "weights.u8").exists()

    @property
    def n(self) -> int:
        return (self.folder / "ptr.i64").stat().st_size // 8 - 1

    def lines(self) -> Iterator[str]:
        """Passages as text without the line's end."""
        with (self.folder / "lines.txt").open(encoding="utf-8") as file:
            for line in file:
                yield line.rstrip("\n")

    def queries(self, limit: int | None = None) -> list[list[str]]:
        with (self.folder / "queries.txt").open(encoding="utf-8") as file:
            return [line.split() for line in file][:limit]

    def vectors(self, prefix: str = "") -> Vectors:
        """prefix "" for passages, "q_" for the queries of a vector corpus."""
        weights = self.folder / f"{prefix}weights.u8"
        return Vectors(
            np.memmap(self.folder / f"{prefix}ptr.i64", np.int64, "r"),
            np.memmap(self.folder / f"{prefix}tok.u32", np.uint32, "r"),
            np.memmap(weights, np.uint8, "r") if weights.exists() else None,
        )

    def weighted_queries(self, limit: int | None = None) -> list[dict[str, int]]:
        """Queries of a vector corpus as {term: weight}, the term being its number as text."""
        q = self.vectors("q_")
        assert q.weights is not None
        queries = []
        for i in range(min(len(q), limit or len(q))):
            weights = q.weights[q.ptr[i] : q.ptr[i + 1]].tolist()
            queries.append({str(t): int(w) for t, w in zip(q.row(i).tolist(), weights, strict=True)})
        return queries

    def vocabulary(self) -> list[str]:
        return (self.folder / "vocab.txt").read_text(encoding="utf-8").split("\n")


def data_folder() -> Path:
    """Where the real collections lie: $SPANIEL_TEST_DATA, or shared/data beside the repository."""
    given = os.environ.get("SPANIEL_TEST_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"


def prepare(name: str, cache: Path) -> Corpus:
    """Make or reuse a corpus: a folder of `data_folder()`, or `bm25-250k`, `bm25-1M`, `learned-500k` and so on.

    `wiki-200k:50k` is the first 50,000 passages, `wiki-200k:x2` the corpus twice over (the copies get changed ids).
    """
    folder = cache / "corpora" / name.replace(":", "-")
    if (folder / "done").exists():
        return Corpus(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    synthetic = re.fullmatch(r"(bm25|learned)-(\d+)([kM])", name)
    if synthetic:
        _write_synthetic(folder, synthetic[1], int(synthetic[2]) * {"k": 1_000, "M": 1_000_000}[synthetic[3]])
    else:
        _write_real(folder, name)
    (folder / "done").touch()
    return Corpus(folder)


def _write_synthetic(folder: Path, shape: str, n: int) -> None:
    passages, queries = (bm25_like if shape == "bm25" else learned_like)(n)
    if shape == "bm25":
        names = [f"t{i}" for i in range(int(passages.terms.max()) + 1)]
        with (folder / "lines.txt").open("w") as file:
            file.writelines(" ".join([names[t] for t in passages.row(i).tolist()]) + "\n" for i in range(n))
        with (folder / "queries.txt").open("w") as file:
            file.writelines(" ".join([names[t] for t in queries.row(i).tolist()]) + "\n" for i in range(len(queries)))
        (folder / "vocab.txt").write_text("\n".join(names))
    else:
        _write_vectors(folder, "q_", queries)
    _write_vectors(folder, "", passages)


def _write_vectors(folder: Path, prefix: str, vectors: Vectors) -> None:
    vectors.ptr.astype(np.int64).tofile(folder / f"{prefix}ptr.i64")
    vectors.terms.astype(np.uint32).tofile(folder / f"{prefix}tok.u32")
    if vectors.weights is not None:
        vectors.weights.tofile(folder / f"{prefix}weights.u8")


def _write_real(folder: Path, name: str) -> None:
    base, _, part = name.partition(":")
    source = data_folder() / base
    limit = int(part.rstrip("k")) * 1000 if part else None
    vocabulary: dict[str, int] = {}
    lengths, tokens = [0], []
    with (folder / "lines.txt").open("w", encoding="utf-8") as out:
        for words in _analysed(_texts(source / "corpus.jsonl.gz", limit), vocabulary):
            out.write(" ".join(words) + "\n")
            tokens.append(np.array([vocabulary[w] for w in words], np.uint32))
            lengths.append(len(words))
    with (folder / "queries.txt").open("w", encoding="utf-8") as out:
        for words in _analysed(_texts(source / "queries.jsonl.gz", None), vocabulary):
            if words:
                out.write(" ".join(dict.fromkeys(words)) + "\n")
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    _write_vectors(folder, "", Vectors(np.cumsum(lengths), np.concatenate(tokens)))


def _texts(path: Path, limit: int | None) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for i, line in enumerate(file):
            if limit is not None and i >= limit:
                return
            record = json.loads(line)
            yield f"{record.get('title', '')} {record['text']}".strip()


def _analysed(texts: Iterable[str], vocabulary: dict[str, int]) -> Iterator[list[str]]:
    """Token lists under the english analyser; new tokens get the next number in `vocabulary`."""
    from spaniel.index.analysis import Analyzer, AnalyzerSpec  # here, because the peers' processes lack it

    analyzer = Analyzer(AnalyzerSpec())
    names: dict[str, str] = {}
    for text in texts:
        words = []
        for token in analyzer.tokens(text):
            word = names.get(token)
            if word is None:
                word = names[token] = token if token.isascii() and token.isalnum() else _stand_in(token)
                vocabulary.setdefault(word, len(vocabulary))
            words.append(word)
        yield words


def _stand_in(token: str) -> str:
    """The same made-up word for the same token, made of letters and digits alone."""
    return "u" + token.encode("utf-8").hex()


def exact_scores(corpus: Corpus, terms: NDArray[np.uint32], *, k1: float, b: float) -> NDArray[np.float64]:
    """BM25 (Lucene's, without its constant factor) of every passage for one query, by scanning; float64 (n,)."""
    passages = corpus.vectors()
    lengths = np.diff(passages.ptr)
    norm = k1 * (1 - b + b * lengths / lengths.mean())
    total = np.zeros(len(passages))
    for term in terms:
        docs = np.searchsorted(passages.ptr, np.flatnonzero(passages.terms == term), side="right") - 1
        docs, tf = np.unique(docs, return_counts=True)
        total[docs] += np.log1p((len(passages) - len(docs) + 0.5) / (len(docs) + 0.5)) * tf / (tf + norm[docs])
    return total


def exact_dots(corpus: Corpus, query: dict[str, int]) -> NDArray[np.float64]:
    """Dot product of one weighted query with every vector, float64 (n,)."""
    passages = corpus.vectors()
    assert passages.weights is not None
    total = np.zeros(len(passages))
    for term, weight in query.items():
        where = np.flatnonzero(passages.terms == int(term))
        docs = np.searchsorted(passages.ptr, where, side="right") - 1
        total[docs] += weight * passages.weights[where].astype(np.float64)
    return total


def impacts(corpus: Corpus, *, k1: float, b: float, n_terms: int | None = None) -> tuple[Vectors, NDArray[np.bool_]]:
    """BM25 (with idf) of every passage and term in 8 bits, terms ascending in a row, and which terms were kept.

    n_terms: keep only this many terms, those in most passages.
    """
    passages = corpus.vectors()
    size = int(passages.terms.max()) + 1
    lengths = np.diff(passages.ptr)
    key = np.repeat(np.arange(len(passages)), lengths) * size + passages.terms
    key, tf = np.unique(key, return_counts=True)
    doc, term = key // size, key % size
    df = np.bincount(term, minlength=size)
    kept = np.zeros(size, bool)
    kept[np.argsort(-df, kind="stable")[:n_terms]] = True
    norm = k1 * (1 - b + b * lengths / lengths.mean())
    score = np.log1p((len(passages) - df[term] + 0.5) / (df[term] + 0.5)) * tf / (tf + norm[doc])
    here = kept[term]
    weights = np.maximum(1, np.ceil(score[here] / score[here].max() * 255)).astype(np.uint8)
    ptr = np.concatenate([[0], np.cumsum(np.bincount(doc[here], minlength=len(passages)))])
    return Vectors(ptr, term[here].astype(np.uint32), weights), kept

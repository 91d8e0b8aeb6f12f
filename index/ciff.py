"""An index as a CIFF file, and a CIFF file as an index.

The file format is in `sparse/ciff.py`. Such a file holds postings and ids but no texts, and does not say what its
counts are. As term frequencies they make an index that keeps each document as the bag of its terms: every term as often
as it occurs, split at white space again when it is indexed. As the quantised impacts of a learned sparse model they
make an index of token weights (`vectors.py`). Adding, deleting, merging and verifying then work as for any other index;
queries have to be in the file's own terms.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document

from .build import build, create
from .index import Index
from .ingest_values import Limits, VectorDocument
from .input import InputOptions
from .progress import Reporter
from .settings import VECTOR_FIELD
from .sparse.build import DEAD, Run, merged, postings
from .sparse.ciff import CiffReader, DocRecord, Header, PostingsList, write_ciff
from .sparse.damage import named_damage
from .sparse.token_weights import Scale
from .stream import ObjectStream
from .vectors import settings_of_vectors

__all__ = ["export_ciff", "import_ciff"]

_IDS_PER_READ = 10_000
_MEMORY_BYTES = 512 << 20
_VECTORS = "learned sparse vectors, step "
_LEAST_UNIT = 1e-30  # of those that are believed
_MOST_WORDS = 1 << 24  # of one document made from a file; a damaged tf must not fill the memory


def export_ciff(index: Index, out: str | os.PathLike[str]) -> int:
    """Write the living passages' postings, lists in order of their terms; how many passages there are.

    Passages are numbered anew, in order of their ordinals. The file appears whole or not at all; `.gz` is compressed.

    Raises:
        InvalidInput: the index has several fields, which the format cannot tell apart.
        IndexCorrupt: a segment is damaged.

    Cost: memory of about 8 bytes a posting.
    """
    if len(index.settings.fields) != 1:
        fields = ", ".join(index.settings.fields)
        raise InvalidInput(
            "export-ciff", f"CIFF knows one field, the index has {fields}", hint="build without --fields"
        )
    ordinals, held = _merged(index)
    n, lengths = len(ordinals), np.bincount(held.doc, weights=held.tf, minlength=len(ordinals)).astype(np.int64)
    order = sorted(range(len(held.terms)), key=held.terms.__getitem__)
    total = int(lengths.sum())
    analyzer = index.settings.analyzer
    kind = f"analyser {analyzer.name}" if analyzer else f"{_VECTORS}{index.settings.fields[VECTOR_FIELD]!r}"
    description = f"spaniel, {kind}"
    header = Header(len(order), n, len(order), n, total, total / max(n, 1), description)
    write_ciff(Path(out), header, (held.of(term) for term in order), _records(index, ordinals, lengths))
    return n


def import_ciff(
    file: str | os.PathLike[str], path: str | os.PathLike[str], *, impacts: bool = False, overwrite: bool = False
) -> Index:
    """Build an index from a CIFF file, and open it.

    Args:
        impacts: the file's counts are quantised weights of a learned sparse model: an index of token weights, searched
            with `Query(weights=...)`. Up to 255 they are kept as they are, greater ones are scaled to 255 steps. A
            file that `export_ciff` wrote says in its header which weight a count of 1 is; elsewhere that is 1. Else
            they are term frequencies, for BM25.
        overwrite: replace an index that is there.

    Raises:
        InvalidInput: the file is damaged or no CIFF, has a term that cannot be indexed, or an index is there.

    Cost: memory of about 20 bytes a posting.
    """
    with CiffReader(Path(file)) as reader:
        rows = _Rows.read(reader)
        if not impacts:
            return build(_bags(reader, rows), path, language="whitespace", overwrite=overwrite)
        scale = Scale.of(float(rows.tf.max(initial=0)), whole=True)
        unit = _unit(reader.header.description)
        return create(
            ObjectStream(_vectors(reader, rows, scale), InputOptions()),
            path,
            settings_of_vectors(Scale(scale.step * unit, scale.greatest * unit)),
            InputOptions(),
            Limits("fail", _MEMORY_BYTES, 0.0),
            Reporter(None),
            overwrite=overwrite,
        )


def _unit(description: str) -> float:
    """The weight that a count of 1 stands for: what an export of ours says it is, and 1 for files of others."""
    said = re.fullmatch(rf"spaniel, {_VECTORS}([0-9.e+-]{{1,30}})", description)
    try:
        unit = float(said[1]) if said else 1.0
    except ValueError:
        return 1.0
    return unit if _LEAST_UNIT <= unit <= 1 / _LEAST_UNIT else 1.0


@dataclass(frozen=True, slots=True)
class _Postings:
    """terms: n of them; ptr: int64 (n + 1,); doc: uint32, tf: uint16 (ptr[-1],), a term's at ptr[i]:ptr[i + 1]."""

    terms: list[str]
    ptr: NDArray[np.int64]
    doc: NDArray[np.uint32]
    tf: NDArray[np.uint16]

    def of(self, term: int) -> PostingsList:
        start, end = int(self.ptr[term]), int(self.ptr[term + 1])
        return PostingsList(self.terms[term], self.doc[start:end], self.tf[start:end].astype(np.uint32))


def _merged(index: Index) -> tuple[NDArray[np.int64], _Postings]:
    """(ordinals of the living, ascending; their postings under numbers 0 .. n - 1)."""
    parts = [segment.sparse for segment in index.passages]
    living = [part.ordinals[part.live_mask()] for part in parts]
    ordinals = np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *living]))
    runs = []
    for part in parts:
        numbers = np.searchsorted(ordinals, part.ordinals).astype(np.uint32)
        runs.append(part.run(np.where(part.live_mask(), numbers, np.uint32(DEAD))))
    try:
        return ordinals, _decoded(runs)
    except IndexError as error:  # how the native code refuses to read outside the arrays
        raise named_damage(parts, error) from error


def _decoded(runs: list[Run]) -> _Postings:
    words = merged(runs).vocabulary()
    df, doc, tf = [np.zeros(1, np.int64)], [np.zeros(0, np.uint32)], [np.zeros(0, np.uint16)]
    for some in postings(merged(runs)):
        df.append(np.diff(some[1]).astype(np.int64))
        doc.append(some[2])
        tf.append(some[3])
    ptr = np.cumsum(np.concatenate(df))
    return _Postings(_terms(words), ptr, np.concatenate(doc), np.concatenate(tf))


def _terms(words: dict[str, NDArray[Any]]) -> list[str]:
    """The vocabulary as text; a key begins with the byte of its field."""
    whole, ends = words["term_bytes"].tobytes(), words["term_end"].tolist()
    return [whole[start + 1 : end].decode() for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _records(index: Index, ordinals: NDArray[np.int64], lengths: NDArray[np.int64]) -> Iterator[DocRecord]:
    for start in range(0, len(ordinals), _IDS_PER_READ):
        some = ordinals[start : start + _IDS_PER_READ]
        for number, id_ in enumerate(index.passages.ids(some), start):
            yield DocRecord(number, id_, int(lengths[number]))


@dataclass(frozen=True, slots=True)
class _Rows:
    """The postings of a file by document: term uint32, tf uint32 (n_postings,), those of `doc` at its places there."""

    terms: list[str]
    doc: NDArray[np.uint32]
    term: NDArray[np.uint32]
    tf: NDArray[np.uint32]

    @classmethod
    def read(cls, reader: CiffReader) -> "_Rows":
        terms, df, docs, tfs = [], [], [np.zeros(0, np.uint32)], [np.zeros(0, np.uint32)]
        for part in reader.lists():
            if not part.term:
                raise InvalidInput(str(reader.path), "one of its terms is empty")
            terms.append(part.term)
            df.append(len(part.docs))
            docs.append(part.docs)
            tfs.append(part.tfs)
        doc, tf = np.concatenate(docs), np.concatenate(tfs)
        order = np.argsort(doc, kind="stable")
        return cls(terms, doc[order], np.repeat(np.arange(len(terms), dtype=np.uint32), df)[order], tf[order])

    def of(self, doc: int) -> tuple[list[str], NDArray[np.uint32]]:
        """(terms of a document, their counts)."""
        start, end = np.searchsorted(self.doc, [doc, doc + 1])
        return [self.terms[t] for t in self.term[start:end].tolist()], self.tf[start:end]


def _bags(reader: CiffReader, rows: _Rows) -> Iterator[Document]:
    """The file's documents in its own order, each as its terms."""
    for term in rows.terms:
        if term.split() != [term]:
            raise InvalidInput(str(reader.path), f"the term {term!r} has white space in it")
    for record in reader.documents():
        terms, tf = rows.of(record.doc)
        if (n_words := int(tf.sum(dtype=np.int64))) > _MOST_WORDS:
            hint = "if its counts are impacts of a learned model, say so (impacts=True, --impacts)"
            raise InvalidInput(str(reader.path), f"document {record.name!r} has {n_words} words", hint)
        yield Document(record.name, " ".join(" ".join([term] * n) for term, n in zip(terms, tf.tolist(), strict=True)))


def _vectors(reader: CiffReader, rows: _Rows, scale: Scale) -> Iterator[VectorDocument]:
    """The file's documents in its own order; what is shown of one is its terms, the heaviest first."""
    for record in reader.documents():
        terms, tf = rows.of(record.doc)
        impacts = scale.impacts(tf.astype(np.float64)).tolist()
        text = " ".join(terms[i] for i in np.argsort(-tf.astype(np.int64), kind="stable"))
        yield VectorDocument(record.name, text, "", {}, dict(zip(terms, impacts, strict=True)))

"""An index as a CIFF file, and a CIFF file as an index.

The file format is in `sparse/ciff.py`. Such a file holds postings and ids but no texts, so an index made from one keeps
each document as the bag of its terms: every term as often as it occurs, split at white space again when it is indexed.
Adding, deleting, merging and verifying then work as for any other index; queries have to be in the file's own terms.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document

from .build import build
from .index import Index
from .sparse.build import DEAD, merged, postings
from .sparse.ciff import CiffReader, DocRecord, Header, PostingsList, write_ciff
from .sparse.scorers import Scorer

__all__ = ["export_ciff", "import_ciff"]

_IDS_PER_READ = 10_000
_MOST_WORDS = 1 << 24  # of one document made from a file; a damaged tf must not fill the memory


def export_ciff(index: Index, out: str | os.PathLike[str]) -> int:
    """Write the living passages' postings, lists in order of their terms; how many passages there are.

    Passages are numbered anew, in order of their ordinals. The file appears whole or not at all; `.gz` is compressed.

    Raises:
        InvalidInput: the index has several fields, which the format cannot tell apart.

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
    description = f"spaniel, {f'analyser {analyzer.name}' if analyzer else 'learned sparse vectors'}"
    header = Header(len(order), n, len(order), n, total, total / max(n, 1), description)
    write_ciff(Path(out), header, (held.of(term) for term in order), _records(index, ordinals, lengths))
    return n


def import_ciff(
    file: str | os.PathLike[str], path: str | os.PathLike[str], *, impacts: bool = False, overwrite: bool = False
) -> Index:
    """Build an index from a CIFF file, and open it.

    Args:
        impacts: the file's counts are weights of a learned sparse model, to be added up as they are; else BM25.
        overwrite: replace an index that is there.

    Raises:
        InvalidInput: the file is damaged or no CIFF, has a term with white space in it, or an index is there.

    Cost: memory of about 16 bytes a posting.
    """
    scorer = Scorer(method="impact") if impacts else Scorer()
    with CiffReader(Path(file)) as reader:
        return build(_bags(reader), path, language="whitespace", scorer=scorer, overwrite=overwrite)


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
    words = merged(runs).vocabulary()
    df, doc, tf = [np.zeros(1, np.int64)], [np.zeros(0, np.uint32)], [np.zeros(0, np.uint16)]
    for some in postings(merged(runs)):
        df.append(np.diff(some[1]).astype(np.int64))
        doc.append(some[2])
        tf.append(some[3])
    ptr = np.cumsum(np.concatenate(df))
    return ordinals, _Postings(_terms(words), ptr, np.concatenate(doc), np.concatenate(tf))


def _terms(words: dict[str, NDArray[Any]]) -> list[str]:
    """The vocabulary as text; a key begins with the byte of its field."""
    whole, ends = words["term_bytes"].tobytes(), words["term_end"].tolist()
    return [whole[start + 1 : end].decode() for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def _records(index: Index, ordinals: NDArray[np.int64], lengths: NDArray[np.int64]) -> Iterator[DocRecord]:
    for start in range(0, len(ordinals), _IDS_PER_READ):
        some = ordinals[start : start + _IDS_PER_READ]
        for number, id_ in enumerate(index.passages.ids(some), start):
            yield DocRecord(number, id_, int(lengths[number]))


def _bags(reader: CiffReader) -> Iterator[Document]:
    """The file's documents in its own order, each as its terms."""
    terms, df, docs, tfs = [], [], [np.zeros(0, np.uint32)], [np.zeros(0, np.uint32)]
    for part in reader.lists():
        if part.term.split() != [part.term]:
            raise InvalidInput(str(reader.path), f"the term {part.term!r} is empty or has white space in it")
        terms.append(part.term)
        df.append(len(part.docs))
        docs.append(part.docs)
        tfs.append(part.tfs)
    doc, tf = np.concatenate(docs), np.concatenate(tfs)
    order = np.argsort(doc, kind="stable")
    doc, tf, term = doc[order], tf[order], np.repeat(np.arange(len(terms), dtype=np.uint32), df)[order]
    for record in reader.documents():
        start, end = np.searchsorted(doc, [record.doc, record.doc + 1])
        if (n_words := int(tf[start:end].sum(dtype=np.int64))) > _MOST_WORDS:
            raise InvalidInput(str(reader.path), f"document {record.name!r} has {n_words} words")
        held = zip(term[start:end].tolist(), tf[start:end].tolist(), strict=True)
        yield Document(record.name, " ".join(" ".join([terms[t]] * n) for t, n in held))

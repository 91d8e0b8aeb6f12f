"""What `verify` sees inside files whose checksums are right: a writer's fault, or a forgery."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spaniel.index.analysis import Analyzer, AnalyzerSpec
from spaniel.index.check import verify
from spaniel.index.format import ArrayFile, write_arrays
from spaniel.index.manifest import Manifest, Segment
from spaniel.index.passages import PassageWriter
from spaniel.index.sparse.build import SparseBuilder, write_sparse
from spaniel.index.sparse.retriever import Bm25Retriever
from spaniel.index.sparse.scorers import Scorer
from spaniel.index.sparse.segment import SparseSegment
from spaniel.index.sparse.settings import SparseSettings
from spaniel.index.store import Transaction, begin
from spaniel.retrieval.errors import IndexCorrupt
from spaniel.retrieval.types import Document

Arrays = dict[str, np.ndarray[Any, Any]]
TEXTS = [f"common word{n} again{n % 3}" for n in range(40)]


def committed(path: Path, change: Callable[[Arrays], None] = lambda arrays: None, **segment: int) -> None:
    """An index of one segment; `change` alters the sparse arrays before they get their checksums."""
    with begin(path, create=True) as txn:
        record = replace(written(txn, 0, change), **segment)
        txn.commit(Manifest(0, "deep", 1000, {}, (record,)))


def written(txn: Transaction, first: int, change: Callable[[Arrays], None] = lambda arrays: None) -> Segment:
    settings = SparseSettings({"contents": 1.0}, Scorer())
    builder = SparseBuilder(Analyzer(AnalyzerSpec("english")), settings)
    builder.add([(text,) for text in TEXTS])
    whole = write_sparse(txn.fs, txn.fresh_path("sparse"), [builder.take_run()], settings, n_passages=len(TEXTS))
    file = ArrayFile.open(txn.path / whole.name, kind="sparse", entry=whole)
    arrays = {name: array.copy() for name, array in file.arrays.items()}
    change(arrays)
    sparse = write_arrays(txn.fs, txn.fresh_path("sparse"), kind="sparse", meta=dict(file.meta), arrays=arrays)
    rows = txn.fresh_path("passages", ".sqlite")
    writer = PassageWriter(rows)
    writer.add_many(first, [Document(f"d{n}", text) for n, text in enumerate(TEXTS, first)])
    writer.finish()
    return Segment(first, first, len(TEXTS), 0, {"sparse": sparse, "passages": txn.adopt(rows, "passages")})


def test_whole_index(tmp_path: Path) -> None:
    committed(tmp_path)
    assert verify(tmp_path).problems == ()


def alter(name: str, value: int) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays[name].reshape(-1)[-1] = value

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (alter("rare_doc", 40), "names a document beyond the last"),
        (lambda arrays: arrays.update(rare_doc=arrays["rare_doc"][::-1].copy()), "names passages out of order"),
        (alter("rare_impact", 0), "without an impact"),
        (alter("small_df", 2), "points outside the file's arrays"),
        (alter("term_bytes", ord("x")), "the vocabulary is out of order"),
        (alter("ref", 1 << 30), "points outside the file's arrays"),
        (lambda arrays: arrays.update(rare_doc=arrays["rare_doc"][:-1]), "do not fit together"),
        (lambda arrays: arrays.pop("ref"), "is no sparse part"),
        (lambda arrays: arrays.update(ordinal=np.zeros(40, np.uint32)), "two passages have the same ordinal"),
    ],
)
def test_forged_sparse_part(tmp_path: Path, change: Callable[[Arrays], None], reason: str) -> None:
    committed(tmp_path, change)
    problems = verify(tmp_path).problems
    assert {problem.file for problem in problems} == {"sparse-00000001-1.bin"}
    assert reason in problems[0].reason


def test_segment_that_does_not_fit_its_rows(tmp_path: Path) -> None:
    committed(tmp_path, n_passages=60)
    problems = {problem.file.split("-")[0]: problem.reason for problem in verify(tmp_path).problems}
    assert problems["passages"] == "has 40 rows for 60 passages, 0 of them deleted"
    assert "the manifest says 60" in problems["sparse"]


def test_rows_before_the_segment(tmp_path: Path) -> None:
    committed(tmp_path, first_ordinal=39)
    reasons = [problem.reason for problem in verify(tmp_path).problems if problem.file.startswith("passages")]
    assert reasons[0] == "passage 0 is not of the segment's, 39 to 999" and len(reasons) == 39


def with_last_ordinal(last: int) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update(ordinal=np.array([*range(len(TEXTS) - 1), last], np.uint32))


def test_ordinals_beyond_the_manifest_s(tmp_path: Path) -> None:
    """A segment whose counts are right, and whose last passage has the ordinal that the next one added would get."""
    committed(tmp_path, with_last_ordinal(1000))
    assert [(p.file.split("-")[0], p.reason) for p in verify(tmp_path).problems] == [
        ("sparse", "passage 1000 is not of the segment's, 0 to 999")
    ]


def test_ordinals_of_the_next_segment(tmp_path: Path) -> None:
    """Each segment is right by itself; together they hold the ordinal 45 twice."""
    with begin(tmp_path, create=True) as txn:
        segments = (written(txn, 0, with_last_ordinal(45)), written(txn, 40))
        txn.commit(Manifest(0, "deep", 1000, {}, segments))
    assert [(p.file, p.reason) for p in verify(tmp_path).problems] == [
        ("sparse-00000001-1.bin", "passage 45 is not of the segment's, 0 to 39")
    ]


def test_rows_of_the_next_segment(tmp_path: Path) -> None:
    with begin(tmp_path, create=True) as txn:
        segments = (written(txn, 0), written(txn, 30))
        segments = (replace(segments[0], files={**segments[0].files, "passages": segments[1].files["passages"]}),)
        txn.commit(Manifest(0, "deep", 60, {}, segments))
    assert [(p.file, p.reason) for p in verify(tmp_path).problems] == [
        ("passages-00000001-5.sqlite", f"passage {n} is not of the segment's, 0 to 59") for n in range(60, 70)
    ]


@pytest.mark.parametrize("damaged", [0, 1])
def test_an_error_names_the_damaged_one_of_several_segments(tmp_path: Path, damaged: int) -> None:
    """Checksums that are right say nothing; the postings do."""
    change = alter("rare_doc", 40)
    with begin(tmp_path, create=True) as txn:
        records = [written(txn, 40 * n, change if n == damaged else lambda arrays: None) for n in range(2)]
        txn.commit(Manifest(0, "deep", 80, {}, tuple(records)))
    segments = [SparseSegment.open(tmp_path, record) for record in records]
    retriever = Bm25Retriever(segments, Analyzer(AnalyzerSpec("english")), segments[0].settings)
    with pytest.raises(IndexCorrupt) as caught:
        for n in range(len(TEXTS)):
            retriever.search([f"word{n}"], k=10)
    assert caught.value.path == segments[damaged].path

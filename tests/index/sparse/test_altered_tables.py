"""A sparse part whose tables contradict its postings, under right checksums: an error, never fewer or other results."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.sparse_corpus import WHITESPACE, make_segment, zipf_corpus

from spaniel.index.format import ArrayFile, write_arrays
from spaniel.index.fs import RealFS
from spaniel.index.sparse.damage import wrong_postings
from spaniel.index.sparse.retriever import Bm25Retriever
from spaniel.index.sparse.segment import SparseSegment
from spaniel.index.sparse.settings import SparseSettings
from spaniel.retrieval.errors import IndexCorrupt

Arrays = dict[str, np.ndarray[Any, Any]]
TERM = {"medium": "t600", "long": "t40", "dense": "t0"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> SparseSegment:
    """With terms of every class, and two counts that their impact does not tell."""
    passages = zipf_corpus(20_000, 3)
    passages[5], passages[6] = ("t0 " * 300 + "t9999 " * 400,), ("t0 " * 300 + "t9999 " * 401,)
    segment = make_segment(tmp_path_factory.mktemp("whole") / "sparse-00000001-0.bin", list(passages), SparseSettings())
    assert list(wrong_postings(segment)) == []
    for kind, term in TERM.items():
        found = segment.native.find(b"\0" + term.encode())
        assert found is not None
        assert found[1] in segment.arrays[f"{kind}_df"] and len(segment.arrays["exception_tf"]) > 1
    return segment


def altered(whole: SparseSegment, folder: Path, change: Callable[[Arrays], object]) -> SparseSegment:
    arrays = {name: np.array(array) for name, array in whole.arrays.items()}
    change(arrays)
    meta = ArrayFile.open(whole.path, kind="sparse", entry=None).meta
    path = folder / "sparse-00000002-0.bin"
    entry = write_arrays(RealFS(), path, kind="sparse", meta=meta, arrays=arrays)
    return SparseSegment(ArrayFile.open(path, kind="sparse", entry=entry, verify=True), 0)


@pytest.mark.parametrize("kind", TERM)
@pytest.mark.parametrize("mark", [0, 1, 2, 3])
@pytest.mark.parametrize("step", [1, -1])
def test_each_top_mark_is_that_of_the_postings(
    whole: SparseSegment, tmp_path: Path, kind: str, mark: int, step: int
) -> None:
    """A search for k passages starts with the bound of the mark for k: too high a mark loses passages."""

    def change(arrays: Arrays) -> None:
        arrays[f"{kind}_top"][:, mark] += np.array(step, np.int8).astype(np.uint8)

    segment = altered(whole, tmp_path, change)
    for schedule in ("windows", "blocks"):
        retriever = Bm25Retriever([segment], WHITESPACE, segment.settings, schedule=schedule)
        with pytest.raises(IndexCorrupt, match="largest impacts"):
            retriever.search([TERM[kind]], k=10)
    assert any("largest impacts" in reason for reason in wrong_postings(segment))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("exception_tf", 1, "a count that does not go with its impact"),
        ("exception_doc", 7, "an exception names a passage that does not hold its term"),
        ("exception_term", 1 << 31, "not in the order of the terms|does not hold its term"),
    ],
)
def test_verify_looks_at_exceptions(whole: SparseSegment, tmp_path: Path, name: str, value: int, reason: str) -> None:
    segment = altered(whole, tmp_path, lambda arrays: arrays[name].fill(value))
    assert any(re.search(reason, said) for said in wrong_postings(segment))


def test_a_dense_term_has_as_many_passages_as_it_says(whole: SparseSegment, tmp_path: Path) -> None:
    segment = altered(whole, tmp_path, lambda arrays: arrays["dense_df"].__isub__(1))
    with pytest.raises(IndexCorrupt, match="dense term's length"):
        Bm25Retriever([segment], WHITESPACE, segment.settings).search([TERM["dense"]], k=10)

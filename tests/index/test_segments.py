"""Filters over the segments of an index: kept as they were found, in memory that only the files' own sizes decide."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crash.forge import forge_manifest

from spaniel.index.build import add, build
from spaniel.index.check import verify
from spaniel.index.edit import delete
from spaniel.index.index import open_index
from spaniel.index.optimize import optimize
from spaniel.retrieval.errors import IndexCorrupt
from spaniel.retrieval.types import Document

DOCUMENTS = [Document(f"d{i}", f"w{i % 7} w{i % 11}", "", {"n": i}) for i in range(120)]
WHERE: dict[str, Any] = {"n": {"$gte": 33}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    build(DOCUMENTS[:70], tmp_path / "kb").close()
    add(DOCUMENTS[70:], tmp_path / "kb").close()
    delete(tmp_path / "kb", ["d40", "d71"])
    return tmp_path / "kb"


@pytest.mark.parametrize("how", ["edited", "merged", "reordered"])
def test_a_filter_gives_the_same_again(path: Path, how: str) -> None:
    if how != "edited":
        optimize(path, reorder=how == "reordered")
    expected = [n for n in range(33, 120) if n not in (40, 71)]
    with open_index(path) as index:
        for _ in range(3):
            found = index.passages.matching(WHERE)
            assert found.dtype == np.int64 and found.tolist() == expected
        assert index.passages.matching({"n": 71}).tolist() == []
        for n in range(50):  # more filters than are kept
            assert index.passages.matching({"n": n}).tolist() == ([] if n == 40 else [n])
        assert index.passages.matching(WHERE).tolist() == expected


def forged(path: Path, **changes: int) -> None:
    """The same index, with another number in its manifest and a right checksum."""
    body = (path / "MANIFEST").read_bytes().partition(b"\n")[2]
    (path / "MANIFEST").write_bytes(forge_manifest(json.dumps({**json.loads(body), **changes}).encode()))


def test_ordinals_beyond_any_index_are_refused_and_named(path: Path) -> None:
    forged(path, next_ordinal=1 << 62)
    with pytest.raises(IndexCorrupt, match="next_ordinal is 4611686018427387904; it must be from 0 to 2147483648"):
        open_index(path)
    report = verify(path)
    assert [finding.file for finding in report.problems] == ["MANIFEST"]
    assert "next_ordinal" in report.problems[0].reason


def test_the_greatest_next_ordinal_costs_a_filter_nothing(path: Path) -> None:
    forged(path, next_ordinal=1 << 31)
    with open_index(path) as index:
        tracemalloc.start()
        try:
            assert len(index.search("w1", where=WHERE, k=100)) > 0
            assert len(index.search("w2", where=WHERE, k=100)) > 0
            assert tracemalloc.get_traced_memory()[1] < 16 << 20
        finally:
            tracemalloc.stop()

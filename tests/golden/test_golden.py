"""Indexes written by earlier releases: they open, verify, give the same results, and can be written to."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from golden.make import ENCODER, documents, observed

from spaniel.index.build import add
from spaniel.index.check import verify
from spaniel.index.edit import delete
from spaniel.index.index import open_index
from spaniel.index.manifest import FORMAT_VERSION
from spaniel.index.optimize import optimize

HERE = Path(__file__).parent
VERSIONS = sorted(HERE.glob("v*"))


def test_every_version_is_here() -> None:
    assert [folder.name for folder in VERSIONS] == [f"v{version}" for version in range(1, FORMAT_VERSION + 1)]


@pytest.fixture(params=VERSIONS, ids=lambda folder: folder.name)
def golden(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def expected(golden: Path) -> dict[str, Any]:
    return dict(json.loads((golden / "expected.json").read_text()))


def assert_same(seen: dict[str, Any], right: dict[str, Any]) -> None:
    """Equal, scores to seven digits: the logarithms of two C libraries may differ in the last one."""
    assert seen.keys() == right.keys()
    for key in [key for key in seen if key in ("results", "filtered") or key.startswith("dense ")]:
        for these, those in zip(seen.pop(key), right.pop(key), strict=True):
            assert [name for name, _ in these] == [name for name, _ in those]
            assert [score for _, score in these] == pytest.approx([score for _, score in those], rel=1e-6)
    assert seen == right


def test_opens_and_finds_what_it_did(golden: Path) -> None:
    with open_index(golden / "index") as index:
        assert_same(observed(index), expected(golden))


def test_verifies(golden: Path) -> None:
    report = verify(golden / "index")
    assert report.ok, report.problems
    assert report.notes == ()


def test_has_every_class_of_terms(golden: Path) -> None:
    """Or else it would guard less than it seems to."""
    with open_index(golden / "index") as index:
        first, second = index.manifest.segments
        arrays = index.passages.open[0].sparse.arrays
        assert "tombstones" in first.files and "tombstones" in second.files and "ordinal" in arrays
        assert all(len(arrays[name]) for name in ("rare_doc", "medium_df", "dense_df", "list_doc"))


def test_can_be_written_to(golden: Path, tmp_path: Path) -> None:
    """Adding to it and merging it gives what a release that wrote all of it would."""
    path = tmp_path / "index"
    shutil.copytree(golden / "index", path)
    right = expected(golden)
    optimize(path)
    with open_index(path) as index:
        assert_same(observed(index), right)
    with open_index(path) as index:
        encoder = ENCODER if index.dense_names else None
    add(documents(5000, 3), path, encoder=encoder).close()
    delete(path, ["d5001"])
    assert verify(path).ok
    with open_index(path) as index:
        assert len(index) == expected(golden)["passages"] + 2 and "d5002" in index

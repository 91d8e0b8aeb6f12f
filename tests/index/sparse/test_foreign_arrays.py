"""A sparse part with an array of another type or with other axes is refused when it is opened."""

from pathlib import Path

import numpy as np
import pytest
from contracts.sparse_corpus import make_segment, zipf_corpus

from spaniel.index.format import ArrayFile, write_arrays
from spaniel.index.fs import RealFS
from spaniel.index.sparse.segment import SparseSegment
from spaniel.index.sparse.settings import SparseSettings
from spaniel.retrieval.errors import IndexCorrupt


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.uint8, np.uint16, np.uint32])
def test_every_array_must_have_its_type(tmp_path: Path, dtype: type) -> None:
    """A copy in the right type would not live as long as the segment that reads it."""
    whole = make_segment(tmp_path / "sparse-00000001-0.bin", zipf_corpus(300, 1), SparseSettings())
    meta = dict(ArrayFile.open(whole.path, kind="sparse", entry=None).meta)
    for number, (name, array) in enumerate(whole.arrays.items()):
        if array.dtype == dtype:
            continue
        path = tmp_path / f"sparse-00000002-{number}.bin"
        write_arrays(RealFS(), path, kind="sparse", meta=meta, arrays={**whole.arrays, name: array.astype(dtype)})
        with pytest.raises(IndexCorrupt, match=f"is no sparse part: .*{name}"):
            SparseSegment(ArrayFile.open(path, kind="sparse", entry=None), 0)
        path.unlink()


@pytest.mark.parametrize("name", ["length_code", "exception_doc"])
def test_arrays_that_are_read_by_axis(tmp_path: Path, name: str) -> None:
    whole = make_segment(tmp_path / "sparse-00000001-0.bin", zipf_corpus(300, 1), SparseSettings())
    meta = dict(ArrayFile.open(whole.path, kind="sparse", entry=None).meta)
    other = whole.arrays[name].reshape(-1) if name == "length_code" else whole.arrays[name].reshape(-1, 1)
    path = tmp_path / "sparse-00000002-0.bin"
    write_arrays(RealFS(), path, kind="sparse", meta=meta, arrays={**whole.arrays, name: other})
    with pytest.raises(IndexCorrupt, match="other axes"):
        SparseSegment(ArrayFile.open(path, kind="sparse", entry=None), 0)


@pytest.mark.parametrize("average", [1e-300, 0.0, -3.0, float("nan"), 0.5])
def test_average_lengths_that_no_passages_have(tmp_path: Path, average: float) -> None:
    """Passages without a token do not count, so an average is at least 1; a length over 1e-300 would overflow."""
    whole = make_segment(tmp_path / "sparse-00000001-0.bin", zipf_corpus(30, 1), SparseSettings())
    file = ArrayFile.open(whole.path, kind="sparse", entry=None)
    changed = ArrayFile(file.path, file.kind, {**file.meta, "averages": [average]}, file.arrays)
    with pytest.raises(IndexCorrupt, match="average lengths"):
        SparseSegment(changed, 0)

"""Damaged CIFF files: each is read to its end or refused by name; nothing else may happen."""

import gzip
import itertools
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from spaniel.index.sparse.ciff import CiffReader, DocRecord, Header, PostingsList, write_ciff
from spaniel.retrieval.errors import InvalidInput

pytestmark = pytest.mark.fuzz


def valid(folder: Path, rng: np.random.Generator) -> bytes:
    n = int(rng.integers(1, 60))
    lists = []
    for i in range(int(rng.integers(1, 12))):
        docs = np.flatnonzero(rng.random(n) < rng.random()).astype(np.uint32)
        if len(docs):
            lists.append(PostingsList(f"term{i}", docs, rng.integers(1, 400, len(docs)).astype(np.uint32)))
    path = folder / "valid.ciff"
    write_ciff(path, Header(len(lists), n, len(lists), n, n, 1.0), lists, [DocRecord(i, f"d{i}", 1) for i in range(n)])
    return path.read_bytes()


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four flips, cuts, insertions, or one piece copied over another."""
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(len(out) + 1))
        match rng.integers(5):
            case 0 if at < len(out):
                out[at] ^= 1 << int(rng.integers(8))
            case 1:
                del out[at : at + int(rng.integers(1, 20))]
            case 2:
                out[at:at] = rng.bytes(int(rng.integers(1, 12)))
            case 3:
                out[at : at + 5] = b"\xff\xff\xff\xff\x07"
            case _:
                start = int(rng.integers(len(out) + 1))
                out[at : at + 16] = out[start : start + 16]
    return bytes(out)


@pytest.mark.parametrize("seed", range(5))
def test_damaged_files(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    refused = 0
    if seed == 0:
        tracemalloc.start()  # makes everything several times slower
    for i in range(1000):
        data = damaged(valid(tmp_path, rng), rng)
        packed = i % 5 == 0
        path = tmp_path / ("bad.ciff.gz" if packed else "bad.ciff")
        path.write_bytes(gzip.compress(data) if packed else data)
        try:
            with CiffReader(path) as reader:
                for _ in itertools.chain(reader.lists(), reader.documents()):
                    pass
        except InvalidInput:
            refused += 1
    assert refused > 500  # most damage shows; a flip inside a name does not
    if seed == 0:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 32 << 20  # files of a few kilobytes, whatever lengths they claim

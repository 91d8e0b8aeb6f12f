"""More than one thread: an index is built and read as by one."""

import random
from pathlib import Path

import pytest

from spaniel.index import ingest
from spaniel.index.build import build
from spaniel.index.input import InputOptions
from spaniel.retrieval.types import Document


@pytest.mark.parametrize("spills", [False, True])
def test_threads_build_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spills: bool) -> None:
    """Text is analysed beside the reading; what comes out is the same to the byte."""
    if spills:
        monkeypatch.setattr(ingest, "_OVERHEAD_BYTES", (64 << 20) - 1)
        monkeypatch.setattr(ingest, "_MIN_BUILDER_BYTES", 1)
    generator = random.Random(3)
    some = [Document(f"d{i}", " ".join(f"Häuser{generator.randrange(500)}" for _ in range(40))) for i in range(1500)]
    found = []
    for threads in (1, 2):
        options = InputOptions(batch_records=100)
        with build(
            some, tmp_path / str(threads), language="german", input_options=options, threads=threads,
            memory_bytes=64 << 20,
        ) as index:  # fmt: skip
            [segment] = index.manifest.segments
            found.append((segment.files["sparse"].crc32, segment.files["passages"].crc32))
    assert found[0] == found[1]

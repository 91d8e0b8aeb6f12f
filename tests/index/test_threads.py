"""More than one thread: an index is built and read as by one, and an interrupt ends a batch."""

import json
import os
import random
import signal
import threading
import time
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


def test_an_interrupt_ends_a_batch(tmp_path: Path) -> None:
    """Ctrl-C takes effect between two queries of one native call, with several threads at work too."""
    texts = tmp_path / "corpus.jsonl"
    words = [f"w{n}" for n in range(40)]
    rows = [{"_id": str(n), "text": " ".join(words[n % 7 :])} for n in range(5000)]
    texts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with build(texts, tmp_path / "kb") as index:
        retriever = index.bm25(threads=2)
        start = time.perf_counter()
        retriever.search([" ".join(words)] * 100)
        each_s = (time.perf_counter() - start) / 100
        queries = [" ".join(words)] * int(10 / each_s)  # would take about ten seconds
        timer = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
        start = time.perf_counter()
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            retriever.search(queries)
        assert time.perf_counter() - start < 5
        assert len(retriever.search(["w3"])[0]) == 1000  # what was interrupted leaves nothing behind

"""More than one thread: an index is built and read as by one, and an interrupt ends a batch."""

import json
import random
import subprocess
import sys
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


_INTERRUPTED = """
import os, signal, sys, threading, time
from spaniel.index.index import open_index

retriever = open_index(sys.argv[1]).bm25(threads=2)
text = " ".join(f"w{n}" for n in range(40))
start = time.perf_counter()
retriever.search([text] * 200)
queries = [text] * int(200 * 10 / (time.perf_counter() - start))  # would take ten seconds or so
whole = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
start = time.perf_counter()
whole.start()
try:
    retriever.search(queries)
except KeyboardInterrupt:
    early = time.perf_counter() - start < 5.0  # half of what the same machine has just been found to need
    print("early" if early else "late", len(retriever.search(["w3"])[0]))
"""


def test_an_interrupt_ends_a_batch(tmp_path: Path) -> None:
    """Ctrl-C takes effect between two queries of one native call, with several threads at work too.

    In a process of its own: the interrupt must not meet a callback of the test tools.
    """
    texts = tmp_path / "corpus.jsonl"
    words = [f"w{n}" for n in range(40)]
    rows = [{"_id": str(n), "text": " ".join(words[n % 7 :])} for n in range(5000)]
    texts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    build(texts, tmp_path / "kb").close()
    command = [sys.executable, "-c", _INTERRUPTED, str(tmp_path / "kb")]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (found.stdout, found.stderr) == ("early 1000\n", "")  # and what was interrupted leaves nothing behind

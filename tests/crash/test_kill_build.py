"""A real process that builds, killed at random moments, and the same command again until it is done."""

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from crash.figures import record

from spaniel.index.build import build
from spaniel.index.index import open_index
from spaniel.retrieval.errors import IndexNotFound

pytestmark = pytest.mark.crash

WORDS = [f"w{i}" for i in range(500)]
QUERIES = [" ".join(random.Random(i).choices(WORDS, k=3)) for i in range(20)]
# The N-th batch says so and waits for ever when N is asked for, so that at least one kill falls into the middle.
COMMAND = """
import sys
from spaniel.index.build import build
from spaniel.index.ingest import Ingest
from spaniel.index.input import InputOptions

source, path, chunks, threads, stop_at, checkpoint_s = sys.argv[1], sys.argv[2], *map(float, sys.argv[3:])
take, n_batches = Ingest._take, 0

def counted(self, batch, stream):
    global n_batches
    take(self, batch, stream)
    n_batches += 1
    if n_batches == stop_at:
        print("stopped", flush=True)
        sys.stdin.read()

Ingest._take = counted
build(source, path, checkpoint_s=checkpoint_s, input_options=InputOptions(batch_records=100), threads=int(threads),
      chunks=int(chunks) or None,
      on_progress=lambda progress: progress.note and print(progress.note, flush=True)).close()
"""


def started(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def killed(process: subprocess.Popen[str]) -> str:
    """Kill it; what it had said."""
    process.kill()
    said, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL
    return said


def answers(path: Path) -> object:
    with open_index(path) as index:
        rankings = index.bm25(k=100).search(QUERIES)
        assert index.verify().ok
        passages = [index.passages.get(ranking.ids) for ranking in rankings]
        whole = [index.document_text(p.doc_id) for some in passages for p in some]
        return [(r.ids.tolist(), r.scores.tolist()) for r in rankings], passages, whole


@pytest.mark.parametrize("chunks", [0, 16], ids=["records", "cut"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_random_moments(tmp_path: Path, seed: int, threads: int, chunks: int) -> None:
    generator = random.Random(seed)
    source = tmp_path / "corpus.jsonl"
    records = ({"_id": f"d{i}", "text": " ".join(generator.choices(WORDS, k=40))} for i in range(8000))
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    with build(source, tmp_path / "undisturbed", chunks=chunks or None) as index:
        assert len(index) > 16_000 if chunks else len(index) == 8000
    path, kills, said = tmp_path / "kb", 1, ""
    first = started(source, path, chunks, threads, generator.randrange(2, 60), 0)  # a checkpoint after every batch
    assert first.stdout is not None and first.stdout.readline() == "stopped\n"
    killed(first)
    with pytest.raises(IndexNotFound):
        open_index(path)
    while True:
        process = started(source, path, chunks, threads, 0, 0.02)
        try:
            said += process.communicate(timeout=generator.uniform(0.2, 1.0) + 0.1 * kills)[0]
            assert process.returncode == 0
            break
        except subprocess.TimeoutExpired:
            said += killed(process)
        kills += 1
        if (path / "MANIFEST").exists():
            break  # killed after its commit
        with pytest.raises(IndexNotFound):
            open_index(path)
    assert "going on after" in said and "starting afresh" not in said
    assert answers(path) == answers(tmp_path / "undisturbed")
    record("build of a real index killed and resumed", chunks=chunks, kills=kills, wrong=0)

"""A real process that builds, killed at random moments, and the same command again until it is done."""

import json
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from spaniel.index.build import build
from spaniel.index.index import open_index
from spaniel.retrieval.errors import IndexNotFound

pytestmark = pytest.mark.crash

WORDS = [f"w{i}" for i in range(500)]
QUERIES = [" ".join(random.Random(i).choices(WORDS, k=3)) for i in range(20)]
COMMAND = """
import sys
from spaniel.index.build import build
from spaniel.index.input import InputOptions
options = InputOptions(batch_records=100)
build(sys.argv[1], sys.argv[2], checkpoint_s=0.02, input_options=options, threads=int(sys.argv[3])).close()
"""


def answers(path: Path) -> object:
    with open_index(path) as index:
        rankings = index.bm25(k=100).search(QUERIES)
        assert index.verify().ok
        return [(r.ids.tolist(), r.scores.tolist(), [p.id for p in index.passages.get(r.ids)]) for r in rankings]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_killed_at_random_moments(tmp_path: Path, seed: int, threads: int) -> None:
    generator = random.Random(seed)
    source = tmp_path / "corpus.jsonl"
    records = ({"_id": f"d{i}", "text": " ".join(generator.choices(WORDS, k=40))} for i in range(8000))
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    build(source, tmp_path / "undisturbed").close()
    path, kills = tmp_path / "kb", 0
    while True:
        process = subprocess.Popen([sys.executable, "-c", COMMAND, str(source), str(path), str(threads)])
        with suppress(subprocess.TimeoutExpired):
            assert process.wait(timeout=generator.uniform(0.2, 1.0) + 0.1 * kills) == 0
            break
        process.kill()
        process.wait()
        kills += 1
        if not (path / "MANIFEST").exists():
            with pytest.raises(IndexNotFound):
                open_index(path)
        else:
            break  # killed after its commit
    assert answers(path) == answers(tmp_path / "undisturbed")

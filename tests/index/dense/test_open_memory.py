"""What an opened index of binary codes takes: the codes, mapped, and next to nothing of its own.

The bars of 1,000,000 passages (120 MB above interpreter and libraries, opened in 50 ms) at a size for every day; what
they come to is in docs/dense-stores.md. Times are not asserted: opening is held to reading little.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import spaniel as sp
from spaniel.index.dense.add_dense import add_dense
from spaniel.index.dense.settings import StoreSettings

N, DIMENSION = 40_000, 384
SMAPS = Path("/proc/self/smaps_rollup")
PROGRAM = """
import gc, json, sys
import numpy as np
import spaniel as sp

def kib():
    lines = [line.split() for line in open("/proc/self/smaps_rollup")]
    return {line[0]: int(line[1]) for line in lines if line[0] in ("Rss:", "Anonymous:")}

query = sp.Query("", "", vector=np.ones(384, np.float32))
with sp.open(sys.argv[1]) as small:  # loads what a search loads
    small.dense().search([query], k=10)
gc.collect()
before = kib()
index = sp.open(sys.argv[2])
retriever = index.dense()
opened = kib()
[found] = retriever.search([query], k=10)
assert len(found) == 10
print(json.dumps([before, opened, kib()]))
"""


def made(path: Path, n: int) -> Path:
    rng = np.random.default_rng(0)
    sp.build((sp.Document(str(number), "word") for number in range(n)), path).close()
    vectors = rng.standard_normal((n, DIMENSION), np.float32)
    store = StoreSettings("binary", codes="rotation", rescore="none")
    add_dense(path, vectors=vectors, ids=[str(number) for number in range(n)], store=store).close()
    return path


@pytest.mark.skipif(not SMAPS.exists(), reason="memory is read from /proc/self/smaps_rollup")
def test_bytes_a_passage(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(made(tmp_path / "small", 100)), str(made(tmp_path / "kb", N))]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    before, opened, searched = json.loads(ended.stdout)

    def a_passage(after: dict[str, int], what: str) -> float:
        return (after[what] - before[what]) * 1024 / N

    assert a_passage(opened, "Rss:") < 40, "opening reads the codes"
    assert 40 < a_passage(searched, "Rss:") < 120, "codes are 50 bytes"
    assert a_passage(searched, "Anonymous:") < 20, "a copy of codes, or a table over passages"

"""The damage sweep: every damage to every file is named, nothing crashes, hangs or asks for memory (damage.py)."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from crash import cut_index, dense_index, real_index
from crash.figures import record
from crash.folders import memory_folder
from crash.small_index import add, delete

TESTS = Path(__file__).resolve().parents[1]
PARTS = 4


def swept(module: str, make: Callable[[Path], tuple[Path, Path]], every: int) -> dict[str, Any]:
    """The tally of damage.py over all files of an index; several run at once, each on a copy and its own files."""
    environment = {"PYTHONPATH": str(TESTS), "PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1"}
    with memory_folder() as folder, ExitStack() as stack:
        running = []
        for part in range(PARTS):
            (folder / str(part)).mkdir()
            index, other = make(folder / str(part))
            arguments = [module, str(index), str(other), str(every), str(part), str(PARTS)]
            command = [sys.executable, str(TESTS / "crash" / "damage.py"), *arguments]
            log = stack.enter_context((folder / str(part) / "log").open("w+"))
            popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
            running.append((stack.enter_context(popen), log))
        total: dict[str, Any] = {"cases": Counter(), "found at opening": 0, "files": 0, "wrong": []}
        for process, log in running:
            output = process.communicate()[0]
            log.seek(0)
            assert process.returncode == 0, f"the sweep died with {process.returncode} at {log.read()[-1000:]}"
            tally = json.loads(output)
            total["cases"].update(tally["cases"])
            total["found at opening"] += tally["found at opening"]
            total["files"] = tally["files"]
            total["wrong"] += tally["wrong"]
    return total


def small_indexes(folder: Path) -> tuple[Path, Path]:
    """Two indexes of the same history and sizes, with other values."""
    for name, start in (("index", 0), ("other", 100)):
        values = [start + n for n in range(5)]
        for step in (add(*values[:3], create=True), add(*values[3:]), delete(values[1])):
            step(folder / name, None)
    return folder / "index", folder / "other"


INDEXES = {
    "crash.small_index": small_indexes,
    "crash.real_index": real_index.two_indexes,
    "crash.cut_index": cut_index.two_indexes,
    "crash.dense_index": dense_index.two_indexes,
}


SAMPLED = {"crash.cut_index": 200, "crash.dense_index": 400}  # only each so many-th of the many


@pytest.mark.parametrize("module", INDEXES)
def test_sample(module: str) -> None:
    tally = swept(module, INDEXES[module], every=SAMPLED.get(module, 60))
    assert not tally["wrong"], "\n".join(tally["wrong"][:50])
    assert tally["files"] >= 6 and sum(tally["cases"].values()) > 500


@pytest.mark.crash
@pytest.mark.parametrize("module", INDEXES)
def test_everything(module: str) -> None:
    tally = swept(module, INDEXES[module], every=1)
    counts = {kind: int(count) for kind, count in tally["cases"].items()}
    record("damage", module=module, files=tally["files"], found_at_opening=tally["found at opening"], **counts)
    assert not tally["wrong"], "\n".join(tally["wrong"][:50])
    assert sum(tally["cases"].values()) > 10_000

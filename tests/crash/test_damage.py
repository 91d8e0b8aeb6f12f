"""The damage sweep: every damage to every file is named, nothing crashes, hangs or asks for memory (damage.py)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from crash.figures import record
from crash.folders import memory_folder
from crash.real_index import two_indexes
from crash.small_index import add, delete

TESTS = Path(__file__).resolve().parents[1]


def swept(module: str, index: Path, other: Path, every: int) -> dict[str, Any]:
    """The tally of a run of damage.py over `index`."""
    command = [sys.executable, str(TESTS / "crash" / "damage.py"), module, str(index), str(other), str(every)]
    environment = {"PYTHONPATH": str(TESTS), "PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert ended.returncode == 0, f"the sweep died with {ended.returncode}: {ended.stderr[-2000:]}"
    return dict(json.loads(ended.stdout))


def small_indexes(folder: Path) -> tuple[Path, Path]:
    """Two indexes of the same history and sizes, with other values."""
    for name, start in (("index", 0), ("other", 100)):
        values = [start + n for n in range(5)]
        for step in (add(*values[:3], create=True), add(*values[3:]), delete(values[1])):
            step(folder / name, None)
    return folder / "index", folder / "other"


INDEXES = {"crash.small_index": small_indexes, "crash.real_index": two_indexes}


@pytest.mark.parametrize("module", INDEXES)
def test_sample(module: str) -> None:
    with memory_folder() as folder:
        tally = swept(module, *INDEXES[module](folder), every=60)
    assert not tally["wrong"], "\n".join(tally["wrong"][:50])
    assert tally["files"] >= 6 and sum(tally["cases"].values()) > 500


@pytest.mark.crash
@pytest.mark.parametrize("module", INDEXES)
def test_everything(module: str) -> None:
    with memory_folder() as folder:
        tally = swept(module, *INDEXES[module](folder), every=1)
    record("damage", module=module, **{key: str(value) for key, value in tally.items()})
    assert not tally["wrong"], "\n".join(tally["wrong"][:50])
    assert sum(tally["cases"].values()) > 10_000

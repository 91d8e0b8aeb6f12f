"""A dense part from a stranger, its checksums right, its content anything: a result or an error of ours, no crash."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from crash.folders import memory_folder

PROGRAM = Path(__file__).with_name("hostile_dense.py")
OURS = ("float32", "float16", "int8", "binary", "lists")
FAISS = ("hnsw", "ivf", "pq", "rabitq")


def survives(first: int, last: int, kinds: tuple[str, ...]) -> None:
    with memory_folder() as folder:
        command = [sys.executable, str(PROGRAM), str(folder), str(first), str(last), *kinds]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=3000)
    seeds = ended.stdout.split()
    assert ended.returncode == 0, f"seed {seeds[-1:]}: exit {ended.returncode}\n{ended.stderr[-3000:]}"
    assert len(seeds) == last - first


def kinds() -> tuple[str, ...]:
    return OURS + FAISS if importlib.util.find_spec("faiss") else OURS


@pytest.mark.timeout(600)
def test_some_hostile_parts() -> None:
    survives(0, 120, kinds())


@pytest.mark.fuzz
@pytest.mark.timeout(3600)
def test_many_hostile_parts() -> None:
    survives(1000, 11_000, kinds())

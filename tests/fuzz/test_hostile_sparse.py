"""A sparse file from a stranger, its checksums right, its content anything: a result or an error of ours, no crash."""

import subprocess
import sys
from pathlib import Path

import pytest
from crash.folders import memory_folder

PROGRAM = Path(__file__).with_name("hostile_sparse.py")


def survives(first: int, last: int) -> None:
    with memory_folder() as folder:
        command = [sys.executable, str(PROGRAM), str(folder), str(first), str(last)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=3000)
    seeds = ended.stdout.split()
    assert ended.returncode == 0, f"seed {seeds[-1:]}: exit {ended.returncode}\n{ended.stderr[-3000:]}"
    assert len(seeds) == last - first


@pytest.mark.timeout(1200)
def test_some_hostile_files() -> None:
    survives(0, 60)


@pytest.mark.fuzz
@pytest.mark.timeout(3600)
def test_many_hostile_files() -> None:
    survives(1000, 11_000)

"""Kill the writer at every system call, or fail the call, through strace: nothing is corrupt, nothing is lost."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash import raw_writes
from crash.figures import record
from crash.folders import memory_folder
from crash.small_index import content
from crash.sweep import ACTIONS, EIO, KILL, Server, sweep

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("crash.raw_writes") as server:
        yield server


@pytest.fixture
def folder() -> Iterator[Path]:
    with memory_folder() as folder:
        yield folder


@needs_strace
@pytest.mark.crash
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("name", raw_writes.WRITES)
def test_every_call(server: Server, folder: Path, name: str, action: str) -> None:
    tally = sweep(server, name, raw_writes.WRITES[name], content, action, folder)
    record(
        "system calls, bare transactions", write=name, action=action, runs=tally.runs.total(), wrong=len(tally.wrong)
    )
    assert not tally.wrong, "\n".join(tally.wrong)
    assert tally.runs.total() > 20


@needs_strace
def test_a_few_calls(server: Server, folder: Path) -> None:
    """The small sweep of `make test`: the calls that make a commit durable."""
    write = raw_writes.WRITES["add"]
    for action in (KILL, EIO):
        tally = sweep(server, "add", write, content, action, folder / action[-3:], calls=["fsync", "rename"])
        assert not tally.wrong, "\n".join(tally.wrong)
        assert tally.runs["fsync"] >= 5 and tally.runs["rename"] == 1

"""Kill the writer at every system call, or fail the call, through strace: nothing is corrupt, nothing is lost."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from crash import cut_index, dense_index, raw_writes, real_index, small_index
from crash.figures import record
from crash.folders import memory_folder
from crash.fork_server import Write
from crash.sweep import ACTIONS, EIO, ENOSPC, KILL, Server, sweep

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

Module = tuple[Mapping[str, Write], Callable[[Path], Any]]
MODULES: dict[str, Module] = {
    "raw_writes": (raw_writes.WRITES, small_index.content),
    "real_index": (real_index.WRITES, real_index.content),
    "cut_index": (cut_index.WRITES, cut_index.content),
    "dense_index": (dense_index.WRITES, dense_index.content),
}
FEWEST = {"query-model": {KILL: 50, EIO: 50, ENOSPC: 15}}
"""Calls that a sweep must have broken, or it broke nothing of what it is about; 21 for the other writes. A query model
is a commit of the manifest alone: 61, 61 and 17 calls."""
CASES = [(module, name) for module, (writes, _) in MODULES.items() for name in writes]


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[str], Server]]:
    """The fork server of a module, started when it is first asked for."""
    started: dict[str, Server] = {}
    with ExitStack() as stack:

        def server(module: str) -> Server:
            if module not in started:
                started[module] = stack.enter_context(Server(f"crash.{module}"))
            return started[module]

        yield server


@pytest.fixture
def folder() -> Iterator[Path]:
    with memory_folder() as folder:
        yield folder


@pytest.mark.crash
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(("module", "name"), CASES)
def test_every_call(servers: Callable[[str], Server], folder: Path, module: str, name: str, action: str) -> None:
    writes, content = MODULES[module]
    tally = sweep(servers(module), name, writes[name], content, action, folder)
    runs, wrong = tally.runs.total(), len(tally.wrong)
    record("system calls", module=module, write=name, action=action, runs=runs, wrong=wrong)
    assert not tally.wrong, "\n".join(tally.wrong)
    assert runs >= FEWEST.get(name, {}).get(action, 21)


@pytest.mark.parametrize(("module", "name"), [(module, "add") for module in MODULES])
def test_a_few_calls(servers: Callable[[str], Server], folder: Path, module: str, name: str) -> None:
    """The small sweep of `make test`: the calls that make a commit durable."""
    writes, content = MODULES[module]
    for action in (KILL, EIO):
        (folder / action[-3:]).mkdir()
        calls = ["fsync", "rename"]
        tally = sweep(servers(module), name, writes[name], content, action, folder / action[-3:], calls=calls)
        assert not tally.wrong, "\n".join(tally.wrong)
        assert tally.runs["fsync"] >= 5 and tally.runs["rename"] >= 1

"""Power loss at every moment of real builds, adds, deletes and optimizes, as tests/index/test_power_loss.py has it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crash.figures import record
from crash.folders import memory_folder
from crash.power_loss import Call, RecordingFS
from crash.real_index import N_DOCUMENTS, add_one, content, grow, make, source, tidy
from crash.replay import label_of, violations

from spaniel.index.edit import delete


def shrink(path: Path) -> None:
    """Delete from both segments."""
    delete(path, ["d1", "d6", "d95"])


HISTORY: list[Callable[[Path], object]] = [make, grow, shrink, tidy, grow]


def recorded(root: Path, history: list[Callable[[Path], object]], monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """The calls of these writes, each between `begin` and `ack` with the content that it makes."""
    calls: list[Call] = []
    with monkeypatch.context() as patch:
        patch.setattr("spaniel.index.store.RealFS", lambda: RecordingFS(calls))
        for step in history:
            start = len(calls)
            step(root / "kb")
            label = label_of(content(root / "kb"))
            calls.insert(start, Call("begin", label=label))
            calls.append(Call("ack", label=label))
    return calls


def next_write(path: Path, seen: Any, fs: RecordingFS) -> Any:
    """One more document; where there is no index, the build that was interrupted, from the same source."""
    if seen is None:
        make(path)
        seen = content(path)
        assert len(seen[0]) == N_DOCUMENTS
    return add_one(path, seen)


@pytest.mark.crash
@pytest.mark.parametrize("step", range(len(HISTORY)), ids=lambda n: f"{n}-{HISTORY[n].__name__}")
def test_every_power_loss(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every prefix of the calls of one write, after all the writes before it.

    States are laid out where the index was, so that a build which goes on finds its working files and its source.
    """
    with memory_folder() as root:
        source(root / "kb")
        calls = recorded(root, HISTORY[: step + 1], monkeypatch)
        first = max(place for place, call in enumerate(calls) if call.name == "begin")
        monkeypatch.setattr("spaniel.index.store.RealFS", lambda: RecordingFS([]))
        n_states, wrong = violations(calls, root, root, content, next_write, stop=False, first=first)
    record("power loss", module="real_index", write=HISTORY[step].__name__, states=n_states, wrong=len(wrong))
    assert not wrong, "\n".join(wrong[:20])
    assert n_states > 30

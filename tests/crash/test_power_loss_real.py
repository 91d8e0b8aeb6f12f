"""Power loss at every moment of real builds, adds, deletes and optimizes, as tests/index/test_power_loss.py has it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crash.cut_index import CUT
from crash.dense_index import ask_by_another, encode
from crash.figures import record
from crash.folders import memory_folder
from crash.power_loss import Call, RecordingFS
from crash.real_index import N_DOCUMENTS, PLAIN, RealIndex, content, document_of, documents, source, tidy
from crash.replay import Next, label_of, violations

from spaniel.index.dense.settings import StoreSettings
from spaniel.index.edit import delete


def shrink(path: Path) -> None:
    """Delete from both segments."""
    delete(path, ["d1", "d6", "d95"])


def query_model(path: Path) -> None:
    """Another tower for the queries."""
    ask_by_another(path, "codes")


Step = Callable[[Path], object]


def history_of(index: RealIndex) -> list[Step]:
    return [index.make, index.grow, shrink, tidy, index.grow]


DENSE = RealIndex({"codes": StoreSettings("binary", codes="rotation")})
DENSE_HISTORY: list[Step] = [DENSE.make, DENSE.grow, encode, shrink, tidy, query_model]
HISTORIES: dict[str, tuple[RealIndex, list[Step]]] = {
    "real_index": (PLAIN, history_of(PLAIN)),
    "cut_index": (CUT, history_of(CUT)),
    "dense_index": (DENSE, DENSE_HISTORY),
}
CASES = [(module, step) for module, (_, history) in HISTORIES.items() for step in range(len(history))]


def recorded(root: Path, history: list[Step], monkeypatch: pytest.MonkeyPatch, *, settled: bool) -> list[Call]:
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
            if settled and step is not history[-1]:  # the disk has caught up: fewer subsets to try
                calls.append(Call("fsync_dir", root / "kb"))
    return calls


def next_write(index: RealIndex) -> Next:
    """One more document; where there is no index, the build that was interrupted, from the same source."""

    def write(path: Path, seen: Any, fs: RecordingFS) -> Any:
        if seen is None:
            index.make(path)
            seen = content(path)
            assert {document_of(key) for key in seen[0]} == {d.id for d in documents(0, N_DOCUMENTS)}
        return index.add_one(path, seen)

    return write


@pytest.mark.crash
@pytest.mark.parametrize(("module", "step"), CASES, ids=[f"{m}-{n}-{HISTORIES[m][1][n].__name__}" for m, n in CASES])
def test_every_power_loss(module: str, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every prefix of the calls of one write, after all the writes before it.

    States are laid out where the index was, so that a build which goes on finds its working files and its source.
    """
    index, history = HISTORIES[module]
    with memory_folder() as root:
        source(root / "kb")
        calls = recorded(root, history[: step + 1], monkeypatch, settled=bool(index.stores))
        first = max(place for place, call in enumerate(calls) if call.name == "begin")
        monkeypatch.setattr("spaniel.index.store.RealFS", lambda: RecordingFS([]))
        n_states, wrong = violations(calls, root, root, content, next_write(index), stop=False, first=first)
    record("power loss", module=module, write=history[step].__name__, states=n_states, wrong=len(wrong))
    assert not wrong, "\n".join(wrong[:20])
    assert n_states > 30

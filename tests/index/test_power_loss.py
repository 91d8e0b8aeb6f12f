"""Power loss at every moment of every write: all legal states of the disk are built and opened by the real reader.

Each state must show the last acknowledged generation, or the one whose commit was going on, and nothing else; and the
next commit must work on it. The same test must fail for protocols that leave a step out: the mutants below, each of
which drops or moves calls of the real writer.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crash.figures import record
from crash.folders import memory_folder
from crash.power_loss import Call, RecordingFS
from crash.replay import label_of, violations
from crash.small_index import Step, add, content, delete, give_up, merge

from spaniel.index.manifest import Manifest
from spaniel.index.store import Transaction

HISTORY: list[Step] = [add(1, 2, create=True), add(3), delete(1, 3), give_up, add(4), merge, delete(2)]


@pytest.fixture
def folder() -> Iterator[Path]:
    with memory_folder() as folder:
        yield folder


def recorded(root: Path, history: Iterable[Step] = HISTORY) -> list[Call]:
    """The calls of these writes, each between `begin` and `ack`, whose label is the content that it makes."""
    calls: list[Call] = []
    for step in history:
        start = len(calls)
        label = label_of(step(root / "kb", RecordingFS(calls)))
        calls.insert(start, Call("begin", label=label))
        calls.append(Call("ack", label=label))
    return calls


def add_99(path: Path, seen: Any, fs: RecordingFS) -> Any:
    """The next write: one more value, in a new index where there is none."""
    add(99, create=True)(path, fs)
    return [*(seen or []), 99]


def test_every_power_loss_leaves_one_whole_generation(folder: Path) -> None:
    calls = recorded(folder)
    n_states, wrong = violations(calls, folder, folder / "after", content, add_99, stop=False)
    record("power loss", module="small_index", calls=len(calls), states=n_states, wrong=len(wrong))
    assert wrong == []


# Broken protocols. Each takes the calls of the real writer and gives those of a writer that leaves a step out.


def is_pending(call: Call) -> bool:
    return call.path.name.startswith("pending")


def no_sync_of_data(calls: list[Call]) -> list[Call]:
    return [call for call in calls if call.name != "fsync" or is_pending(call)]


def no_sync_of_manifest(calls: list[Call]) -> list[Call]:
    return [call for call in calls if call.name != "fsync" or not is_pending(call)]


def no_sync_of_names_before_manifest(calls: list[Call]) -> list[Call]:
    following = [*calls[1:], Call("end")]
    return [
        call
        for call, after in zip(calls, following, strict=True)
        if call.name != "fsync_dir" or not (after.name == "create" and is_pending(after))
    ]


def no_sync_of_names_after_manifest(calls: list[Call]) -> list[Call]:
    before = [Call("start"), *calls[:-1]]
    return [
        call
        for call, previous in zip(calls, before, strict=True)
        if call.name != "fsync_dir" or previous.name != "rename"
    ]


def no_sync_of_parent(calls: list[Call]) -> list[Call]:
    return [call for call in calls if call.name != "fsync_dir" or call.path.name == "kb"]


def garbage_before_sync_of_names(calls: list[Call]) -> list[Call]:
    """The last fsync of the directory comes after the removals instead of before."""
    result: list[Call] = []
    held: list[Call] = []
    for call in calls:
        if call.name == "fsync_dir" and result[-1].name == "rename":
            held.append(call)
        else:
            result += [*held, call] if call.name == "ack" else [call]
            held = [] if call.name == "ack" else held
    return result


def garbage_before_manifest(calls: list[Call]) -> list[Call]:
    """What the generation before last used is removed first, and only then the manifest is renamed."""
    result: list[Call] = []
    for call in calls:
        if call.name == "unlink" and any(c.name == "rename" for c in _since_begin(result)):
            place = max(i for i, c in enumerate(result) if c.name == "rename")
            result.insert(place, call)
        else:
            result.append(call)
    return result


def manifest_in_place(calls: list[Call]) -> list[Call]:
    """The manifest is written under its own name: no second file, no rename."""
    result: list[Call] = []
    first: int | None = None
    for call in calls:
        if is_pending(call) and call.name in ("create", "write", "fsync"):
            first = call.file if first is None else first
            changed = replace(call, path=call.path.with_name("MANIFEST"), file=first)
            if call.name != "create" or call.file == first:
                result.append(changed)
        elif call.name != "rename":
            result.append(call)
    return result


def sync_before_write(calls: list[Call]) -> list[Call]:
    """Each file is fsynced as soon as it exists, and not when it is whole."""
    result: list[Call] = []
    for call in calls:
        if call.name == "create":
            result += [call, Call("fsync", call.path, call.file)]
        elif call.name != "fsync":
            result.append(call)
    return result


def acknowledged_too_early(calls: list[Call]) -> list[Call]:
    """The caller is told before the manifest has its name."""
    result: list[Call] = []
    for call in calls:
        if call.name == "ack":
            renames = [i for i, c in enumerate(result) if c.name == "rename" and c in _since_begin(result)]
            result.insert(renames[-1] if renames else len(result), call)
        else:
            result.append(call)
    return result


def _since_begin(calls: list[Call]) -> list[Call]:
    start = max(i for i, call in enumerate(calls) if call.name == "begin")
    return calls[start:]


MUTANTS = [
    no_sync_of_data,
    no_sync_of_manifest,
    no_sync_of_names_before_manifest,
    no_sync_of_names_after_manifest,
    no_sync_of_parent,
    manifest_in_place,
    sync_before_write,
    acknowledged_too_early,
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_broken_protocols_are_caught(folder: Path, mutant: Callable[[list[Call]], list[Call]]) -> None:
    calls = recorded(folder)
    broken = mutant(calls)
    assert broken != calls
    _, wrong = violations(broken, folder, folder / "after", content, add_99, stop=True)
    assert wrong


@pytest.fixture
def keeps_one_generation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that keeps the files of the newest generation only.

    While it keeps two, as the real one does, the order of the removals does not matter: a second line of defence.
    """
    original = Transaction._collect_garbage

    def collect(self: Transaction, manifest: Manifest) -> None:
        self.base = None
        original(self, manifest)

    monkeypatch.setattr(Transaction, "_collect_garbage", collect)


@pytest.mark.usefixtures("keeps_one_generation")
@pytest.mark.parametrize(
    "mutant", [garbage_before_sync_of_names, garbage_before_manifest], ids=lambda mutant: mutant.__name__
)
def test_removing_too_early_is_caught(folder: Path, mutant: Callable[[list[Call]], list[Call]]) -> None:
    calls = recorded(folder)
    broken = mutant(calls)
    assert broken != calls
    _, wrong = violations(broken, folder, folder / "after", content, add_99, stop=True)
    assert wrong


def test_writer_that_uses_numbers_again_is_caught(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The eleventh mutant: the generation is that of the manifest plus one, whatever a crash left behind."""
    calls = recorded(folder)
    original = Transaction.__init__

    def forgetful(self: Transaction, *args: object, **options: object) -> None:
        original(self, *args, **options)  # type: ignore[arg-type]
        self.generation = self.base.generation + 1 if self.base else 1

    monkeypatch.setattr(Transaction, "__init__", forgetful)
    _, wrong = violations(calls, folder, folder / "after", content, add_99, stop=True)
    assert wrong and wrong[0].startswith("stuck")

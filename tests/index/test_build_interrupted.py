"""Builds and additions that were killed, interrupted or damaged half way, and the same command again."""

import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from spaniel.index.build import add, build
from spaniel.index.index import open_index
from spaniel.index.input import InputOptions, content_id
from spaniel.index.passages import PassageWriter
from spaniel.index.progress import Progress
from spaniel.retrieval.errors import IndexNotFound
from spaniel.retrieval.types import Document

from .build_cases import QUERIES, SMALL, answers, documents, written
from .index_checks import assert_index_is
from .killing import killed


def commands(tmp_path: Path) -> Iterator[tuple[str, Callable[[Path, list[Progress]], None], list[Document]]]:
    """(name, command on a path, documents alive afterwards)."""
    some = documents(14)
    repeated = [*some, Document("d3", "number7 cat again", "", {}), Document("d12", "zebra", "", {})]
    once = written(tmp_path / "once.jsonl", some)
    more = written(tmp_path / "more.jsonl", repeated)
    alive = [d for d in some if d.id not in ("d3", "d12")] + repeated[-2:]

    def run_build(path: Path, told: list[Progress]) -> None:
        build(once, path, checkpoint_s=0.0, input_options=SMALL, on_progress=told.append, overwrite=True).close()

    def run_replace(path: Path, told: list[Progress]) -> None:
        options: Any = {"checkpoint_s": 0.0, "input_options": SMALL, "on_progress": told.append}
        build(more, path, on_duplicate="replace", overwrite=True, **options).close()

    def run_add(path: Path, told: list[Progress]) -> None:
        options: Any = {"checkpoint_s": 0.0, "input_options": SMALL, "on_progress": told.append}
        add(more, path, on_duplicate="replace", **options).close()

    yield "build", run_build, some
    yield "replace", run_replace, alive
    yield "add", run_add, [Document("old", "dog zebra"), *alive]


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1, 2], ids=["build", "replace", "add"])
def test_killed_and_run_again(tmp_path: Path, number: int) -> None:
    kill_and_run_again(tmp_path, number, stride=5)


@pytest.mark.crash
@pytest.mark.parametrize("number", [0, 1, 2], ids=["build", "replace", "add"])
def test_killed_at_every_step_and_run_again(tmp_path: Path, number: int) -> None:
    kill_and_run_again(tmp_path, number, stride=1)


def kill_and_run_again(tmp_path: Path, number: int, *, stride: int) -> None:
    """After a kill the index is untouched; the same command then finishes it, and goes on from a checkpoint if there
    was one; what it makes equals, to the bit, what an undisturbed command makes."""
    name, command, alive = list(commands(tmp_path))[number]
    before = [Document("old", "dog zebra"), Document("d3", "an older dog")]
    expected: list[Any] = []
    resumed, step = 0, 1 - stride
    while True:
        step += stride
        path = tmp_path / f"kb{step}"
        if name == "add":
            build(before, path).close()
        reached = killed(partial(command, path, []), step)
        if reached and name == "add":
            with open_index(path) as index:  # either generation, never anything between
                assert_index_is(index, before if index.generation == 1 else alive, ["dog", "zebra"])
        if reached and (name != "add" or open_index(path).generation == 1):
            told: list[Progress] = []
            command(path, told)
            resumed += any("going on after" in p.note for p in told)
            # Only a build that was committed before the kill is no longer there to go on from.
            assert not [p.note for p in told if "afresh" in p.note and "another index" not in p.note], step
        with open_index(path) as index:
            if step % 20 == 1 or not reached:
                assert_index_is(index, alive, QUERIES)
            expected = expected or answers(index)
            assert answers(index) == expected
            # A kill between the commit and the removal of the working files leaves them to the next command.
            assert not (path / "partial").exists() or (name == "add" and index.generation == 2 and reached)
        if not reached:
            break
    assert step > 30 and resumed * stride > 15


def test_interrupted_after_repeated_ids_have_lost_their_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of displaced passages go before the commit; what the commit needs of them must have been put by."""
    _, command, alive = list(commands(tmp_path))[1]
    path = tmp_path / "kb"
    finish = PassageWriter.finish

    def finish_and_die(writer: PassageWriter) -> None:
        finish(writer)
        raise KeyboardInterrupt

    for _ in range(2):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(PassageWriter, "finish", finish_and_die)
            command(path, [])
    told: list[Progress] = []
    command(path, told)
    assert [p.note for p in told if p.note] == ["going on after 16 documents of an unfinished build"]
    with open_index(path) as index:
        assert_index_is(index, alive, QUERIES)
        assert index.verify().ok


def test_killed_again_and_again(tmp_path: Path) -> None:
    """A build that is killed every few steps gets done all the same, because each attempt keeps what the others did."""
    _, command, alive = next(commands(tmp_path))
    path = tmp_path / "kb"
    generator = random.Random(3)
    attempts = 1
    while killed(lambda: command(path, []), generator.randrange(12, 25) + attempts):
        attempts += 1
        assert attempts < 50
    assert attempts > 3
    with open_index(path) as index:
        assert_index_is(index, alive, QUERIES)


def test_ctrl_c_and_the_same_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spaniel.index.progress._EVERY_S", 0.0)
    source = written(tmp_path / "a.jsonl", documents(40))

    def interrupt(progress: Progress) -> None:
        if progress.documents >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(source, tmp_path / "kb", checkpoint_s=0.0, input_options=SMALL, on_progress=interrupt)
    with pytest.raises(IndexNotFound, match="kb") as caught:
        open_index(tmp_path / "kb")
    assert "again to finish" in caught.value.hint
    told: list[Progress] = []
    with build(source, tmp_path / "kb", input_options=SMALL, on_progress=told.append) as index:
        assert_index_is(index, documents(40), QUERIES)
    assert told[0].note == "going on after 15 documents of an unfinished build"


@pytest.mark.parametrize("part", ["sources", "options", "settings", "command"])
def test_another_command_starts_afresh_and_says_so(tmp_path: Path, part: str) -> None:
    source = written(tmp_path / "a.jsonl", documents(40))

    def interrupt(progress: Progress) -> None:
        if progress.documents >= 20:
            raise KeyboardInterrupt

    options: Any = {"checkpoint_s": 0.0, "input_options": SMALL}
    with pytest.raises(KeyboardInterrupt):
        build(source, tmp_path / "kb", on_progress=interrupt, **options)
    told: list[Progress] = []
    some = documents(40)
    if part == "sources":
        some = documents(41, seed=2)
        written(source, some)
    elif part == "options":
        options["input_options"] = InputOptions(batch_records=5, ids="hash")
        some = [Document(content_id(d.title, d.text), d.text, d.title, d.meta) for d in some]
    elif part == "settings":
        options["columns"] = {"n": "integer"}
    else:
        options["on_duplicate"] = "skip"
    with build(source, tmp_path / "kb", on_progress=told.append, **options) as index:
        assert_index_is(index, some, QUERIES)
    said = {"sources": "had other sources, or", "options": "had other options", "settings": "had other columns"}
    assert told[0].note.startswith(f"the unfinished build that was found {said.get(part, 'met ids')}")
    assert told[0].note.endswith("; starting afresh")


@pytest.mark.parametrize("victim", ["journal.json", "passages.sqlite", "run-00000001-0.bin"])
def test_damaged_working_files_are_noticed(tmp_path: Path, victim: str) -> None:
    source = written(tmp_path / "a.jsonl", documents(40))

    def interrupt(progress: Progress) -> None:
        if progress.documents >= 20:
            raise KeyboardInterrupt

    options: Any = {"checkpoint_s": 0.0, "input_options": SMALL}
    generator = random.Random(victim)
    for case in range(12):
        path = tmp_path / f"kb{case}"
        with pytest.raises(KeyboardInterrupt):
            build(source, path, on_progress=interrupt, **options)
        file = path / "partial" / victim
        data = bytearray(file.read_bytes())
        if case == 0:
            file.unlink()
        elif case == 1:
            file.write_bytes(data[: len(data) // 2])
        else:
            data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
            file.write_bytes(data)
        with build(source, path, **options) as index:
            assert_index_is(index, documents(40), QUERIES[:1])

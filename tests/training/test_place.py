"""Where a trained model may go, and what is never replaced."""

import os
import shutil
from pathlib import Path

import pytest

from spaniel.retrieval.errors import InvalidInput
from spaniel.training import lock, place
from spaniel.training.lock import locked
from spaniel.training.place import check_free_bytes, check_place, clear_state, state_of


def trained(folder: Path) -> Path:
    """A folder as an earlier training wrote it."""
    (folder / "training").mkdir(parents=True)
    for name in ("spaniel.json", "modules.json"):
        (folder / name).write_text("{}")
    return folder


def test_a_new_or_empty_folder(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    assert check_place(out, resume=False, overwrite=False) == out
    out.mkdir(parents=True)
    assert check_place(out, resume=False, overwrite=False) == out
    assert state_of(out).name == "out.training"


def test_an_earlier_model_is_replaced_when_asked(tmp_path: Path) -> None:
    out = trained(tmp_path / "out")
    with pytest.raises(InvalidInput, match="is there already") as refused:
        check_place(out, resume=True, overwrite=False)
    assert "--overwrite" in refused.value.hint
    assert check_place(out, resume=False, overwrite=True) == out


def test_nothing_else_is_replaced(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    file = tmp_path / "file"
    file.write_text("x")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere" / "at-all")
    for out in (mine, file):
        with pytest.raises(InvalidInput, match="no trained model"):
            check_place(out, resume=False, overwrite=True)
    assert check_place(link, resume=False, overwrite=False) == tmp_path / "nowhere" / "at-all"
    with pytest.raises(InvalidInput, match="file is no folder"):
        check_place(file / "out", resume=False, overwrite=False)
    with pytest.raises(InvalidInput, match="is empty"):
        check_place("", resume=False, overwrite=False)
    with pytest.raises(InvalidInput, match="root of a file system"):
        check_place("/", resume=False, overwrite=True)


def test_not_in_an_index(tmp_path: Path) -> None:
    for out in (tmp_path / "kb", tmp_path / "kb" / "model"):
        with pytest.raises(InvalidInput, match="lies in the index"):
            check_place(out, resume=False, overwrite=True, indexes=[tmp_path / "kb"])
    check_place(tmp_path / "kb-model", resume=False, overwrite=False, indexes=[tmp_path / "kb"])


def test_what_an_interrupted_training_left(tmp_path: Path) -> None:
    out = tmp_path / "out"
    state_of(out).mkdir()
    with pytest.raises(InvalidInput, match=r"its state is in out\.training") as refused:
        check_place(out, resume=False, overwrite=False)
    assert "--resume" in refused.value.hint and "--overwrite" in refused.value.hint
    check_place(out, resume=True, overwrite=False)
    check_place(out, resume=False, overwrite=True)
    clear_state(out)
    assert not state_of(out).exists()
    clear_state(out)
    state_of(out).write_text("a file of somebody else")
    with pytest.raises(InvalidInput, match="no folder of a training"):
        clear_state(out)


def test_what_another_process_trains_is_not_thrown_away(tmp_path: Path) -> None:
    out = tmp_path / "out"
    state = state_of(out)
    holder = locked(state)
    (state / "checkpoint-000001.json").touch()
    for resume, overwrite in [(False, False), (True, False), (False, True)]:
        with pytest.raises(InvalidInput, match="another process is training here"):
            check_place(out, resume=resume, overwrite=overwrite)
    with pytest.raises(InvalidInput, match="another process is training here"):
        clear_state(out)
    assert (state / "checkpoint-000001.json").exists()
    os.close(holder)
    check_place(out, resume=False, overwrite=True)
    clear_state(out)
    assert not state.exists()


def test_a_lock_that_was_removed_meanwhile_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the opening of the lock and its taking, the process that held it removes the folder."""
    state = state_of(tmp_path / "out")
    first = locked(state)
    real, calls = lock.fcntl.flock, []

    def flock(descriptor: int, how: int) -> None:
        if not calls:
            calls.append(how)
            shutil.rmtree(state)
            os.close(first)
        real(descriptor, how)

    monkeypatch.setattr(lock.fcntl, "flock", flock)
    again = locked(state)
    with pytest.raises(InvalidInput, match="another process is training here"):
        locked(state)
    os.close(again)
    os.close(locked(state))


def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_free_bytes(tmp_path / "not" / "yet", 1)
    monkeypatch.setattr(place.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 2_000_000_000})())
    with pytest.raises(InvalidInput, match=r"up to 3\.5 GB, and 2\.0 GB are free"):
        check_free_bytes(tmp_path, 3_500_000_000)

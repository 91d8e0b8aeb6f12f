"""Where a trained model may go, and what is never replaced."""

import os
import shutil
from pathlib import Path

import pytest

from spaniel.models.towers import towers_json
from spaniel.retrieval.errors import InvalidInput
from spaniel.training import lock, place
from spaniel.training.lock import locked
from spaniel.training.place import check_free_bytes, check_place, clear_state, state_of


def trained(folder: Path) -> Path:
    """A folder as an earlier training wrote it."""
    for name in ("training/run.json", "modules.json", "onnx/passage/spaniel.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    (folder / "spaniel.json").write_text(towers_json(folder, codes=None, trained_from={}))
    return folder


def unfinished(out: Path) -> Path:
    """What an interrupted training left."""
    state_of(out).mkdir(parents=True, exist_ok=True)
    for name in ("lock", "checkpoint-000001.json", "model-000001.safetensors", "record-000002.safetensors.tmp"):
        (state_of(out) / name).touch()
    return state_of(out)


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
    check_place(out, resume=False, overwrite=False)  # no checkpoint: nothing to go on with
    unfinished(out)
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


def test_what_lies_in_a_trained_folder_and_is_not_of_it_is_kept(tmp_path: Path) -> None:
    """An index that is trained against, a start, notes: a folder with such a thing is not replaced, and it is named."""
    out = trained(tmp_path / "out")
    check_place(out, resume=False, overwrite=True)
    for name in ("kb/manifest.json", "onnx/passage/notes.txt"):
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("mine")
        with pytest.raises(InvalidInput, match=f"holds {name}, which training did not write"):
            check_place(out, resume=False, overwrite=True, indexes=[out / "kb"])
        (out / name).unlink()
    (out / "link").symlink_to(tmp_path)
    with pytest.raises(InvalidInput, match="holds link"):
        check_place(out, resume=False, overwrite=True)
    (out / "link").unlink()
    for start in (out, out / "onnx" / "passage"):
        with pytest.raises(InvalidInput, match="is where training starts from"):
            check_place(out, resume=False, overwrite=True, model=str(start))
    check_place(out, resume=False, overwrite=True, model="minilm")
    (out / "spaniel.json").write_text("{}")
    with pytest.raises(InvalidInput, match=r"training did not write"):
        check_place(out, resume=False, overwrite=True)


def test_a_folder_of_somebody_else_beside_out_is_never_removed(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    state = unfinished(out)
    (state / "judgements.tsv").write_text("precious")
    for resume, overwrite in [(False, False), (True, False), (False, True), (True, True)]:
        with pytest.raises(InvalidInput, match=r"is no folder of a training: it holds judgements\.tsv"):
            check_place(out, resume=resume, overwrite=overwrite)
    with pytest.raises(InvalidInput, match="no folder of a training"):
        clear_state(out)
    assert len(list(state.iterdir())) == 5
    (state / "judgements.tsv").unlink()
    clear_state(out)
    assert not state.exists()


def test_what_goes_on_over_an_older_model(tmp_path: Path) -> None:
    out = trained(tmp_path / "out")
    unfinished(out)
    with pytest.raises(InvalidInput, match="is there already") as refused:
        check_place(out, resume=True, overwrite=False)
    assert refused.value.hint.startswith("--resume --overwrite goes on with what out.training holds")
    check_place(out, resume=True, overwrite=True)


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

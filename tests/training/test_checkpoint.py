"""Checkpoints: what a damaged one, a full disk, another run or a second process does."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from spaniel.retrieval.errors import InvalidInput  # noqa: E402
from spaniel.training.checkpoint import CheckpointFolder  # noqa: E402
from spaniel.training.events import Event  # noqa: E402
from spaniel.training.loop import run  # noqa: E402
from spaniel.training.tensor_file import TensorFile, opened_tensors, tensors_sha256, write_tensors  # noqa: E402

from .small import Small, small_settings, stopped_run, weights  # noqa: E402


def names(state: Path, prefix: str = "") -> list[str]:
    return sorted(path.name for path in state.iterdir() if path.name.startswith(prefix) and path.name != "lock")


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= 0x10
    path.write_bytes(data)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Weights of the run that nothing stopped."""
    method = Small()
    run(method, small_settings(), state=tmp_path_factory.mktemp("whole"))
    return weights(method)


def test_tensors_are_read_as_they_were_written(tmp_path: Path) -> None:
    tensors = {
        "a": torch.arange(6, dtype=torch.float32).reshape(2, 3).T,  # not contiguous
        "empty": torch.zeros(0, 4, dtype=torch.float64),
        "scalar": torch.tensor(3.5, dtype=torch.bfloat16),
        "yes": torch.tensor([True, False]),
        "many": torch.tensor([-1, 1 << 40]),
    }
    file = write_tensors(tmp_path / "x.safetensors", tensors)
    assert file.size_bytes == (tmp_path / "x.safetensors").stat().st_size
    with opened_tensors(tmp_path, file) as reader:
        assert reader.names == set(tensors)
        for name, tensor in tensors.items():
            assert reader.read(name).dtype == tensor.dtype
            assert torch.equal(reader.read(name), tensor)
        with pytest.raises(InvalidInput, match="holds no 'b'"):
            reader.read("b")
        with pytest.raises(InvalidInput, match=r"'a' is torch.float32 \(3, 2\) in it, and torch.float32 \(2, 3\)"):
            reader.copy_to("a", torch.zeros(2, 3))


def test_the_hash_knows_names_and_values_but_no_order() -> None:
    one = {"a": torch.zeros(2), "b": torch.ones(2)}
    assert tensors_sha256(one) == tensors_sha256({"b": torch.ones(2), "a": torch.zeros(2)})
    assert tensors_sha256(one) != tensors_sha256({"a": torch.ones(2), "b": torch.zeros(2)})
    assert tensors_sha256(one) != tensors_sha256({"c": torch.zeros(2), "b": torch.ones(2)})


def test_what_cannot_be_opened_as_tensors(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff" * 64)
    digest = "8667e718294e9e0df1d30600ba3eeb201f764aad2dad72748643e4a285e1d1f7"
    with pytest.raises(InvalidInput, match="cannot be read"), opened_tensors(tmp_path, TensorFile("x", 64, digest)):
        pass
    with pytest.raises(InvalidInput, match="has 64 bytes where 65"), opened_tensors(tmp_path, TensorFile("x", 65, "")):
        pass
    with pytest.raises(InvalidInput, match="SHA-256 differs"), opened_tensors(tmp_path, TensorFile("x", 64, "")):
        pass
    with pytest.raises(InvalidInput, match="cannot be read: No such"), opened_tensors(tmp_path, TensorFile("y", 1, "")):
        pass


def test_two_are_kept_and_the_best_weights(tmp_path: Path) -> None:
    run(Small(), small_settings(checkpoint_every=1, learning_rate=3.0, warmup=0.0), state=tmp_path)
    numbers = [name.removesuffix(".json")[-6:] for name in names(tmp_path, "checkpoint")]
    assert len(numbers) == 2
    bodies = [json.loads((tmp_path / f"checkpoint-{number}.json").read_text())["body"] for number in numbers]
    named = {file["name"] for body in bodies for file in body["files"].values()}
    assert {f"{kind}-{number}.safetensors" for number in numbers for kind in ("model", "optimiser", "record")} <= named
    kept = {*named, *(f"checkpoint-{number}.json" for number in numbers)}
    assert set(names(tmp_path)) == kept


@pytest.mark.parametrize("kind", ["checkpoint", "model", "optimiser", "record"])
@pytest.mark.parametrize("harm", ["flip", "cut", "missing"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_taken(
    tmp_path: Path, uninterrupted: dict[str, bytes], kind: str, harm: str
) -> None:
    stopped_run(tmp_path / "s", 5, checkpoint_every=1)
    newest = tmp_path / "s" / names(tmp_path / "s", kind)[-1]
    if harm == "missing" and kind == "checkpoint":
        newest.write_bytes(b"")
    elif harm == "missing":
        newest.unlink()
    elif harm == "cut":
        newest.write_bytes(newest.read_bytes()[:-3])
    else:
        flip(newest, newest.stat().st_size // 2)
    told: list[Event] = []
    resumed = Small()
    outcome = run(resumed, small_settings(), state=tmp_path / "s", resume=True, on_event=told.append)
    assert weights(resumed) == uninterrupted
    assert outcome.resumed_at == (4,)
    assert [newest.name in one.note for one in told if one.kind == "note"] == [True]


def test_what_does_not_train_is_not_written(tmp_path: Path) -> None:
    stopped_run(tmp_path, 3)
    with CheckpointFolder(tmp_path) as folder:
        files = folder.read(folder.numbers()[0]).files
    with opened_tensors(tmp_path, files["model"]) as reader:
        assert reader.names == {"0.weight", "0.bias", "1.weight", "1.bias", "unused", "never"}
    with opened_tensors(tmp_path, files["optimiser"]) as reader:  # nothing reaches `never`
        wanted = {f"{key}:{name}" for key in ("step", "exp_avg", "exp_avg_sq") for name in MOVED}
        assert reader.names == wanted


MOVED = ("0.weight", "0.bias", "1.weight", "1.bias")


def test_every_byte_of_every_file_is_checked(tmp_path: Path) -> None:
    stopped_run(tmp_path / "s", 3)
    with CheckpointFolder(tmp_path / "s") as folder:
        number = folder.numbers()[0]
        files = folder.read(number).files
    for file in files.values():
        for place in range(0, file.size_bytes, 97):
            flip(tmp_path / "s" / file.name, place)
            with pytest.raises(InvalidInput), opened_tensors(tmp_path / "s", file):
                pass
            flip(tmp_path / "s" / file.name, place)


def test_when_all_are_damaged(tmp_path: Path) -> None:
    stopped_run(tmp_path, 5, checkpoint_every=1)
    for name in names(tmp_path, "model"):
        flip(tmp_path / name, 200)
    with pytest.raises(InvalidInput, match=r"no checkpoint can be read: .*model-0000.*SHA-256") as caught:
        run(Small(), small_settings(), state=tmp_path, resume=True)
    assert "--overwrite" in caught.value.hint


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([1], "its checksum does not fit"),
        ({"format": 2}, "has the format 2; this release reads 1"),
        ({"format": 1}, "is no checkpoint"),
        ({"format": 1, "files": {"model": {"name": "x"}}, "values": {}}, "is no checkpoint"),
        (
            {"format": 1, "files": {"model": {"name": "../x", "size_bytes": 1, "sha256": ""}}, "values": {}},
            "names '../x', which is no file of a checkpoint",
        ),
    ],
)
def test_a_json_that_somebody_else_wrote(tmp_path: Path, body: object, reason: str) -> None:
    text = json.dumps(body, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / "checkpoint-000001.json").write_text(json.dumps({"sha256": digest, "body": body}))
    with CheckpointFolder(tmp_path) as folder, pytest.raises(InvalidInput, match=reason):
        folder.read(1)


@pytest.mark.parametrize(
    ("method", "settings", "what"),
    [
        (lambda: Small(), {"learning_rate": 0.01}, r"settings.learning_rate is 0.01 now and was 0.05"),
        (
            lambda: Small(),
            {"epochs": 3, "seed": 2},
            r"settings.epochs is 3 now and was 2; settings.seed is 2 now and w",
        ),
        (lambda: Small(data="b"), {}, r'data.data is "b" now and was "a"'),
        (lambda: Small(seed=1), {}, r"start_sha256 is"),
        (lambda: Small(n_examples=21), {}, r"questions is 21 now and was 22"),
    ],
)
def test_another_run_is_not_resumed(
    tmp_path: Path, method: Callable[[], Small], settings: dict[str, float], what: str
) -> None:
    stopped_run(tmp_path, 3)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InvalidInput, match=what) as caught:
        run(method(), small_settings(**settings), state=tmp_path, resume=True)
    assert "--overwrite" in caught.value.hint
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_changes_nothing_may_differ(tmp_path: Path) -> None:
    stopped_run(tmp_path, 3)
    assert run(Small(), small_settings(checkpoint_every=2), state=tmp_path, resume=True).resumed_at == (3,)


def test_other_versions_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped_run(tmp_path, 3)
    monkeypatch.setattr("spaniel.training.snapshots.versions", lambda: {"torch": "99"})
    told: list[Event] = []
    run(Small(), small_settings(), state=tmp_path, resume=True, on_event=told.append)
    assert any('torch is "99" now' in one.note for one in told)


def test_an_unfinished_training_is_not_overwritten(tmp_path: Path) -> None:
    stopped_run(tmp_path, 3)
    with pytest.raises(InvalidInput, match="an unfinished training lies there") as caught:
        run(Small(), small_settings(), state=tmp_path)
    assert "--resume" in caught.value.hint


def test_a_folder_without_a_checkpoint_begins_at_the_first_step(tmp_path: Path) -> None:
    told: list[Event] = []
    assert run(Small(), small_settings(), state=tmp_path, resume=True, on_event=told.append).resumed_at == ()
    assert told[0].note.startswith("no checkpoint had been written yet")


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with CheckpointFolder(tmp_path), pytest.raises(InvalidInput, match="another process is training here"):
        CheckpointFolder(tmp_path)
    with CheckpointFolder(tmp_path):
        pass


def test_where_no_folder_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="checkpoints cannot be written there"):
        CheckpointFolder(tmp_path / "file" / "s")


@pytest.mark.parametrize("failing", range(1, 7))
def test_a_full_disk_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uninterrupted: dict[str, bytes], failing: int
) -> None:
    stopped_run(tmp_path / "s", 3)
    copied = tmp_path / "copied"
    shutil.copytree(tmp_path / "s", copied)
    calls = 0

    def fsync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(InvalidInput, match="could not be written: No space left on device") as caught:
            run(Small(), small_settings(), state=tmp_path / "s", resume=True)
    assert "--resume goes on" in caught.value.hint
    # The last fsync of the six comes after the JSON has its name: the failed checkpoint is taken back.
    assert names(tmp_path / "s") == names(copied)
    resumed = Small()
    run(resumed, small_settings(), state=tmp_path / "s", resume=True)
    assert weights(resumed) == uninterrupted

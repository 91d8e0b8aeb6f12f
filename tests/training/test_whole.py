"""A folder that replaces another: a kill at any step leaves the old one or the new one, under its name."""

import subprocess
import sys
from pathlib import Path

import pytest

from spaniel.training import whole
from spaniel.training.place import check_place
from spaniel.training.whole import put_back, whole_folder

WRITER = """
import os, sys
from pathlib import Path
from spaniel.training import whole

target, step, exchange = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "exchange"
seen = 0

def count(event, _):
    global seen
    if event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree") and counting:
        seen += 1
        if seen == step:
            os._exit(9)

counting = False
sys.addaudithook(count)
if not exchange:
    whole._exchanged = lambda one, other: False
counting = True
with whole.whole_folder(target) as folder:
    (folder / "held").write_text("new")
counting = False
"""


def held(folder: Path) -> str:
    return (folder / "held").read_text()


def filled(folder: Path, text: str = "old") -> Path:
    folder.mkdir(parents=True)
    (folder / "held").write_text(text)
    return folder


def test_the_names_are_exchanged_at_once(tmp_path: Path) -> None:
    one, other = filled(tmp_path / "one", "1"), filled(tmp_path / "other", "2")
    if not whole._exchanged(one, other):
        pytest.skip("this file system exchanges no names")
    assert (held(one), held(other)) == ("2", "1")
    with pytest.raises(FileNotFoundError):
        whole._exchanged(one, tmp_path / "none")


@pytest.mark.parametrize("way", ["exchange", "two renames"])
def test_a_kill_at_every_step(tmp_path: Path, way: str) -> None:
    if way == "exchange" and not whole._exchanged(filled(tmp_path / "a"), filled(tmp_path / "b")):
        pytest.skip("this file system exchanges no names")
    missing, found = 0, []
    for step in range(1, 40):
        out = filled(tmp_path / str(step) / "out")
        code = subprocess.run([sys.executable, "-c", WRITER, out, str(step), way], check=False).returncode
        assert code in (0, 9)
        missing += not out.exists()
        assert way == "two renames" or out.exists()
        put_back(out)
        found.append(held(out))
        assert [entry.name for entry in out.parent.iterdir()] == ["out"]
        if code == 0:
            break
    assert found == sorted(found, reverse=True) and set(found) == {"old", "new"}
    assert missing == (way == "two renames")


def test_a_failure_keeps_what_was_there(tmp_path: Path) -> None:
    out = filled(tmp_path / "out")
    with pytest.raises(ZeroDivisionError), whole_folder(out) as folder:
        filled(folder / "deep")
        raise ZeroDivisionError
    assert held(out) == "old" and [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_what_a_kill_left_is_found_before_training(tmp_path: Path) -> None:
    left = filled(tmp_path / ".out.123.old")
    for name in ("spaniel.json", "modules.json", "training"):
        (left / name).touch()
    filled(tmp_path / ".out.123.tmp")
    filled(tmp_path / ".out.more.tmp")
    filled(tmp_path / ".outer.123.old")
    with pytest.raises(ValueError, match="is there already"):
        check_place(tmp_path / "out", resume=False, overwrite=False)
    assert held(tmp_path / "out") == "old"
    assert {entry.name for entry in tmp_path.iterdir()} == {"out", ".out.more.tmp", ".outer.123.old"}


def test_a_folder_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with whole_folder(out) as folder:
        filled(folder / "deep", "new")
        put_back(out)
        assert folder.is_dir()
    assert held(out / "deep") == "new"
    put_back(tmp_path / "none" / "out")

"""Files appear whole or not at all."""

import gzip
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from spaniel.retrieval.atomic import written_whole
from spaniel.retrieval.errors import InvalidInput


@pytest.mark.parametrize("name", ["run.trec", "run.trec.gz"])
def test_appears_at_the_end(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with written_whole(path) as out:
        out.write("één\n")
        assert not path.exists()
    raw = path.read_bytes()
    assert (gzip.decompress(raw) if name.endswith(".gz") else raw).decode() == "één\n"
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), written_whole(path) as out:
        out.write("half")
        raise ZeroDivisionError
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.trec"]


def test_gzip_bytes_are_reproducible(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        with written_whole(tmp_path / name) as out:
            out.write("same\n" * 100)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


@pytest.mark.parametrize("folder", ["nowhere", "file"])
def test_a_missing_folder_is_named(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / folder / "run.trec"
    with pytest.raises(OSError, match=r"No such file|Not a directory") as caught, written_whole(path):
        pytest.fail("the block must not start")
    assert caught.value.filename == str(path)


def test_a_folder_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder"), written_whole(tmp_path):
        pytest.fail("the block must not start")


@pytest.mark.parametrize("name", ["pipe", "pipe.gz"])
def test_a_pipe_is_written_and_stays(tmp_path: Path, name: str) -> None:
    path, got = tmp_path / name, list[bytes]()
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: got.append(path.read_bytes()), daemon=True)
    reader.start()
    with written_whole(path) as out:
        out.write("line\n")
    reader.join(timeout=60)
    assert [gzip.decompress(raw) if name.endswith(".gz") else raw for raw in got] == [b"line\n"]
    assert stat.S_ISFIFO(path.lstat().st_mode)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path, there: bool) -> None:
    target, link = tmp_path / "real" / "run.trec", tmp_path / "link.trec"
    target.parent.mkdir()
    if there:
        target.write_text("before")
    link.symlink_to("real/run.trec")
    with written_whole(link) as out:
        out.write("after")
        assert target.exists() == there
    assert link.is_symlink()
    assert target.read_text() == "after"
    assert [entry.name for entry in target.parent.iterdir()] == ["run.trec"]


def test_stdout_by_name_goes_where_stdout_goes(tmp_path: Path) -> None:
    """Also when that is a file, which must keep what stands in it already."""
    program = "import os; from spaniel.retrieval.atomic import written_whole\nprint('one')\n"
    program += "with written_whole('/dev/stdout') as out: out.write('two\\n')\nprint('three')"
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", program], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "one\ntwo\nthree\n"
    piped = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert piped.stdout == b"one\ntwo\nthree\n"

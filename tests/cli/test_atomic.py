"""Files appear whole or not at all."""

import gzip
from pathlib import Path

import pytest

from spaniel.cli.atomic import written_whole


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


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"), written_whole(tmp_path / "nowhere" / "run.trec"):
        pass

"""`verify`: a whole index passes, and whatever is done to a file, the report names that file."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from crash.forge import forge_manifest
from crash.small_index import add, content, delete, merge

from spaniel.index.check import verify
from spaniel.index.store import begin
from spaniel.retrieval.errors import IndexNotFound, IndexTooNew


@pytest.fixture
def index(tmp_path: Path) -> Path:
    path = tmp_path / "kb"
    for step in (add(1, 2, 3, create=True), add(4), delete(2)):
        step(path, None)
    return path


def test_whole_index(index: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = verify(str(index), on_progress=lambda done, total: seen.append((done, total)))
    assert report.ok and report.problems == () and report.notes == ()
    assert (report.generation, report.n_files) == (3, 6)
    sizes = sum(entry.stat().st_size for entry in index.iterdir() if entry.name != "write.lock")
    assert report.size_bytes == sizes
    done, totals = [done for done, _ in seen], {total for _, total in seen}
    assert done == sorted(done) and totals == {done[-1]}


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(IndexNotFound):
        verify(tmp_path)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


def shorten(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def lengthen(path: Path) -> None:
    os.truncate(path, path.stat().st_size + 1)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def huge(path: Path) -> None:
    os.truncate(path, 1 << 40)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [empty, remove, shorten, lengthen, link, directory, pipe, huge, flip])
@pytest.mark.parametrize("part", ["MANIFEST", "sparse", "passages", "tombstones"])
def test_damage_is_named(index: Path, damage: Callable[[Path], None], part: str) -> None:
    path = next(entry for entry in sorted(index.iterdir()) if entry.name.startswith(part))
    damage(path)
    report = verify(index)
    assert not report.ok
    assert {finding.file for finding in report.problems} == {path.name}
    assert all(finding.reason for finding in report.problems)


def test_all_damage_is_in_one_report(index: Path) -> None:
    damaged = [entry for entry in index.iterdir() if entry.suffix in (".bin", ".sqlite")]
    for path in damaged:
        flip(path)
    assert {finding.file for finding in verify(index).problems} == {path.name for path in damaged}


def test_files_of_another_index(index: Path, tmp_path: Path) -> None:
    """Whole files with the right names and sizes, but not the ones the manifest means."""
    other = tmp_path / "other"
    add(7, 8, 9, create=True)(other, None)
    for name in ("sparse-00000001-0.bin", "passages-00000001-1.sqlite"):
        assert (other / name).stat().st_size == (index / name).stat().st_size
        shutil.copy(other / name, index / name)
        assert [finding.file for finding in verify(index).problems][-1] == name


def test_later_version_is_no_damage(index: Path) -> None:
    (index / "MANIFEST").write_bytes(forge_manifest(b"{}", version=5))
    with pytest.raises(IndexTooNew):
        verify(index)


def test_strays_are_notes(index: Path) -> None:
    (index / "partial").mkdir()
    (index / "README").touch()
    (index / "sparse-00000099-0.bin").touch()
    report = verify(index)
    assert report.ok
    assert {note.file: note.reason.split(";")[0] for note in report.notes} == {
        "README": "is no part of the index",
        "partial": "working files of an unfinished build",
        "sparse-00000099-0.bin": "of an earlier generation or an interrupted write",
    }


def test_writer_that_moves_on_meanwhile_is_no_damage(index: Path) -> None:
    """Two merges while `verify` reads its first file: the others are gone, and the newest generation is whole."""
    writes = [merge, merge]

    def write(done: int, total: int) -> None:
        while writes:
            writes.pop()(index)

    report = verify(index, on_progress=write)
    assert report.ok and report.generation == 5
    assert content(index) == [1, 3, 4]


def test_verify_takes_no_lock(index: Path) -> None:
    with begin(index):
        assert verify(index).ok

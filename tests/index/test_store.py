"""Transactions when nothing breaks, and what they refuse. Breaking them: test_power_loss.py and tests/crash."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spaniel.index.format import ArrayFile, write_arrays
from spaniel.index.fs import RealFS
from spaniel.index.manifest import Manifest, Segment
from spaniel.index.store import Transaction, begin, open_snapshot, read_manifest
from spaniel.retrieval.errors import IndexCorrupt, IndexLocked, IndexNotFound, InvalidInput

EMPTY = Manifest(generation=0, index_id="test", next_ordinal=0)


def add_segment(txn: Transaction, base: Manifest, value: int) -> Manifest:
    """The base with one more segment, whose array holds `value`."""
    arrays = {"x": np.full(3, value, np.int64)}
    entry = write_arrays(txn.fs, txn.fresh_path("sparse"), kind="sparse", meta={}, arrays=arrays)
    segment = Segment(txn.generation, base.next_ordinal, 1, 0, {"sparse": entry})
    return replace(base, next_ordinal=base.next_ordinal + 1, segments=(*base.segments, segment))


def commit_segment(path: Path, value: int, *, create: bool = False) -> Manifest:
    with begin(path, create=create) as txn:
        return txn.commit(add_segment(txn, txn.base or EMPTY, value))


def values(path: Path) -> list[int]:
    """What a reader sees."""

    def load(manifest: Manifest) -> list[int]:
        entries = [segment.files["sparse"] for segment in manifest.segments]
        return [int(ArrayFile.open(path / e.name, kind="sparse", entry=e, verify=True).arrays["x"][0]) for e in entries]

    return open_snapshot(path, load)


def names(path: Path) -> set[str]:
    return {entry.name for entry in path.iterdir()}


def test_commits_build_on_each_other(tmp_path: Path) -> None:
    path = tmp_path / "new" / "kb"
    assert commit_segment(path, 10, create=True).generation == 1
    assert commit_segment(path, 20).generation == 2
    assert values(path) == [10, 20]
    assert read_manifest(str(path)).segments[1].id == 2
    assert names(path) == {"MANIFEST", "write.lock", "sparse-00000001-0.bin", "sparse-00000002-0.bin"}


def test_files_of_the_last_two_generations_stay(tmp_path: Path) -> None:
    commit_segment(tmp_path, 1, create=True)
    for value in (2, 3, 4):
        with begin(tmp_path) as txn:
            assert txn.base is not None
            txn.commit(add_segment(txn, replace(txn.base, segments=()), value))
    assert names(tmp_path) == {"MANIFEST", "write.lock", "sparse-00000003-0.bin", "sparse-00000004-0.bin"}
    assert values(tmp_path) == [4]


def test_leaving_without_commit_changes_nothing(tmp_path: Path) -> None:
    commit_segment(tmp_path, 1, create=True)
    before = names(tmp_path)
    with begin(tmp_path) as txn:
        add_segment(txn, EMPTY, 2)
    with pytest.raises(KeyboardInterrupt), begin(tmp_path) as txn:
        add_segment(txn, EMPTY, 3)
        raise KeyboardInterrupt
    assert names(tmp_path) == before
    assert values(tmp_path) == [1]


def test_numbers_of_crashed_attempts_are_not_used_again(tmp_path: Path) -> None:
    commit_segment(tmp_path, 1, create=True)
    for left_over in ("sparse-00000007-3.bin", "passages-00000009-1.sqlite-journal", "pending-00000008-0.json"):
        (tmp_path / left_over).touch()
    assert commit_segment(tmp_path, 2).generation == 10
    assert names(tmp_path) == {"MANIFEST", "write.lock", "sparse-00000001-0.bin", "sparse-00000010-0.bin"}


def test_files_that_are_not_ours_survive_garbage_collection(tmp_path: Path) -> None:
    commit_segment(tmp_path, 1, create=True)
    (tmp_path / "README").write_text("mine")
    (tmp_path / "sparse-1-0.bin").write_text("mine too")
    commit_segment(tmp_path, 2)
    assert {"README", "sparse-1-0.bin"} < names(tmp_path)


def test_second_writer_is_told_who_writes(tmp_path: Path) -> None:
    commit_segment(tmp_path, 1, create=True)
    with begin(tmp_path), pytest.raises(IndexLocked, match=f"process {os.getpid()} is writing") as caught:
        begin(tmp_path)
    assert caught.value.pid == os.getpid()
    commit_segment(tmp_path, 2)


def test_lock_dies_with_its_process(tmp_path: Path) -> None:
    commit_segment(tmp_path, 1, create=True)
    program = f"import os; from spaniel.index.store import begin; begin({str(tmp_path)!r}); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    assert commit_segment(tmp_path, 2).generation == 2


def test_no_index(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        for attempt in (read_manifest, begin):
            with pytest.raises(IndexNotFound, match="no index at") as caught:
                attempt(path)
            assert "spaniel index build" in caught.value.hint
    assert names(tmp_path) == set()


def test_unfinished_build_is_no_index_and_says_so(tmp_path: Path) -> None:
    with begin(tmp_path, create=True) as txn:
        add_segment(txn, EMPTY, 1)
        txn.partial_path.mkdir()
        with pytest.raises(IndexNotFound) as caught:
            read_manifest(tmp_path)
        assert "unfinished build" in caught.value.hint
        (tmp_path / "write.lock").write_text(f"{os.getppid()}\n")  # as if that were the writer
        with pytest.raises(IndexNotFound) as caught:
            read_manifest(tmp_path)
        assert caught.value.hint == f"process {os.getppid()} is building it: wait for it to end"
    assert names(tmp_path) == {"write.lock", "partial"}
    assert commit_segment(tmp_path, 1, create=True).generation == 1


def test_a_lock_alone_is_no_unfinished_build(tmp_path: Path) -> None:
    with begin(tmp_path, create=True):
        pass
    assert names(tmp_path) == {"write.lock"}
    with pytest.raises(IndexNotFound) as caught:
        read_manifest(tmp_path)
    assert caught.value.hint.startswith("build one")


def test_segment_files_without_manifest_are_a_lost_index(tmp_path: Path) -> None:
    commit_segment(tmp_path, 1, create=True)
    commit_segment(tmp_path, 2)
    (tmp_path / "MANIFEST").unlink()
    (tmp_path / "partial").mkdir()  # of an `add` that was interrupted
    before = names(tmp_path)
    for attempt in (read_manifest, begin, lambda path: begin(path, create=True)):
        with pytest.raises(IndexCorrupt, match=r"segment files but no MANIFEST: sparse-00000001-0\.bin") as caught:
            attempt(tmp_path)
        assert "--overwrite" in caught.value.hint
    assert names(tmp_path) == before
    with begin(tmp_path, create=True, overwrite=True):
        pass  # given up before the commit: the files are as lost as before
    with pytest.raises(IndexCorrupt, match="no MANIFEST"):
        begin(tmp_path, create=True)
    assert names(tmp_path) == before
    with begin(tmp_path, create=True, overwrite=True) as txn:
        txn.commit(add_segment(txn, EMPTY, 3))
    assert values(tmp_path) == [3]
    assert names(tmp_path) == {"MANIFEST", "write.lock", "partial", "sparse-00000003-0.bin"}


def test_a_first_commit_that_died_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    program = f"import os; from spaniel.index.store import begin; t = begin({str(tmp_path)!r}, create=True); "
    program += "t.fresh_path('sparse').touch(); os._exit(9)"
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    assert {"sparse-00000001-0.bin", "sparse-00000002-0.bin"} < names(tmp_path)
    with pytest.raises(IndexNotFound) as caught:
        read_manifest(tmp_path)
    assert "unfinished build" in caught.value.hint
    assert commit_segment(tmp_path, 1, create=True).generation == 3
    assert names(tmp_path) == {"MANIFEST", "write.lock", "sparse-00000003-0.bin"}


def test_build_refuses_a_directory_of_other_things(tmp_path: Path) -> None:
    (tmp_path / "thesis.md").touch()
    with pytest.raises(InvalidInput, match=r"holds 'thesis.md', which is no part of an index"):
        begin(tmp_path, create=True)
    assert names(tmp_path) == {"thesis.md"}


def test_partial_build_stays_until_told(tmp_path: Path) -> None:
    with begin(tmp_path, create=True) as txn:
        txn.partial_path.mkdir()
        (txn.partial_path / "run-0").write_bytes(b"x")
        txn.commit(add_segment(txn, EMPTY, 1))
        assert (tmp_path / "partial" / "run-0").exists()
    commit_segment(tmp_path, 2)
    with begin(tmp_path) as txn:
        assert (tmp_path / "partial" / "run-0").exists()
        txn.discard_partial()
        txn.discard_partial()
    assert not (tmp_path / "partial").exists()


def test_adopting_a_file_of_sqlite(tmp_path: Path) -> None:
    with begin(tmp_path, create=True) as txn:
        path = txn.fresh_path("passages", ".sqlite")
        path.write_bytes(b"123456789")
        journal = Path(f"{path}-journal")
        journal.touch()
        with pytest.raises(InvalidInput, match="close the database first"):
            txn.adopt(path, "passages")
        journal.unlink()
        entry = txn.adopt(path, "passages")
        assert (entry.size_bytes, entry.crc32, entry.kind) == (9, 0xCBF43926, "passages")
        with pytest.raises(InvalidInput, match="not a fresh path"):
            txn.adopt(tmp_path / "MANIFEST", "passages")


@pytest.mark.parametrize(
    ("part", "suffix"), [("../x", ".bin"), ("a/b", ".bin"), ("", ".bin"), ("A", ".bin"), ("a", "")]
)
def test_fresh_paths_stay_inside(tmp_path: Path, part: str, suffix: str) -> None:
    with begin(tmp_path, create=True) as txn, pytest.raises(InvalidInput, match="no name of an index file"):
        txn.fresh_path(part, suffix)


def test_commit_refuses_files_it_does_not_know(tmp_path: Path) -> None:
    first = commit_segment(tmp_path, 1, create=True)
    (entry,) = first.entries()
    stranger = replace(entry, name="sparse-00000001-9.bin")
    changed = replace(entry, crc32=1)
    for wrong in (stranger, changed):
        with begin(tmp_path) as txn, pytest.raises(InvalidInput, match="neither in the index nor made"):
            txn.commit(replace(first, segments=(replace(first.segments[0], files={"sparse": wrong}),)))
    with begin(tmp_path) as txn, pytest.raises(IndexCorrupt, match="is missing"):
        manifest = add_segment(txn, first, 2)
        (tmp_path / manifest.segments[1].files["sparse"].name).unlink()
        txn.commit(manifest)
    assert read_manifest(tmp_path) == first


def test_one_transaction_makes_one_commit(tmp_path: Path) -> None:
    with begin(tmp_path, create=True) as txn:
        txn.commit(EMPTY)
        with pytest.raises(InvalidInput, match="has ended"):
            txn.commit(EMPTY)


def test_reader_moves_on_when_its_files_vanish(tmp_path: Path) -> None:
    """A reader so slow that two commits replaced everything between its reading of the manifest and its mapping."""
    commit_segment(tmp_path, 1, create=True)
    seen: list[int] = []

    def load(manifest: Manifest) -> list[Any]:
        seen.append(manifest.generation)
        if len(seen) == 1:
            for value in (2, 3):
                with begin(tmp_path) as txn:
                    txn.commit(add_segment(txn, EMPTY, value))
        files = [(tmp_path / entry.name, entry) for entry in manifest.entries()]
        return [ArrayFile.open(path, kind="sparse", entry=entry).arrays["x"][0] for path, entry in files]

    assert open_snapshot(tmp_path, load) == [3]
    assert seen == [1, 3]


def test_missing_file_of_the_newest_generation_is_damage(tmp_path: Path) -> None:
    commit_segment(tmp_path, 1, create=True)
    (tmp_path / "sparse-00000001-0.bin").unlink()
    with pytest.raises(IndexCorrupt, match=r"sparse-00000001-0\.bin: is missing"):
        values(tmp_path)


class FailingSync(RealFS):
    """Fails the fsync of that number, counted from 1, and would let a second try pass."""

    def __init__(self, fail_at: int) -> None:
        super().__init__()
        self.left = fail_at

    def sync(self, descriptor: int) -> None:
        self.left -= 1
        if self.left == 0:
            self.sync_error = OSError(5, "Input/output error")
            raise self.sync_error
        super().sync(descriptor)


@pytest.mark.parametrize("fail_at", range(1, 6))
def test_failed_fsync_is_final(tmp_path: Path, fail_at: int) -> None:
    """Data file, directory, pending manifest, directory after the rename: the old state, or the whole new one."""
    commit_segment(tmp_path, 1, create=True)
    fs = FailingSync(fail_at)
    with begin(tmp_path, fs=fs) as txn:
        if fail_at < 5:
            with pytest.raises(OSError, match="Input/output error"):
                txn.commit(add_segment(txn, txn.base or EMPTY, 2))
            with pytest.raises((OSError, InvalidInput)):
                txn.commit(EMPTY)
            with pytest.raises(OSError, match="Input/output error"):
                txn.fs.create(tmp_path / "another")
        else:  # there are only four: the loop has covered them all
            txn.commit(add_segment(txn, txn.base or EMPTY, 2))
    assert values(tmp_path) == ([1] if fail_at < 4 else [1, 2])
    assert commit_segment(tmp_path, 3).segments[-1].id == txn.generation + 1


def test_failing_disk_is_not_taken_for_an_absent_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or else the next commit would start from nothing and drop every segment."""
    commit_segment(tmp_path, 1, create=True)
    original = Path.lstat

    def failing(self: Path) -> os.stat_result:
        if self.name == "MANIFEST":
            raise OSError(5, "Input/output error")
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "lstat", failing)
        with pytest.raises(OSError, match="Input/output error"):
            commit_segment(tmp_path, 2, create=True)
    assert values(tmp_path) == [1]


def test_first_commit_between_two_looks_of_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is absent when the reader opens it, and there a moment later: no index yet, and no damage."""
    original = os.open

    def late(path: Any, *args: Any, **kwargs: Any) -> int:
        if Path(path).name == "MANIFEST" and not Path(path).exists():
            try:
                return original(path, *args, **kwargs)
            finally:
                commit_segment(tmp_path, 1, create=True)
        return original(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", late)
    with pytest.raises(IndexNotFound):
        read_manifest(tmp_path)
    monkeypatch.undo()
    assert values(tmp_path) == [1]

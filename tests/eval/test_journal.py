"""A journal gives back what was wholly written, whatever happened afterwards."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spaniel.eval.cache import cache_folder, digest, open_run
from spaniel.eval.journal import Journal
from spaniel.retrieval.errors import InvalidInput

DEFINITION = {"pipeline": {"b": 0.4, "a": [1, 2]}, "depth": 10}
ARRAYS = {"z": np.arange(5, dtype=np.int32), "a": np.array([0.5, 2.5], np.float32), "none": np.zeros(0, np.float64)}


def write(path: Path, n: int = 3) -> None:
    with Journal(path, DEFINITION) as journal:
        for i in range(n):
            journal.append({"kind": "chunk", "i": i}, ARRAYS)


def read(path: Path) -> list[int]:
    """Numbers of the records found, each checked."""
    with Journal(path, DEFINITION) as journal:
        for record in journal.records:
            assert record.values["kind"] == "chunk"
            assert list(record.arrays) == list(ARRAYS)
            for name, array in ARRAYS.items():
                assert record.arrays[name].dtype == array.dtype
                assert record.arrays[name].tolist() == array.tolist()
        return [record.values["i"] for record in journal.records]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "run")
    assert read(tmp_path / "deep" / "run") == [0, 1, 2]
    with Journal(tmp_path / "deep" / "run", DEFINITION) as journal:
        journal.append({"kind": "chunk", "i": 3}, ARRAYS)
    assert read(tmp_path / "deep" / "run") == [0, 1, 2, 3]


def test_cut_off_anywhere(tmp_path: Path) -> None:
    write(tmp_path / "whole", 2)
    data = (tmp_path / "whole").read_bytes()
    sizes = set()
    for size in range(len(data)):
        path = tmp_path / "run"
        path.write_bytes(data[:size])
        found = read(path)
        assert found == list(range(len(found)))
        sizes.add(len(found))
        # What was cut off is gone: the next record follows the last whole one.
        with Journal(path, DEFINITION) as journal:
            journal.append({"kind": "chunk", "i": len(found)}, ARRAYS)
        assert read(path) == list(range(len(found) + 1))
    assert sizes == {0, 1}


def test_damage_anywhere_ends_what_is_believed(tmp_path: Path) -> None:
    write(tmp_path / "whole", 2)
    data = (tmp_path / "whole").read_bytes()
    for place in range(len(data)):
        path = tmp_path / "run"
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
        assert read(path) in ([], [0])


def test_another_definition_begins_anew(tmp_path: Path) -> None:
    write(tmp_path / "run")
    with Journal(tmp_path / "run", {**DEFINITION, "depth": 11}) as journal:
        assert journal.records == []
    assert read(tmp_path / "run") == []


def test_the_second_writer_works_without(tmp_path: Path) -> None:
    with Journal(tmp_path / "run", DEFINITION) as first:
        first.append({"kind": "chunk", "i": 0}, ARRAYS)
        with Journal(tmp_path / "run", {"other": 1}) as second:
            assert second.shared and second.records == []
            second.append({"kind": "chunk", "i": 7}, ARRAYS)
        first.append({"kind": "chunk", "i": 1}, ARRAYS)
    assert read(tmp_path / "run") == [0, 1]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        Journal(tmp_path / "run", DEFINITION)
    assert not (tmp_path / "elsewhere").exists()


def test_equal_definitions_share_a_file(tmp_path: Path) -> None:
    turned = {"depth": 10, "pipeline": {"a": [1, 2], "b": 0.4}}
    assert digest(DEFINITION) == digest(turned) != digest({**turned, "depth": 9})
    with open_run(tmp_path, DEFINITION) as first:
        first.append({"kind": "chunk", "i": 0})
    with open_run(tmp_path, turned) as second:
        assert second.path == first.path and len(second.records) == 1


def test_where_the_cache_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANIEL_CACHE", str(tmp_path / "a"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert cache_folder(tmp_path / "c") == tmp_path / "c"
    assert cache_folder() == tmp_path / "a"
    monkeypatch.delenv("SPANIEL_CACHE")
    assert cache_folder() == tmp_path / "b" / "spaniel"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "spaniel"


def test_a_journal_that_can_only_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(tmp_path / "a.run", {"a": 1}) as journal:
        journal.append({"n": 1})
    opened = os.open

    def read_only(path: Any, flags: int, *rest: int) -> int:
        if flags & (os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return opened(path, flags, *rest)

    monkeypatch.setattr(os, "open", read_only)
    with Journal(tmp_path / "a.run", {"a": 1}) as journal:
        assert [record.values for record in journal.records] == [{"n": 1}]
        with pytest.raises(InvalidInput, match="Read-only file system") as caught:
            journal.append({"n": 2})
    assert str(tmp_path / "a.run") in str(caught.value) and "--no-cache" in caught.value.hint
    with pytest.raises(InvalidInput, match=r"b\.run: what is missing in this cache"):
        Journal(tmp_path / "b.run", {"a": 1})


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal(tmp_path / "a.run", {"a": 1}) as journal, Path("/dev/full").open("r+b", buffering=0) as full:
        monkeypatch.setattr(journal, "_file", full)
        with pytest.raises(OSError, match=r"No space left on device.*a\.run"):
            journal.append({"n": 1})
        monkeypatch.undo()

"""A disk that is really full, made by a limit on the size of files, at one limit after another until the write fits."""

import contextlib
import resource
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from crash import cut_index, dense_index, real_index
from crash.figures import record
from crash.folders import memory_folder
from crash.small_index import Step, add, content, delete, merge

from spaniel.index.check import verify
from spaniel.index.manifest import generation_of
from spaniel.index.store import read_manifest
from spaniel.retrieval.errors import IndexNotFound, SpanielError


@contextlib.contextmanager
def files_up_to(size_bytes: int) -> Iterator[None]:
    """No file may grow beyond this: the kernel refuses with EFBIG, as it does with ENOSPC on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))  # Python ignores SIGXFSZ
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("name", "step", "after"),
    [
        ("add", add(*range(10, 210)), [1, 2, 3, *range(10, 210)]),
        ("delete", delete(2), [1, 3]),
        ("optimize", merge, [1, 2, 3]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_full_disk(tmp_path: Path, name: str, step: Step, after: list[int]) -> None:
    path, refused = tmp_path / "kb", 0
    for first in (add(1, 2, create=True), add(3)):
        first(path, None)
    for limit in range(0, 1 << 20, 128):  # pragma: no branch
        try:
            with files_up_to(limit):
                step(path, None)
            break
        except (OSError, sqlite3.Error):
            refused += 1
            assert content(path) == [1, 2, 3]
            assert verify(path).ok
            assert verify(path).notes == (), "the failed write has left something"
    assert content(path) == after
    assert verify(path).ok
    assert refused >= 4
    record("full disk", write=name, refused=refused, wrong=0)


@pytest.mark.crash
@pytest.mark.parametrize("module", [real_index, cut_index, dense_index], ids=["real", "cut", "dense"])
@pytest.mark.parametrize("name", ["build", "add", "delete", "optimize", "add-dense"])
def test_full_disk_under_a_real_write(module: ModuleType, name: str) -> None:
    """Working files of a build may stay, so that the same command can go on when there is room again."""
    if name not in module.WRITES:
        pytest.skip("this index has no dense parts")
    write, refused = module.WRITES[name], 0
    with memory_folder() as folder:
        path = folder / "kb"
        write.prepare(path)
        before = real_index.content(path) if path.exists() else None
        for limit in range(0, 1 << 20, 1024):  # pragma: no branch
            try:
                with files_up_to(limit):
                    write.run(path)
                break
            except (OSError, SpanielError):
                refused += 1
                if before is None:
                    with pytest.raises(IndexNotFound):
                        real_index.content(path)
                    continue
                assert real_index.content(path) == before
                assert verify(path).ok
                assert {note.file for note in verify(path).notes} <= {"partial", *left_of_before(path)}
        assert (real_index.content(path) == before) == (name == "optimize")
        assert verify(path).ok
    assert refused >= 2
    record("full disk", write=f"{module.__name__} {name}", refused=refused, wrong=0)


def left_of_before(path: Path) -> set[str]:
    """Files of the generation before this one, which stay for readers; what a failed write made has a higher number."""
    generation = read_manifest(path).generation
    return {entry.name for entry in path.iterdir() if (generation_of(entry.name) or generation + 1) <= generation}

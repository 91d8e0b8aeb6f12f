"""Commands on a disk that fails: at every step, the index is as it was, and the next command works."""

import errno
import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from spaniel.index import fs as fs_module
from spaniel.index.build import add, build
from spaniel.index.edit import delete
from spaniel.index.index import open_index
from spaniel.index.optimize import optimize
from spaniel.index.passages import PassageWriter
from spaniel.index.store import read_manifest
from spaniel.retrieval.errors import IndexNotFound
from spaniel.retrieval.types import Document

from .index_checks import assert_index_is

QUERIES = ["dog", "cat zebra", "number3"]
BEFORE = [Document(f"d{i}", f"number{i} dog" + " cat" * (i % 3)) for i in range(6)]
MORE = [Document(f"m{i}", f"zebra number{i}") for i in range(3)] + [Document("d3", "a newer dog")]
UPDATED = [document for document in BEFORE if document.id != "d3"] + MORE


def command_of(name: str) -> tuple[Callable[[Path], object], list[Document]]:
    """(command, documents alive after it)."""
    match name:
        case "build":
            return lambda path: build(MORE, path, overwrite=True).close(), MORE
        case "add":
            return lambda path: add(MORE, path, on_duplicate="replace").close(), UPDATED
        case "delete":
            return lambda path: delete(path, ["d1", "d4"]), [d for d in BEFORE if d.id not in ("d1", "d4")]
        case _:
            return lambda path: optimize(path, reorder=True), BEFORE


def failing(patch: pytest.MonkeyPatch, at: int, code: int) -> Callable[[], bool]:
    """Make the `at`th step on disk fail; the result tells whether it was reached. Removing files never fails here:
    it happens after the commit, or while giving up."""
    count = 0

    def wrap(method: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **options: object) -> object:
            nonlocal count
            count += 1
            if count == at:
                raise OSError(code, os.strerror(code), "somewhere")
            return method(*args, **options)

        return step

    for owner, names in (
        (fs_module.RealFile, ("pwrite", "fsync")),
        (fs_module.RealFS, ("mkdir", "create", "adopt", "rename", "fsync_dir")),
        (PassageWriter, ("add_many", "commit", "finish")),
    ):
        for name in names:
            patch.setattr(owner, name, wrap(getattr(owner, name)))
    return lambda: count >= at


@pytest.mark.slow
@pytest.mark.parametrize("name", ["build", "add", "delete", "optimize"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_every_step_fails_once(tmp_path: Path, name: str, code: int) -> None:
    command, after = command_of(name)
    at, failures, visible = 0, 0, 0
    while True:
        at += 1
        path = tmp_path / f"kb{at}"
        build(BEFORE, path).close()
        with pytest.MonkeyPatch.context() as patch:
            reached = failing(patch, at, code)
            try:
                command(path)
            except OSError as error:
                assert error.errno == code
                failures += 1
            else:
                assert not reached()
        committed = read_manifest(path).generation > 1
        visible += committed and reached()
        with open_index(path) as index:
            assert_index_is(index, after if committed else BEFORE, QUERIES[:1])
        if not committed:
            command(path)
        with open_index(path) as index:
            assert_index_is(index, after, QUERIES)
            assert not (path / "partial").exists() or name in ("delete", "optimize") or visible
        if not reached():
            break
    assert failures == at - 1 and failures >= 10
    assert visible == 1  # only the very last fsync of the directory may fail after the new generation is there


def test_a_first_build_that_fails_leaves_no_index(tmp_path: Path) -> None:
    for at in range(1, 12):
        path = tmp_path / f"kb{at}"
        with pytest.MonkeyPatch.context() as patch, pytest.raises(OSError, match="No space"):
            failing(patch, at, errno.ENOSPC)
            build(MORE, path)
        with pytest.raises(IndexNotFound):
            open_index(path)
        with build(MORE, path) as index:
            assert_index_is(index, MORE, QUERIES)


def test_a_full_disk_under_sqlite_is_an_error_of_the_system(tmp_path: Path) -> None:
    """A real limit on file size, in a child; SQLite meets it, and the caller sees what any file would give."""
    child = os.fork()
    if child == 0:
        verdict = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
            build([Document(f"d{i}", f"word{i} " * 500) for i in range(2000)], tmp_path / "kb")
        except OSError as error:
            verdict = 0 if error.errno in (errno.EIO, errno.ENOSPC, errno.EFBIG) else 2
        finally:
            os._exit(verdict)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    with pytest.raises(IndexNotFound):
        open_index(tmp_path / "kb")
    with build(MORE, tmp_path / "kb") as index:
        assert_index_is(index, MORE, QUERIES)

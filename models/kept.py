"""Exports kept in the cache folder: made when they are not there, and made anew when they are not whole."""

import errno
import fcntl
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from spaniel.retrieval.errors import ModelError

from .folder import ModelFolder, read_folder
from .identity import folder_identity

__all__ = ["kept_export"]

_log = logging.getLogger(__name__)
_MAKING = Lock()
_OWN: dict[Path, tempfile.TemporaryDirectory[str]] = {}


def kept_export(out: Path, make: Callable[[Path], None], *, format: int, graph: str, cache: Path) -> ModelFolder:
    """The export `out`, made by one process at a time.

    Args:
        out: a folder in the cache, whose name tells everything that decides what is in it.
        make: writes the export into the folder it is given, which is not there.
        format: of the manifest; an export of another is made anew.
        graph: name of the graph that is wanted.
        cache: where hashes of files are remembered.

    Raises:
        ModelError: it cannot be made, or not be kept. Where the cache cannot be written, the process makes one of its
            own, which goes when it ends.
    """
    try:
        with _alone(out):
            if (found := _whole(out, format, graph, cache)) is not None:
                return found
            shutil.rmtree(out, ignore_errors=True)
            make(out)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return _whole(out, format, graph, cache) or _own(out, make)
        failed = ModelError(f"{out}: the graph cannot be kept there ({error.strerror})")
        failed.hint = "name another folder with SPANIEL_CACHE, or make room"
        raise failed from error
    return read_folder(out)


def _own(out: Path, make: Callable[[Path], None]) -> ModelFolder:
    """An export that this process keeps for itself."""
    with _MAKING:
        if out not in _OWN:
            _log.warning("%s cannot be written: this process makes the model's graph for itself", out.parent)
            holder = tempfile.TemporaryDirectory(prefix="spaniel-model-")
            make(Path(holder.name) / "graph")
            _OWN[out] = holder  # removed when the process ends
        return read_folder(Path(_OWN[out].name) / "graph")


def _whole(out: Path, format: int, graph: str, cache: Path) -> ModelFolder | None:
    """The export in `out`, if each of its files is what was written, the graph among them, and by this version."""
    try:
        found = read_folder(out)
        folder_identity(found, cache, "onnx")
    except ModelError:
        return None
    manifest = found.exported
    return found if manifest is not None and manifest.format == format and graph in manifest.files else None


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """One process at a time makes an export."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.with_name(f".{out.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

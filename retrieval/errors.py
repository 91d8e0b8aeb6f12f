"""Every error a caller can meet.

    SpanielError
    ├── IndexNotFound(path)              also FileNotFoundError
    ├── IndexCorrupt(path, reason)       a damaged or foreign file, by name
    ├── IndexTooNew(path, found, supported)
    ├── IndexTooOld(path, found, supported)
    ├── IndexLocked(path, pid)           another process is writing
    ├── InvalidInput(where, what)        also ValueError: records, options, arguments
    ├── InvalidQuery(what)               also ValueError
    ├── LimitExceeded(name, value, limit)  also ValueError
    ├── MissingExtra(package, extra)     also ImportError
    └── ModelError(what)

A message says what happened, with which value, and what to do.
"""

import importlib
import shlex
from pathlib import Path
from types import ModuleType

__all__ = [
    "IndexCorrupt",
    "IndexLocked",
    "IndexNotFound",
    "IndexTooNew",
    "IndexTooOld",
    "InvalidInput",
    "InvalidQuery",
    "LimitExceeded",
    "MissingExtra",
    "ModelError",
    "SpanielError",
    "require",
]


class SpanielError(Exception):
    """Root of the tree; `hint` is what the user can do next, empty when the message says it all."""

    hint: str = ""


class IndexNotFound(SpanielError, FileNotFoundError):
    """No index at this path."""

    def __init__(self, path: str | Path, hint: str = "build one with `spaniel index build SOURCE INDEX`") -> None:
        super().__init__(f"no index at {path}")
        self.path, self.hint = Path(path), hint

    def __str__(self) -> str:
        return f"no index at {self.path}"


class IndexCorrupt(SpanielError):
    """A file of the index is damaged, missing, truncated or not ours."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path, self.reason = Path(path), reason
        index = shlex.quote(str(self.path if self.path.is_dir() else self.path.parent))
        self.hint = f"run `spaniel index verify {index}` for the whole list; restore the file or rebuild the index"


class IndexTooNew(SpanielError):
    """Written by a later version."""

    hint = "upgrade spaniel"

    def __init__(self, path: str | Path, found: int, supported: int) -> None:
        super().__init__(f"{path}: format version {found}, this release reads up to {supported}")
        self.path, self.found, self.supported = Path(path), found, supported


class IndexTooOld(SpanielError):
    """Written by a version this release no longer reads."""

    hint = "rebuild the index from its source"

    def __init__(self, path: str | Path, found: int, supported: int) -> None:
        super().__init__(f"{path}: format version {found}, this release reads from {supported}")
        self.path, self.found, self.supported = Path(path), found, supported


class IndexLocked(SpanielError):
    """Another writer holds the index."""

    hint = "wait for it to end; readers are not affected"

    def __init__(self, path: str | Path, pid: int | None) -> None:
        holder = f"process {pid}" if pid else "another process"
        super().__init__(f"{path}: {holder} is writing to this index")
        self.path, self.pid = Path(path), pid


class InvalidInput(SpanielError, ValueError):
    """A record, option or argument that cannot be used; `where` names it (file:line, function, option)."""

    def __init__(self, where: str, what: str, hint: str = "") -> None:
        super().__init__(f"{where}: {what}")
        self.where, self.what, self.hint = where, what, hint


class InvalidQuery(SpanielError, ValueError):
    """A query that cannot be run."""


class LimitExceeded(SpanielError, ValueError):
    """A bound that protects memory or time."""

    def __init__(self, name: str, value: int | float, limit: int | float) -> None:
        super().__init__(f"{name} is {value}, the limit is {limit}")
        self.name, self.value, self.limit = name, value, limit


class MissingExtra(SpanielError, ImportError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed")
        self.package, self.extra = package, extra
        self.hint = f"pip install 'spaniel[{extra}]'"


class ModelError(SpanielError):
    """A model that cannot be loaded or does not fit the index."""


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional package, or say how to install it.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(module.partition(".")[0], extra) from error

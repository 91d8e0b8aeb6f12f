"""Where what can be made or fetched again is kept: collections, runs, models. The folder may be removed at any time."""

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder(path: str | os.PathLike[str] | None = None) -> Path:
    """The folder given, else `$SPANIEL_CACHE`, else `spaniel` in the user's cache folder (`$XDG_CACHE_HOME`)."""
    if path is not None:
        return Path(path)
    if named := os.environ.get("SPANIEL_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "spaniel"

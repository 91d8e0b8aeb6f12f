"""What our own code is, where its version does not say: in a checkout that is installed to be edited.

Between two releases kernels and rules change under one version number; what was cached under it would be served as if
it came from the code at hand.
"""

import hashlib
import importlib.util
import json
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

__all__ = ["code_fingerprint"]

_FOLDERS = ("retrieval", "models", "index", "rerank", "rag", "eval")
_SUFFIXES = (".py", ".so", ".toml")


@lru_cache(maxsize=8)
def code_fingerprint(*folders: str) -> str | None:
    """The first 16 digits of a SHA-256 over the files of these folders of the package, all that can change a result by
    default; None in an ordinary install, whose version says as much.

    Cost: reads a few megabytes, once a process (measured below 50 ms).
    """
    if not _editable():
        return None
    total = hashlib.sha256()
    for name in folders or _FOLDERS:
        for file in _files(name):
            total.update(f"{name}/{file.name}\0".encode())
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:16]


def _files(name: str) -> list[Path]:
    """Sources and extensions of one folder of the package, in a fixed order."""
    files = {
        path
        for place in _folder_places(name)
        for path in place.rglob("*")
        if path.suffix in _SUFFIXES and path.is_file()
    }
    return sorted(files)


def _folder_places(name: str) -> list[Path]:
    """Where the modules of one folder of the package lie: sources, and what was built from them."""
    found = importlib.util.find_spec(f"spaniel.{name}")
    return [Path(place) for place in (found.submodule_search_locations or ())] if found else []


def _editable() -> bool:
    """Whether the package runs from sources that may change under its version."""
    try:
        origin = distribution("spaniel").read_text("direct_url.json")
    except PackageNotFoundError:
        return True
    return bool(origin and json.loads(origin).get("dir_info", {}).get("editable"))

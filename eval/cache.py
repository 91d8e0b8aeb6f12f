"""Where finished work is kept: runs under `runs/`, by the hash of everything that decides their content.

A cached run is a journal (`journal.py`) whose name is the hash of its definition: collection, index, pipeline, depth,
versions. Equal definitions give equal rankings, so an evaluation that was made before costs nothing, and one that was
interrupted goes on. Indexes built for evaluations lie in the same folder, under `indexes/`; whoever builds them
decides their names.

Left out on purpose: expiry. The folder may be removed at any time.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from spaniel.retrieval.cache import cache_folder
from spaniel.retrieval.types import JSON

from .journal import Journal

__all__ = ["cache_folder", "digest", "open_run"]


def digest(definition: Mapping[str, JSON]) -> str:
    """SHA-256 (hexadecimal) of a definition; the order of keys does not count."""
    return hashlib.sha256(json.dumps(definition, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def open_run(cache: Path, definition: Mapping[str, JSON]) -> Journal:
    """The journal of the run with this definition, begun if need be."""
    return Journal(cache / "runs" / f"{digest(definition)[:32]}.run", definition)

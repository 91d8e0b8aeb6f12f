"""A folder in memory where there is one: thousands of writes wear a disk, and prove nothing more there."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["memory_folder"]


@contextmanager
def memory_folder() -> Iterator[Path]:
    """A temporary folder, removed at the end."""
    parent = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=parent) as name:
        yield Path(name)

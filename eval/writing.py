"""Writing to the cache, which may be read-only (a shared one, a mounted image) or on a full disk."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spaniel.retrieval.errors import InvalidInput

__all__ = ["UNWRITABLE", "writing"]

UNWRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM)
"""What the system says of places that may only be read."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What is done inside writes to this part of the cache; when that is impossible, the error says where.

    Raises:
        InvalidInput: the folder is read-only.
        OSError: anything else, such as a full disk, with a path.
    """
    try:
        yield
    except OSError as error:
        if error.errno in UNWRITABLE:
            what = f"what is missing in this cache cannot be written to it ({error.strerror})"
            raise InvalidInput(str(path), what, "give a folder of your own with --cache DIR, or --no-cache") from error
        if error.errno is not None and error.filename is None:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise

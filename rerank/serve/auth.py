"""Bearer keys: several, one a line of a file, so that one can be taken out of use while others go on.

A given key is compared with each by its SHA-256 and in constant time, and always with all of them, so that the time
it takes says nothing about any. The file is read again on SIGHUP; a file that is wrong then leaves the old keys.
"""

import hmac
import os
import stat
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from spaniel.retrieval.errors import InvalidInput

from .errors import Problem

__all__ = ["Keys"]

_MAX_BYTES = 1 << 20
_MAX_KEYS = 1000
_SHORTEST = 16


class Keys:
    """The keys that may use a server. With no file, everybody may.

    Raises:
        InvalidInput: see `reload`.

    Example:
        >>> Keys(None).allow("")
        True
    """

    def __init__(self, file: str | Path | None) -> None:
        self.file = None if file is None else Path(file)
        self._digests: tuple[bytes, ...] = ()
        if self.file is not None:
            self.reload()

    @property
    def required(self) -> bool:
        """Whether a request needs a key at all."""
        return self.file is not None

    def __len__(self) -> int:
        return len(self._digests)

    def reload(self) -> int:
        """Read the file again; how many keys it holds. Empty lines and lines that begin with # are left out.

        Raises:
            InvalidInput: it cannot be read, others may read or change it, it holds no key, or one that is short or
                not printable ASCII. The keys stay what they were.
        """
        if self.file is None:
            return 0
        lines = [line.strip() for line in _read(self.file).splitlines()]
        keys = [_checked(self.file, number, line) for number, line in enumerate(lines, 1) if line and line[0] != "#"]
        if not 1 <= len(keys) <= _MAX_KEYS:
            raise InvalidInput(str(self.file), f"{len(keys)} keys; there must be 1 to {_MAX_KEYS:,}, one a line")
        self._digests = tuple(sha256(key.encode()).digest() for key in keys)
        return len(keys)

    def allow(self, authorization: str) -> bool:
        """Whether an `Authorization` header holds one of the keys. Cost: O(keys), whichever it is."""
        if not self.required:
            return True
        scheme, _, key = authorization.partition(" ")
        given = sha256(key.strip().encode("utf-8", "surrogateescape")).digest()
        found = False
        for digest in self._digests:
            found |= hmac.compare_digest(digest, given)
        return found and scheme.lower() == "bearer"

    def check(self, headers: Mapping[str, str]) -> None:
        """Raises:
        Problem: 401, where keys are asked for and a request with these headers has none of them.
        """
        given = headers.get("authorization", "")
        if not self.allow(given):
            told = "the key is not known here" if given else "a key is needed"
            hint = "send the header `Authorization: Bearer KEY`"
            raise Problem(401, "Unauthorized", told, hint=hint, headers={"WWW-Authenticate": "Bearer"})


def _read(file: Path) -> str:
    """The text of a file that is nobody else's business."""
    try:
        with file.open("rb") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            if mode & 0o027:  # a group may read it: that is how secrets are mounted into containers
                what = f"its mode is {mode:04o}, so that others may read or change it"
                raise InvalidInput(str(file), what, hint=f"chmod 600 {file}")
            data = stream.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise InvalidInput(str(file), f"more than {_MAX_BYTES:,} bytes; is that a file of keys?")
        return data.decode("ascii")
    except OSError as error:
        raise InvalidInput(str(file), f"cannot be read ({error.strerror})") from error
    except UnicodeDecodeError:
        raise InvalidInput(str(file), "holds bytes outside ASCII") from None


def _checked(file: Path, number: int, key: str) -> str:
    """A key that can be sent in a header and not be guessed; the message never shows it."""
    if any(not "!" <= letter <= "~" for letter in key):
        raise InvalidInput(f"{file}:{number}", "a key holds spaces or control characters")
    if len(key) < _SHORTEST:
        raise InvalidInput(f"{file}:{number}", f"a key of {len(key)} letters; at least {_SHORTEST}")
    return key

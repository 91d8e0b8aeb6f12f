"""Fetch one file over HTTP(S): resumed, limited, checked, and put in its place only when it is right.

What has arrived stays in `NAME.part`; the next attempt asks for the rest with a Range request. A server that
does not know ranges starts over. The checksum of the whole decides, so a part of another version cannot survive.
"""

import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import InvalidInput, LimitExceeded

__all__ = ["OnBytes", "fetch"]

OnBytes = Callable[[int, int | None], None]
_BLOCK_BYTES = 1 << 18
_ATTEMPTS = 3
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never to another scheme: not from https to http, and not to ftp or a file."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(newurl).scheme != urlsplit(req.full_url).scheme:
            raise InvalidInput(req.full_url, f"redirects to another scheme: {newurl}", hint="fetch the file by hand")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(
    url: str,
    target: Path,
    *,
    md5: str | None = None,
    sha256: str | None = None,
    size_bytes: int | None = None,
    max_bytes: int = 8 << 30,
    timeout_s: float = 30.0,
    on_bytes: OnBytes | None = None,
) -> None:
    """Download `url` to `target`.

    Args:
        md5, sha256: checksums of the file, hexadecimal; md5 guards against damage only.
        size_bytes: what the file must have, when known.
        max_bytes: where to stop; a file of that size or more is an error.
        timeout_s: for connecting and for each read.
        on_bytes: called with (bytes so far, bytes in all or None).

    Raises:
        InvalidInput: no connection, an HTTP error, a transfer that breaks off three times at the same place (what has
            arrived is kept for the next call), a wrong size or checksum (what has arrived is removed).
        LimitExceeded: more than `max_bytes`.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise InvalidInput(url, "only http and https are downloaded from")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    have = _size(part)
    in_vain = 0
    while not _transfer(url, part, max_bytes=max_bytes, timeout_s=timeout_s, on_bytes=on_bytes):
        before, have = have, _size(part)
        in_vain = 0 if have > before else in_vain + 1
        if in_vain == _ATTEMPTS:
            raise InvalidInput(
                url,
                f"the transfer broke off {_ATTEMPTS} times at the same place, with {have:,} bytes here",
                hint=f"run the same command again to go on from there ({part})",
            )
    _check(url, part, md5, sha256, size_bytes)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(target)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _transfer(url: str, part: Path, *, max_bytes: int, timeout_s: float, on_bytes: OnBytes | None) -> bool:
    """One request for what is missing; whether the file is now complete."""
    have = _size(part)
    request = urllib.request.Request(url, headers={"User-Agent": "spaniel", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.build_opener(_SameScheme).open(request, timeout=timeout_s) as response:
            start, total = _extent(url, response, have)
            if total is not None and total > max_bytes:
                raise LimitExceeded(f"{url}: bytes", total, max_bytes)
            return _receive(response, part, start=start, total=total, limit=(url, max_bytes), on_bytes=on_bytes)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:  # there is nothing behind what we have: complete, or of another file
            return True
        raise InvalidInput(url, f"the server answers {error.code} {error.reason}") from error
    except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
        if _size(part) > have:
            return False
        raise InvalidInput(url, f"the connection failed ({error!r})", hint="try again, or fetch it by hand") from error
    except urllib.error.URLError as error:
        raise InvalidInput(url, f"cannot be reached ({error.reason})", hint="try again, or fetch it by hand") from error


def _extent(url: str, response: Any, have: int) -> tuple[int, int | None]:
    """(where the answer starts, size of the whole file).

    Raises:
        InvalidInput: a part of the file that was not asked for.
    """
    if response.status == 206:
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != have:
            raise InvalidInput(
                url, f"asked for bytes from {have}, the server sent {response.headers['Content-Range']!r}"
            )
        return have, None if match[3] == "*" else int(match[3])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _receive(
    response: Any, part: Path, *, start: int, total: int | None, limit: tuple[str, int], on_bytes: OnBytes | None
) -> bool:
    """Write the answer behind what is there; whether all of it came."""
    url, max_bytes = limit
    done = start
    with part.open("ab" if start else "wb") as out:
        while block := response.read(_BLOCK_BYTES):
            done += len(block)
            if done > max_bytes:
                raise LimitExceeded(f"{url}: bytes", done, max_bytes)
            out.write(block)
            if on_bytes is not None:
                on_bytes(done, total)
    return total is None or done >= total


def _check(url: str, part: Path, md5: str | None, sha256: str | None, size_bytes: int | None) -> None:
    """Compare what arrived with what is known of it; a file that fails is removed."""
    size = part.stat().st_size
    problem = f"it has {size:,} bytes, {size_bytes:,} were expected" if size_bytes not in (None, size) else ""
    for name, wanted in (("sha256", sha256), ("md5", md5)):
        if wanted is not None and not problem and (found := _digest(part, name)) != wanted.lower():
            problem = f"its {name} is {found}, {wanted} was expected"
    if problem:
        part.unlink()
        raise InvalidInput(
            url, f"what arrived was removed: {problem}", hint="try again; if it stays so, the file has changed"
        )


def _digest(path: Path, name: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.new, name, usedforsecurity=False)).hexdigest()

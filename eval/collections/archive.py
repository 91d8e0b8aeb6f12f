"""Unpack a zip of a collection: whole or not at all, and only inside its folder.

Nothing in the archive is believed before it has been checked: names must stay below the target, there are no links,
and the sizes it declares are limited both in all and against the size of the archive itself (deflate cannot honestly
compress text 200-fold), so that a bomb is refused before anything is written. zipfile holds each file to its size.
"""

import errno
import lzma
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from spaniel.retrieval.errors import InvalidInput, LimitExceeded

__all__ = ["MAX_BYTES", "unpack"]

MAX_BYTES = 64 << 30
_MAX_FILES = 10_000
_MAX_RATIO = 200
_SMALL = 64 << 20  # below this, no ratio is suspicious
_BLOCK_BYTES = 1 << 20
_IGNORED = ("__MACOSX", ".DS_Store")
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)
_IMPOSSIBLE_NAMES = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL)
_HINT = "the archive is damaged, or was made for other systems; fetch it again"


def unpack(archive: Path, target: Path, *, max_bytes: int = MAX_BYTES) -> None:
    """Unpack a zip into `target`, which must not exist; it appears when everything is there.

    A single folder at the top of the archive becomes `target` itself.

    Raises:
        InvalidInput: not a zip, a damaged one, a name that leads out of the folder or that cannot be, a file with the
            name of a folder, a link, an encrypted file.
        LimitExceeded: more files or bytes than allowed, or than the archive can honestly hold.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        with zipfile.ZipFile(archive) as zipped:
            members = _checked(archive, zipped, max_bytes)
            _room_for(sum(member.file_size for member in members), target.parent)
            for member in members:
                _extract(archive, zipped, member, work)
        _root(work).replace(target)
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise InvalidInput(str(archive), f"not a usable zip ({error})", hint="fetch it again") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _checked(archive: Path, zipped: zipfile.ZipFile, max_bytes: int) -> list[zipfile.ZipInfo]:
    """The files to unpack, once every name and size has been looked at."""
    members = [member for member in zipped.infolist() if not member.is_dir() and not _ignored(member.filename)]
    if len(members) > _MAX_FILES:
        raise LimitExceeded(f"{archive}: number of files", len(members), _MAX_FILES)
    seen = set[str]()
    for member in members:
        _check_name(archive, member)
        if member.filename in seen:
            raise InvalidInput(str(archive), f"the file {member.filename!r} stands in it twice")
        seen.add(member.filename)
    total, packed = sum(member.file_size for member in members), archive.stat().st_size
    limit = min(max_bytes, max(_SMALL, _MAX_RATIO * packed))
    if total > limit:
        raise LimitExceeded(f"{archive}: bytes it would unpack to", total, limit)
    return members


def _ignored(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and (parts[0] == _IGNORED[0] or parts[-1] == _IGNORED[1])


def _check_name(archive: Path, member: zipfile.ZipInfo) -> None:
    """A plain relative path below the folder, of a plain file."""
    name = member.filename
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name or not path.parts
    kind = stat.S_IFMT(member.external_attr >> 16)
    if outside or kind not in (0, stat.S_IFREG):
        what = "a path that leads out of the folder" if outside else "not a plain file"
        raise InvalidInput(str(archive), f"{name!r} is {what}; nothing was unpacked", hint="do not use this archive")
    if member.flag_bits & 0x1:
        raise InvalidInput(str(archive), f"{name!r} is encrypted", hint="unpack it yourself and pass the folder")


def _room_for(n_bytes: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if n_bytes > free:
        raise InvalidInput(
            str(folder),
            f"{n_bytes:,} bytes are to be unpacked and {free:,} are free",
            hint="set SPANIEL_CACHE elsewhere",
        )


def _extract(archive: Path, zipped: zipfile.ZipFile, member: zipfile.ZipInfo, work: Path) -> None:
    """Write one file, or say which one cannot be.

    Raises:
        InvalidInput: damaged data, or a name that no file can have here: too long, or that of a folder.
    """
    try:
        _copy(zipped, member, work)
    except (*_DAMAGE, OSError, UnicodeEncodeError) as error:
        # bz2 reports damage as an OSError without a number; a full disk and the like have one and stay what they are.
        if isinstance(error, OSError) and error.errno is not None and error.errno not in _IMPOSSIBLE_NAMES:
            raise
        why = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        raise InvalidInput(str(archive), f"not a usable zip: {member.filename[:80]!r} ({why})", hint=_HINT) from error


def _copy(zipped: zipfile.ZipFile, member: zipfile.ZipInfo, work: Path) -> None:
    """zipfile reads no further than the declared size, and a longer one then fails its CRC."""
    path = work / member.filename
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipped.open(member) as source, path.open("xb") as out:
        while block := source.read(_BLOCK_BYTES):
            out.write(block)
        out.flush()
        os.fsync(out.fileno())


def _root(work: Path) -> Path:
    """The folder that is the collection: a single one at the top, or all of it."""
    inside = list(work.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else work

"""Damage every file of a small index in every way we could think of, and see that the damage is named.

Runs as a program of its own, under a limit of memory, so that a crash, a hang or a huge allocation shows from outside:

    python damage.py MODULE INDEX OTHER_INDEX EVERY PART PARTS

MODULE has `content(path)`, what a reader sees. OTHER_INDEX has the same shape with other content. EVERY thins out the
flips (1: all of them). Prints one line of JSON: cases by kind, how many were found at opening, and those that went
wrong.
"""

import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from spaniel.index.check import damage_of, verify
from spaniel.index.layout import read_header
from spaniel.index.manifest import FileEntry, load_manifest
from spaniel.index.store import MANIFEST_NAME, read_manifest
from spaniel.retrieval.errors import IndexCorrupt, IndexNotFound, IndexTooNew, IndexTooOld

NAMED = (IndexCorrupt, IndexTooNew, IndexTooOld, IndexNotFound)
MANY = ("header or footer byte", "flip of a bit in the body")
FULL_EVERY = 25  # of the cases of which there are many: how many share one run of `verify` over the whole index
SPARE_BYTES = 64 << 20
RANDOM_FLIPS = 1000
TIMEOUT_S = 20
SQLITE_HEADER_BYTES = 100


class Case(NamedTuple):
    """One damage. `apply` gets the path of the file, which is whole; `second` is another file that it damages."""

    kind: str
    detail: str
    apply: Callable[[Path], None]
    second: str = ""


def cases(path: Path, others: list[Path], twin: Path, every: int, seed: int) -> Iterator[Case]:
    """Every damage for one file. others: the other files of the index; twin: the file of this name in another index."""
    data = path.read_bytes()
    head, foot, boundaries = _structure(path, data)
    rng = random.Random(seed)
    edges = [*range(head), *range(foot, len(data))]
    for place in edges[:: 1 if every == 1 else every]:
        byte = data[place]
        for value in sorted({*(byte ^ (1 << bit) for bit in range(8)), 0x00, 0xFF} - {byte}):
            yield Case("header or footer byte", f"byte {place} = {value}", _set(place, value))
    for _ in range(max(RANDOM_FLIPS // every, 10) if foot > head else 0):
        place, bit = rng.randrange(head, foot), rng.randrange(8)
        yield Case("flip of a bit in the body", f"byte {place} bit {bit}", _set(place, data[place] ^ (1 << bit)))
    for size in sorted({near for at in boundaries for near in (at - 1, at, at + 1) if 0 <= near < len(data)}):
        yield Case("truncation", f"to {size} bytes", _resize(size))
    for size in (len(data) + 1, len(data) + 4096, 1 << 40):
        yield Case("extension", f"to {size} bytes", _resize(size))
    for other in others:
        yield Case("swap", f"with {other.name}", _swap(other), other.name)
    if twin.read_bytes() != data:
        yield Case("file of another index", str(twin), _replace_by(twin))
    yield Case("missing", "", Path.unlink)
    for name, make in (("symbolic link", _link), ("directory", _directory), ("pipe", _pipe)):
        yield Case(name, "", make)


def opening(path: Path, damaged: set[str], content: Callable[[Path], Any], right: Any) -> tuple[bool, str | None]:
    """Whether opening and reading named a damaged file, and what is wrong with the outcome (None for nothing).

    Where the damage is not met, or only by numbers that have no other meaning than their value, something is returned.
    A whole manifest of another index is found by what it says of the files: then any name will do.
    """
    try:
        seen = content(path)
    except NAMED as error:
        if error.path.name not in damaged and MANIFEST_NAME not in damaged:
            return False, f"opening names {error.path} instead: {error}"
        return True, None
    except Exception as error:  # noqa: BLE001 - any other error is a finding
        return False, f"opening fails with {type(error).__name__}: {error}"
    return False, None if type(seen) is type(right) else f"a reader sees {seen}"


def verifying(path: Path, damaged: set[str]) -> str | None:
    """What is wrong with the report on the whole index, or None."""
    try:
        report = verify(path)
    except NAMED as error:
        return None if MANIFEST_NAME in damaged else f"verify raises {error}"
    if report.ok:
        return "verify finds nothing"
    files = {finding.file for finding in report.problems}
    return None if files & damaged or MANIFEST_NAME in damaged else f"verify names {sorted(files)} instead"


def checking(file: Path, entry: FileEntry | None) -> str | None:
    """The same for the one file alone, as `verify` checks it: for the many cases that differ in one byte."""
    try:
        if entry is None:
            load_manifest(file)
            return "the manifest is accepted"
        return None if list(damage_of(file, entry)) else "its check finds nothing"
    except NAMED as error:
        return None if error.path == file else f"its check names {error.path}"


def main() -> None:
    module, index, other, every = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    content = importlib.import_module(module).content
    right = content(index)
    assert verify(index).ok
    entries = {entry.name: entry for entry in read_manifest(index).entries()}
    _limit_memory()
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    found_at_open = 0
    files = [index / name for name in sorted([MANIFEST_NAME, *entries])]
    part, parts = int(sys.argv[5]), int(sys.argv[6])
    for number, file in list(enumerate(files))[part::parts]:
        data = file.read_bytes()
        others = [entry for entry in files if entry != file]
        for case in cases(file, others, other / file.name, every, seed=number):
            signal.setitimer(signal.ITIMER_PROF, TIMEOUT_S)  # of its own time: a busy machine is no hang
            signal.alarm(30 * TIMEOUT_S)
            sys.stderr.write(f"{file.name}, {case.kind} {case.detail}\n")  # the last line tells where it died
            case.apply(file)
            damaged, many = {file.name, case.second}, case.kind in MANY
            at_open, problem = opening(index, damaged, content, right)
            if many and counts[case.kind] % FULL_EVERY:
                problem = problem or checking(file, entries.get(file.name))
            else:
                problem = problem or verifying(index, damaged)
            counts[case.kind] += 1
            found_at_open += at_open
            if problem:
                wrong.append(f"{file.name}, {case.kind} {case.detail}: {problem}")
            _restore(file, data, others)
    signal.alarm(0)
    signal.setitimer(signal.ITIMER_PROF, 0)
    assert content(index) == right and verify(index).ok
    tally = {"cases": counts, "found at opening": found_at_open, "files": len(files), "wrong": wrong}
    print(json.dumps(tally))  # noqa: T201


def _structure(path: Path, data: bytes) -> tuple[int, int, list[int]]:
    """Where the header ends, where the footer starts, and places worth cutting at."""
    if path.name == MANIFEST_NAME:
        return len(data), len(data), [0, data.index(b"\n"), len(data) // 2, len(data)]
    if path.suffix != ".bin":
        pages = list(range(0, len(data), max(4096, len(data) // 20)))
        return min(SQLITE_HEADER_BYTES, len(data)), len(data), [*pages, SQLITE_HEADER_BYTES, len(data)]
    descriptor = os.open(path, os.O_RDONLY)
    _, layout = read_header(descriptor, len(data), path)
    os.close(descriptor)
    starts = [offset for _, _, offset in layout.places.values()]
    return min([*starts, layout.footer_offset]), layout.footer_offset, [0, 64, *starts, layout.footer_offset, len(data)]


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _restore(file: Path, data: bytes, others: list[Path]) -> None:
    for other in others:
        if (kept := other.with_name(other.name + ".kept")).exists():
            kept.replace(other)
    if file.is_dir() and not file.is_symlink():
        file.rmdir()
    if file.is_symlink() or file.is_fifo():
        file.unlink()
    file.with_name("elsewhere").unlink(missing_ok=True)
    file.write_bytes(data)


def _set(place: int, value: int) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(place)
            file.write(bytes([value]))

    return apply


def _resize(size: int) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, size)


def _swap(other: Path) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        shutil.copy(other, other.with_name(other.name + ".kept"))
        shutil.copy(path, other)
        shutil.copy(other.with_name(other.name + ".kept"), path)

    return apply


def _replace_by(twin: Path) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(twin.read_bytes()) and None


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


if __name__ == "__main__":
    main()

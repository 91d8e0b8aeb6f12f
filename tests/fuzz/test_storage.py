"""Random bytes with right checksums, as manifest and as header of a file of arrays: an error that names the file, or
a valid file whose arrays all lie inside it. Nothing else, and never an allocation of what the bytes ask for.
"""

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from crash.figures import record
from crash.folders import memory_folder
from crash.forge import forge_arrays, forge_manifest

from spaniel.index.format import ArrayFile, write_arrays
from spaniel.index.fs import RealFS
from spaniel.index.manifest import decode_manifest, encode_manifest
from spaniel.retrieval.errors import IndexCorrupt, IndexTooNew, IndexTooOld

SHORT, LONG = 3_000, 200_000
NAMED = (IndexCorrupt, IndexTooNew, IndexTooOld)

MANIFEST: dict[str, Any] = {
    "generation": 3,
    "index_id": "a-1",
    "next_ordinal": 9,
    "settings": {"k1": 0.9, "fields": {"title": 1.0}},
    "segments": [
        {
            "id": 1,
            "first_ordinal": 0,
            "n_passages": 9,
            "n_deleted": 1,
            "files": {
                part: {"name": f"{part}-00000003-{n}.bin", "size_bytes": 10 + n, "crc32": n, "kind": part}
                for n, part in enumerate(("sparse", "passages", "tombstones"))
            },
        }
    ],
}
HEADER: dict[str, Any] = {
    "kind": "sparse",
    "meta": {"k1": 0.9},
    "arrays": [
        {"name": "x", "dtype": "uint8", "shape": [0], "offset": 0},
        {"name": "y", "dtype": "float64", "shape": [0, 4], "offset": 0},
    ],
}
ODD_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 63, 64, 65, 2**31, 2**32, 2**62, 2**63, 2**64, 10**30, 0.0, -0.0, 1e308, 0.5),
    *("", "x", "../x", "/etc/passwd", "sparse-00000003-0.bin", "uint8", "object", "float64", "\0", "é", "9" * 50),
    *([], [0], [2**62], [2**62, 2**62, 2**62], [-1], {}, {"x": 1}, [[[[[[]]]]]]),
]


def mutated(record: Any, rng: random.Random) -> Any:
    """A copy with one to three places changed: a value replaced, removed, doubled, or put under another key."""
    record = copy.deepcopy(record)
    for _ in range(rng.randint(1, 3)):
        holders = [holder for holder in _holders(record) if holder]
        if not holders:
            break
        holder = rng.choice(holders)
        key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        action = rng.randrange(4)
        if action == 0:
            del holder[key]
        elif action == 1 and isinstance(holder, dict):
            holder[rng.choice(["x", "name", "kind", "files", "sparse", ""])] = holder.pop(key)
        elif action == 2 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        else:
            holder[key] = copy.deepcopy(rng.choice(ODD_VALUES))
    return record


def flipped(data: bytes, rng: random.Random) -> bytes:
    """Some bytes changed, and perhaps the end cut."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed[: rng.randint(1, len(changed))] if rng.random() < 0.2 else changed)


def _holders(record: Any) -> Iterator[Any]:
    if isinstance(record, dict | list):
        yield record
        for value in record.values() if isinstance(record, dict) else record:
            yield from _holders(value)


def some_body(template: Any, rng: random.Random) -> bytes:
    body = json.dumps(mutated(template, rng) if rng.random() < 0.8 else template).encode()
    return flipped(body, rng) if rng.random() < 0.5 else body


def fuzz_manifest(rng: random.Random, folder: Path) -> bool:
    """One try; tells whether it was accepted."""
    version = rng.choice([1, 1, 1, 1, 0, 2, 10**6])
    try:
        manifest = decode_manifest(forge_manifest(some_body(MANIFEST, rng), version), folder / "MANIFEST")
    except NAMED as error:
        assert error.path.name == "MANIFEST"
        return False
    assert decode_manifest(encode_manifest(manifest), folder / "MANIFEST") == manifest
    assert all(Path(entry.name).name == entry.name for entry in manifest.entries())
    return True


def fuzz_header(rng: random.Random, folder: Path) -> bool:
    path = folder / "arrays-00000001-0.bin"
    odd = {"footer_offset": rng.choice([0, 64, 2**40, 2**63])} if rng.random() < 0.1 else {}
    forge_arrays(path, some_body(HEADER, rng), **odd)
    return _opens_or_names(path)


def fuzz_whole_file(rng: random.Random, folder: Path) -> bool:
    """Bytes changed without a right checksum: must always be refused, except when nothing was changed."""
    path, other = folder / "arrays-00000001-0.bin", folder / "arrays-00000002-0.bin"
    if not other.exists():
        arrays = {"x": np.arange(50, dtype=np.uint16), "y": np.ones((3, 4))}
        write_arrays(RealFS(), other, kind="sparse", meta={"k1": 0.9}, arrays=arrays)
    whole = other.read_bytes()
    path.write_bytes(changed := flipped(whole, rng))
    accepted = _opens_or_names(path)
    assert accepted == (changed == whole)
    return accepted


def _opens_or_names(path: Path) -> bool:
    try:
        file = ArrayFile.open(path, kind="sparse", entry=None, verify=True)
    except NAMED as error:
        assert error.path == path
        return False
    assert sum(array.nbytes for array in file.arrays.values()) <= path.stat().st_size
    return True


TARGETS: list[Callable[[random.Random, Path], bool]] = [fuzz_manifest, fuzz_header, fuzz_whole_file]


def fuzz(target: Callable[[random.Random, Path], bool], tries: int) -> None:
    """The seed of a failing try is in its message: `target(random.Random(seed), folder)` repeats it."""
    accepted = 0
    with memory_folder() as folder:
        for seed in range(tries):
            try:
                accepted += target(random.Random(seed), folder)
            except Exception as error:
                raise AssertionError(f"{target.__name__} fails with seed {seed}: {error!r}") from error
    record("fuzz", target=target.__name__, tries=tries, accepted=accepted)
    assert accepted < tries
    assert accepted or target is fuzz_whole_file, "no try was valid: the fuzzer is too wild to reach deep"


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_short(target: Callable[[random.Random, Path], bool]) -> None:
    fuzz(target, SHORT)


@pytest.mark.fuzz
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_long(target: Callable[[random.Random, Path], bool]) -> None:
    fuzz(target, LONG)

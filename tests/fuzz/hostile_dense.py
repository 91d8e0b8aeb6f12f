"""Opens and searches dense parts whose content is random but whose checksums are right, of every kind of store; a
program of its own, because what it looks for is a crash.

    python hostile_dense.py FOLDER FIRST_SEED LAST_SEED [KIND...]

A KIND is that of a store, or `lists`: `binary` with an inverted file.

Prints the seed before each file. Exits with 0 when every file gave results or an error of ours, with 1 and the
traceback at the first that did not; a native fault ends it by a signal.
"""

import copy
import faulthandler
import json
import random
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from spaniel.index.dense.kinds import store_module
from spaniel.index.dense.part import DensePart, Inspected, Target
from spaniel.index.dense.settings import StoreKind, StoreSettings
from spaniel.index.format import ArrayFile, write_arrays
from spaniel.index.fs import RealFS
from spaniel.retrieval.errors import SpanielError

Arrays = dict[str, np.ndarray[Any, Any]]
N, DIMENSION = 700, 20
FAISS_BYTES = ("fitted", "graph")  # half of the time one of these: what a parser reads
LISTED = StoreSettings("binary", lists=8)
ODD_META = [0, -1, 1, 2**16, 2**31, 2**63, 10**30, 1e308, 0.0, None, "x", [], {}, True, [1, 2]]
ODD_FLOATS = [0.0, -1.0, np.nan, np.inf, -np.inf, 3e38, 1e-45]


def originals(folder: Path, kinds: list[str]) -> dict[str, tuple[StoreSettings, dict[str, Any], Arrays]]:
    """Kind -> (store, meta, arrays) of a part of it."""
    vectors = np.random.default_rng(0).standard_normal((N, DIMENSION)).astype(np.float32)
    made = {}
    for number, kind in enumerate(kinds):
        store = LISTED if kind == "lists" else StoreSettings(cast(StoreKind, kind), lists=8 if kind == "ivf" else 0)
        ordinals = np.arange(5, 5 + 2 * N, 2, dtype=np.uint32)
        target = Target(RealFS(), folder / f"dense-{kind}-{number:08d}-0.bin", store, DIMENSION, ordinals)
        file = ArrayFile.open(target.path, kind="dense", entry=store_module(store.kind).write(target, vectors, None))
        made[kind] = (store, json.loads(json.dumps(dict(file.meta))), {k: v.copy() for k, v in file.arrays.items()})
    return made


def damaged(meta: dict[str, Any], arrays: Arrays, rng: random.Random) -> tuple[dict[str, Any], Arrays]:
    """A copy with one to three arrays, or now and then the meta data, changed."""
    meta, arrays = copy.deepcopy(meta), dict(arrays)
    for _ in range(rng.randint(1, 3)):
        if rng.random() < 0.1:
            inside = meta["store"] if rng.random() < 0.4 and isinstance(meta.get("store"), dict) else meta
            inside[rng.choice(list(inside))] = rng.choice(ODD_META)
            continue
        parsed = [name for name in FAISS_BYTES if name in arrays and arrays[name].size]
        usable = parsed if parsed and rng.random() < 0.5 else [name for name in arrays if arrays[name].size]
        name = rng.choice(usable)
        arrays[name] = rng.choice([_values, _values, _noise, _resized])(arrays[name].copy(), rng)
    return meta, arrays


def _values(array: np.ndarray[Any, Any], rng: random.Random) -> np.ndarray[Any, Any]:
    flat = array.reshape(-1)
    for _ in range(rng.choice([1, 1, 3, 50])):
        place = rng.randrange(min(flat.size, rng.choice([64, 4096, flat.size])))
        if array.dtype.kind == "f":
            flat[place] = rng.choice(ODD_FLOATS)
        else:
            low, high = int(np.iinfo(array.dtype).min), int(np.iinfo(array.dtype).max)
            flat[place] = rng.choice([0, 1, high, low, high - 1, rng.randint(low, high)])
    return array


def _noise(array: np.ndarray[Any, Any], rng: random.Random) -> np.ndarray[Any, Any]:
    """A stretch of random bytes."""
    data = array.reshape(-1).view(np.uint8)
    start = rng.randrange(data.size)
    stretch = data[start : start + rng.choice([1, 8, 100, data.size])]
    stretch[:] = np.random.default_rng(rng.randrange(1 << 30)).integers(0, 256, len(stretch))
    return array


def _resized(array: np.ndarray[Any, Any], rng: random.Random) -> np.ndarray[Any, Any]:
    """Other sizes than it has to have."""
    match rng.randrange(4):
        case 0:
            return array[: rng.randrange(len(array))]
        case 1:
            return np.concatenate([array, array[: rng.randint(1, len(array))]])
        case 2:
            return array.reshape(-1)
        case _:
            return array.astype(rng.choice([np.uint8, np.int64, np.float32, np.float64]), casting="unsafe")


def search(part: DensePart) -> None:
    """Everything a reader asks of a part; what comes back must be rows that there are."""
    rng = np.random.default_rng(1)
    queries = rng.standard_normal((3, part.dimension)).astype(np.float32)
    for allowed in (None, rng.random(part.n_passages) < 0.5, rng.random(part.n_passages) < 0.01):
        for k in (1, 10, 2 * N):
            for query, found in zip(queries, part.scan(queries, k, allowed), strict=True):
                rows = found.rows
                assert len(rows) == len(found.scores) <= min(k, part.n_passages)
                assert not len(rows) or 0 <= rows.min() <= rows.max() < part.n_passages
                assert len(np.unique(rows)) == len(rows)
                assert allowed is None or allowed[rows].all()
                part.rescore(query, rows[:5])
                part.vectors(rows[:5])


def tried(folder: Path, store: StoreSettings, meta: dict[str, Any], arrays: Arrays) -> None:
    path = folder / "dense-x-00000001-1.bin"
    path.unlink(missing_ok=True)
    write_arrays(RealFS(), path, kind="dense", meta=meta, arrays=arrays)
    try:
        part = store_module(store.kind).open(ArrayFile.open(path, kind="dense", entry=None), store)
        search(part)
        if isinstance(part, Inspected):
            part.check()
    except SpanielError:
        return


def main() -> int:
    faulthandler.enable()
    warnings.simplefilter("ignore")  # of numbers that are none
    folder, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    whole = originals(folder, sys.argv[4:] or [*get_args(StoreKind), "lists"])
    for seed in range(first, last):
        print(seed, flush=True)  # noqa: T201
        rng = random.Random(seed)
        store, meta, arrays = whole[rng.choice(list(whole))]
        try:
            tried(folder, store, *damaged(meta, arrays, rng))
        except Exception:  # noqa: BLE001
            sys.stderr.write(f"{store.kind}, seed {seed}\n{traceback.format_exc()}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

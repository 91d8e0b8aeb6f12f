"""Opens and searches sparse files whose content is random but whose checksums are right; a program of its own, because
what it looks for is a crash.

    python hostile_sparse.py FOLDER FIRST_SEED LAST_SEED

Prints the seed before each file. Exits with 0 when every file gave results or an error of ours, with 1 and the
traceback at the first that did not; a native fault ends it by a signal.
"""

import copy
import faulthandler
import json
import random
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from spaniel.index.analysis import Analyzer, AnalyzerSpec
from spaniel.index.format import ArrayFile, write_arrays
from spaniel.index.fs import RealFS
from spaniel.index.sparse.build import SparseBuilder, merged, postings, write_sparse
from spaniel.index.sparse.explain import explain_score
from spaniel.index.sparse.likelihood import LikelihoodRetriever
from spaniel.index.sparse.retriever import Bm25Retriever
from spaniel.index.sparse.segment import SparseSegment, naming
from spaniel.index.sparse.settings import SparseSettings
from spaniel.retrieval.errors import SpanielError

Arrays = dict[str, np.ndarray[Any, Any]]
POSTINGS = ("list_doc", "list_impact", "rare_doc", "medium_start", "long_start", "long_block_start", "long_block_max",
            "dense_block_max", "dense_impact", "dense_top", "long_top", "medium_top")  # fmt: skip
# Changing only these may end a search with an error, but not change what it finds.
TABLES = ("medium_top", "long_top", "dense_top", "long_block_max", "dense_block_max", "long_block_start",
          "medium_df", "long_df", "dense_df")  # fmt: skip
FIELDS = {"a": 1.0, "b": 2.0}


def corpus(n: int, length: int) -> list[tuple[str, str]]:
    """Zipf-like, so that terms of every class occur."""
    rng = np.random.default_rng(n)
    ids = np.minimum(rng.zipf(1.3, (n, 2, length)) - 1, 1500)
    return [(" ".join(f"t{i}" for i in a), " ".join(f"t{i}" for i in b[: length // 2])) for a, b in ids]


def originals(folder: Path) -> list[tuple[dict[str, Any], Arrays]]:
    """(meta, arrays) of a small segment and of one with several windows and reordered passages."""
    analyzer, config, whole = Analyzer(AnalyzerSpec("whitespace")), SparseSettings(FIELDS), []
    for n, length in ((2500, 30), (70_000, 4)):
        builder = SparseBuilder(analyzer, config)
        builder.add(corpus(n, length))
        ordinals = None if n < 10_000 else np.random.default_rng(1).permutation(n).astype(np.uint32)
        path = folder / f"sparse-{n:08d}-0.bin"
        entry = write_sparse(RealFS(), path, [builder.take_run()], config, n_passages=n, ordinals=ordinals)
        file = ArrayFile.open(path, kind="sparse", entry=entry)
        whole.append((json.loads(json.dumps(dict(file.meta))), {k: v.copy() for k, v in file.arrays.items()}))
        for name in ("rare_doc", "medium_start", "long_start", "dense_top", "exception_doc"):
            assert len(file.arrays[name]) or name == "exception_doc", f"the corpus has no {name}"
    return whole


def damaged(meta: dict[str, Any], arrays: Arrays, rng: random.Random) -> tuple[dict[str, Any], Arrays]:
    """A copy with one to three arrays, or now and then the meta data, changed."""
    meta, arrays = copy.deepcopy(meta), dict(arrays)
    if rng.random() < 0.25:
        name = rng.choice([name for name in TABLES if arrays[name].size])
        arrays[name] = rng.choice(CHANGES)(arrays[name].copy(), rng)
        return meta, arrays
    for _ in range(rng.randint(1, 3)):
        if rng.random() < 0.08:
            _change_meta(meta, rng)
            continue
        # Half of the time what traversals trust: elsewhere most changes are found before a posting is read.
        name = rng.choice(
            [n for n, a in arrays.items() if a.size and a.dtype.kind in "iu" and (n in POSTINGS or rng.random() < 0.5)]
        )
        arrays[name] = rng.choice(CHANGES)(arrays[name].copy(), rng)
    return meta, arrays


def _change_meta(meta: dict[str, Any], rng: random.Random) -> None:
    odd = [
        0,
        -1,
        1,
        2**16,
        2**31,
        2**32,
        2**63,
        10**30,
        1e308,
        0.0,
        None,
        "x",
        [],
        {},
        [1, 2],
        [0, 0],
        [-5, 5],
        [1e-300, 1],
    ]
    meta[rng.choice(list(meta))] = rng.choice(odd)


def _some_values(array: np.ndarray[Any, Any], rng: random.Random) -> np.ndarray[Any, Any]:
    flat, top = array.reshape(-1), np.iinfo(array.dtype).max
    for _ in range(rng.choice([1, 1, 3, 50])):
        near = int(flat[rng.randrange(flat.size)]) + rng.choice([-1, 1, 2, 31, 2048, 32768])
        odd = rng.choice(
            [0, 1, 255, 2047, 2048, 32767, 32768, 65535, top, top - 1, flat.size, near, rng.randrange(top + 1)]
        )
        flat[rng.randrange(flat.size)] = min(max(odd, 0), top)
    return array


def _a_stretch(array: np.ndarray[Any, Any], rng: random.Random) -> np.ndarray[Any, Any]:
    flat, top = array.reshape(-1), np.iinfo(array.dtype).max
    start = rng.randrange(flat.size)
    stop = min(flat.size, start + rng.choice([2, 10, 100, 10_000]))
    match rng.randrange(4):
        case 0:
            flat[start:stop] = rng.choice([0, 1, top])
        case 1:
            flat[start:stop] = np.random.default_rng(rng.randrange(1 << 16)).integers(
                0, top, stop - start, array.dtype, endpoint=True
            )
        case 2:
            flat[start:stop] = flat[start:stop][::-1].copy()
        case _:
            flat[start:stop] = flat[start]
    return array


def _all_shuffled(array: np.ndarray[Any, Any], rng: random.Random) -> np.ndarray[Any, Any]:
    flat = array.reshape(-1)
    flat[:] = np.roll(flat, rng.choice([1, -1, 7, flat.size // 2]))
    return array


def _all_larger(array: np.ndarray[Any, Any], rng: random.Random) -> np.ndarray[Any, Any]:
    array += np.array(rng.choice([1, 2, 16, 128]), array.dtype)
    return array


def _other_size(array: np.ndarray[Any, Any], rng: random.Random) -> np.ndarray[Any, Any]:
    match rng.randrange(4):
        case 0:
            return array[: rng.randrange(len(array) + 1)]
        case 1:
            return np.concatenate([array, array[: rng.randrange(1, len(array) + 1)]])
        case 2:
            return array.reshape(-1)
        case _:
            return array.astype(rng.choice([np.uint8, np.uint16, np.uint32, np.int64, np.float32]))


CHANGES: list[Callable[[np.ndarray[Any, Any], random.Random], np.ndarray[Any, Any]]] = [
    _some_values, _some_values, _some_values, _a_stretch, _a_stretch, _all_shuffled, _all_larger, _other_size,
]  # fmt: skip


def queries(rng: random.Random) -> list[str]:
    """Of one to nine terms, common ones more often."""
    sizes = [rng.randint(1, 9) for _ in range(8)]
    return [
        " ".join(f"t{rng.choice([rng.randrange(5), rng.randrange(100), rng.randrange(1500)])}" for _ in range(n))
        for n in sizes
    ]


def use(path: Path, n: int, rng: random.Random) -> list[Any]:
    """Everything that reads a sparse part; each must end with a result or an error of ours.

    What each search of the BM25 retrievers gave, None for an error.
    """
    analyzer, config = Analyzer(AnalyzerSpec("whitespace")), SparseSettings(FIELDS)
    segment = attempt(lambda: SparseSegment(ArrayFile.open(path, kind="sparse", entry=None, verify=True), 0))
    if segment is None:
        return []
    attempt(lambda: segment.local_of(np.arange(0, n, 97)))
    attempt(lambda: decode(segment))
    asked, found = queries(rng), []
    for knobs in ({"schedule": "windows"}, {"schedule": "blocks"}, {"schedule": "bmp", "superblock": 4}, {}):
        retriever = attempt(lambda knobs=knobs: Bm25Retriever([segment], analyzer, config, **knobs))  # type: ignore[misc]
        if retriever is None:
            return []
        for query in asked:
            for k in (1, 10, 3000):
                found.append(attempt(lambda r=retriever, q=query, k=k: r.search([q], k=k)[0]))  # type: ignore[misc]
        attempt(lambda r=retriever: explain_score(r, "t0 t9 t900", 5))  # type: ignore[misc]
    likely = attempt(lambda: LikelihoodRetriever([segment], analyzer, config))
    if likely is not None:
        attempt(lambda: likely.search(asked, k=10))
    return found


def differs(found: list[Any], right: list[Any]) -> bool:
    """Some search gave other passages or scores than it should have."""
    pairs = [(one, other) for one, other in zip(found, right, strict=False) if one is not None]
    return any(one.ids.tolist() != it.ids.tolist() or one.scores.tobytes() != it.scores.tobytes() for one, it in pairs)


def decode(segment: SparseSegment) -> None:
    """All postings, as `optimize` reads them."""
    with naming(segment.path):
        merger = merged([segment.run(np.arange(segment.n_passages, dtype=np.uint32))])
        merger.vocabulary()
        for _ in postings(merger):
            pass


def attempt(action: Callable[[], Any]) -> Any:
    """The result; None when it ended with an error of ours."""
    try:
        return action()
    except SpanielError:
        return None


def main() -> int:
    faulthandler.enable()
    folder, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    whole = originals(folder)
    path = folder / "sparse-00000001-1.bin"
    for seed in range(first, last):
        sys.stdout.write(f"{seed}\n")
        sys.stdout.flush()
        rng = random.Random(seed)
        original = 0 if rng.random() < 0.85 else 1
        meta, arrays = damaged(*whole[original], rng)
        path.unlink(missing_ok=True)
        write_arrays(RealFS(), path, kind="sparse", meta=meta, arrays=arrays)
        state = rng.getstate()
        try:
            found = use(path, len(arrays["length_code"].reshape(-1)) // 2, rng)
            changed = [name for name, array in arrays.items() if array is not whole[original][1][name]]
            if found and meta == whole[original][0] and set(changed) <= set(TABLES):
                rng.setstate(state)
                right = use(folder / f"sparse-{(2500, 70_000)[original]:08d}-0.bin", 0, rng)
                assert not differs(found, right), f"{changed}: results of tables that contradict the postings"
        except Exception:  # noqa: BLE001
            traceback.print_exc()
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

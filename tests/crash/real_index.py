"""The real writes over a small real index, with what searches find: build (fresh, resumed), add, delete, optimize."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from crash.fork_server import Write

from spaniel.index.build import add, build
from spaniel.index.edit import delete
from spaniel.index.index import open_index
from spaniel.index.input import InputOptions
from spaniel.index.optimize import optimize
from spaniel.index.progress import Progress
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document

__all__ = ["WRITES", "content", "two_indexes"]

WORDS = [
    *("index", "store", "commit", "fsync", "rename", "manifest", "segment", "posting", "block", "window", "impact"),
    *("score", "query", "term", "document", "passage", "reader", "writer", "lock", "crash", "power", "loss", "kill"),
    *("disk", "byte", "checksum", "page", "journal", "merge", "order", "bound", "heap"),
]
QUERIES = ("crash of the writer", "manifest commit", "checksum bytes on disk", "block bound score", "sentinel")
N_DOCUMENTS, BATCH = 60, 20


def documents(first: int, count: int, seed: int = 0) -> list[Document]:
    """Documents whose words follow from their number, some of them in nearly all and some in few."""
    return [
        Document(
            id=f"d{n}",
            text=" ".join(WORDS[(n * step + seed + step) % len(WORDS)] for step in range(1, 12 + n % 7)),
            title=f"About {WORDS[(n + seed) % len(WORDS)]}",
            meta={"year": 2000 + n % 20},
        )
        for n in range(first, first + count)
    ]


def content(path: Path) -> tuple[Any, Any]:
    """(every living document by id, what some queries find, with exact scores)."""
    with open_index(path) as index:
        stored = {}
        for segment in index.passages:
            rows = list(segment.passages.scan())
            alive = segment.living(np.array([ordinal for ordinal, _ in rows], dtype=np.int64))
            kept = [passage for (_, passage), lives in zip(rows, alive, strict=True) if lives]
            stored.update({p.id: (p.title, p.text, dict(p.meta)) for p in kept})
        found = [[(hit.id, hit.score) for hit in index.search(query, k=20)] for query in QUERIES]
    return stored, found


def source(path: Path) -> Path:
    """A file to build from, beside the index; made once, so that an interrupted build knows it again."""
    corpus = path.parent / "corpus.jsonl"
    if not corpus.exists():
        records = [{"_id": d.id, "title": d.title, "text": d.text, **d.meta} for d in documents(0, N_DOCUMENTS)]
        corpus.write_text("".join(json.dumps(record) + "\n" for record in records))
        os.utime(corpus, (1_000_000_000, 1_000_000_000))
    return corpus


def nothing(path: Path) -> None:
    source(path)


def make(path: Path) -> None:
    """Build from the file, with a checkpoint after every batch."""
    build(source(path), path, input_options=InputOptions(batch_records=BATCH), checkpoint_s=0.0).close()


def interrupted(path: Path) -> None:
    """A build that was stopped after its second batch, as by Ctrl-C: one checkpoint stands."""
    source(path)
    calls = 0

    def stop(progress: Progress) -> None:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        options = InputOptions(batch_records=BATCH)
        build(source(path), path, input_options=options, checkpoint_s=0.0, on_progress=stop).close()


def three_segments(path: Path) -> None:
    """An index with a history: three segments, tombstones in two of them."""
    make(path)
    add(documents(N_DOCUMENTS, 25), path).close()
    delete(path, ["d3", "d17", "d61"])
    add(documents(85, 5), path).close()


def grow(path: Path) -> None:
    """Add a segment; some documents take the place of older ones."""
    add([*documents(90, 15), *documents(5, 3, seed=7)], path, on_duplicate="replace").close()


def shrink(path: Path) -> None:
    delete(path, ["d1", "d2", "d70", "d88"])


def tidy(path: Path) -> None:
    optimize(path, reorder=True)


def build_again(path: Path, seen: Any) -> Any:
    """The same command again finishes what was begun, or says that the index is there."""
    try:
        make(path)
    except InvalidInput as error:
        assert seen is not None and "already there" in str(error), error
    return add_one(path, content(path))


def add_one(path: Path, seen: Any) -> Any:
    """One more document, which a query finds and which moves no other's place in the results by text."""
    add([Document("sentinel", "sentinel")], path).close()
    stored, found = content(path)
    assert stored == {**seen[0], "sentinel": ("", "sentinel", {})}
    return stored, found


WRITES = {
    "build": Write(nothing, make, build_again),
    "resumed build": Write(interrupted, make, build_again),
    "add": Write(three_segments, grow, add_one),
    "delete": Write(three_segments, shrink, add_one),
    "optimize": Write(three_segments, tidy, add_one),
}


def two_indexes(folder: Path) -> tuple[Path, Path]:
    """Two indexes of the same history with other words, for the damage sweep."""
    for name, seed in (("index", 0), ("other", 3)):
        build(documents(0, 40, seed), folder / name).close()
        add(documents(40, 10, seed), folder / name).close()
        delete(folder / name, ["d3", "d45"])
    return folder / "index", folder / "other"

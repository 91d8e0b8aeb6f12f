"""The real writes over a small real index, with what searches find: build (fresh, resumed), add, delete, optimize.

`RealIndex` with stores has a dense part of each as well; dense_index.py has the writes that are about these. With
`chunks` its documents are cut into passages; that is cut_index.py.
"""

import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from contracts.toy_encoder import ToyEncoder
from crash.fork_server import Write

from spaniel.index.build import add, build
from spaniel.index.chunking.settings import ChunkSettings
from spaniel.index.dense.add_dense import add_dense
from spaniel.index.dense.settings import StoreSettings
from spaniel.index.edit import delete
from spaniel.index.index import Index, open_index
from spaniel.index.input import InputOptions
from spaniel.index.optimize import optimize
from spaniel.index.progress import Progress
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document

__all__ = ["WRITES", "RealIndex", "content", "document_of", "found_by_vectors", "two_indexes"]

WORDS = [
    *("index", "store", "commit", "fsync", "rename", "manifest", "segment", "posting", "block", "window", "impact"),
    *("score", "query", "term", "document", "passage", "reader", "writer", "lock", "crash", "power", "loss", "kill"),
    *("disk", "byte", "checksum", "page", "journal", "merge", "order", "bound", "heap"),
]
QUERIES = ("crash of the writer", "manifest commit", "checksum bytes on disk", "block bound score", "sentinel")
N_DOCUMENTS, BATCH = 60, 20
ENCODER = ToyEncoder(8)
QUERY_VECTORS = ENCODER.encode(QUERIES, kind="query")


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
    """(every living passage by id, what some queries find by words and in each dense part, with exact scores).

    Of an index of cut documents the texts of these stand beside the passages; None where one is not whole.
    """
    with open_index(path) as index:
        stored: dict[str, Any] = {}
        for segment in index.passages:
            rows = list(segment.passages.scan())
            alive = segment.living(np.array([ordinal for ordinal, _ in rows], dtype=np.int64))
            kept = [passage for (_, passage), lives in zip(rows, alive, strict=True) if lives]
            stored.update({p.id: (p.title, p.text, dict(p.meta)) for p in kept})
            names = dict.fromkeys(p.doc_id for p in kept) if index.passages.cut else ()
            stored.update({document_key(name): index.passages.document_text(name) for name in names})
        rankings = index.bm25(k=20).search(QUERIES)
        found: list[Any] = [list(zip(index.passages.ids(r.ids), r.scores.tolist(), strict=True)) for r in rankings]
        found += [found_by_vectors(index, name) for name in index.dense_names]
        found += [(name, card.query_sha256) for name, card in sorted(index.query_models.items())]
    return stored, found


def document_key(doc_id: str) -> str:
    """Where the text of a document stands in `content`; no passage has such an id."""
    return f"document {doc_id}"


def document_of(key: str) -> str:
    """The id of the document that a key of `content` belongs to."""
    return key.removeprefix("document ").partition("#")[0]


def found_by_vectors(index: Index, name: str) -> list[list[tuple[str, float]]]:
    """(id, score) of the best passages of each query by a dense part's own scores, over all segments."""
    results = []
    for vector in QUERY_VECTORS:
        pairs: list[tuple[float, int]] = []
        for segment in index.passages:
            [best] = segment.dense(name).scan(vector[None], 20, segment.live_rows)
            ordinals = segment.rows.ordinals_of(best.rows)
            pairs += zip((-best.scores).tolist(), ordinals.tolist(), strict=True)
        pairs = sorted(pairs)[:20]
        ids = index.passages.ids([ordinal for _, ordinal in pairs])
        results.append([(name, -score) for name, (score, _) in zip(ids, pairs, strict=True)])
    return results


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


@dataclass(frozen=True)
class RealIndex:
    """The history of an index.

    Attributes:
        stores: name -> store of its dense parts, all of one model; the first comes with the build.
        chunks: how its documents are cut; None for not at all.
    """

    stores: dict[str, StoreSettings] = field(default_factory=dict)
    chunks: ChunkSettings | None = None

    def make(self, path: Path, **options: Any) -> None:
        """Build from the file, with a checkpoint after every batch."""
        options = {
            "input_options": InputOptions(batch_records=BATCH),
            "checkpoint_s": 0.0,
            "chunks": self.chunks,
            **options,
        }
        for name, store in list(self.stores.items())[:1]:
            options |= {"dense": ENCODER, "dense_name": name, "store": store}
        build(source(path), path, **options).close()

    def make_all(self, path: Path, **options: Any) -> None:
        """Build, and add the other dense parts."""
        self.make(path, **options)
        for name, store in list(self.stores.items())[1:]:
            add_dense(path, ENCODER, name=name, store=store).close()

    def interrupted(self, path: Path) -> None:
        """A build that was stopped after its second batch, as by Ctrl-C: one checkpoint stands."""
        calls = 0

        def stop(progress: Progress) -> None:
            nonlocal calls
            calls += 1
            if calls > 2:
                raise KeyboardInterrupt

        with contextlib.suppress(KeyboardInterrupt):
            self.make(path, on_progress=stop)

    def three_segments(self, path: Path) -> None:
        """An index with a history: three segments, tombstones in two of them."""
        self.make_all(path)
        self.add(documents(N_DOCUMENTS, 25), path)
        delete(path, ["d3", "d17", "d61"])
        self.add(documents(85, 5), path)

    def add(self, given: list[Document], path: Path, **options: Any) -> None:
        add(given, path, encoder=ENCODER if self.stores else None, **options).close()

    def grow(self, path: Path) -> None:
        """Add a segment; some documents take the place of older ones."""
        self.add([*documents(90, 15), *documents(5, 3, seed=7)], path, on_duplicate="replace")

    def build_again(self, path: Path, seen: Any) -> Any:
        """The same command again finishes what was begun, or says that the index is there."""
        try:
            self.make(path)
        except InvalidInput as error:
            assert seen is not None and "already there" in str(error), error
        return self.add_one(path, content(path))

    def add_one(self, path: Path, seen: Any) -> Any:
        """One more document, which a query finds and which moves no other's place in the results by text."""
        self.add([Document("sentinel", "sentinel")], path)
        stored, found = content(path)
        whole = {document_key("sentinel"): "sentinel"} if self.chunks else {}
        assert stored == {**seen[0], "sentinel": ("", "sentinel", {}), **whole}
        return stored, found

    def writes(self) -> dict[str, Write]:
        return {
            "build": Write(nothing, self.make, self.build_again),
            "resumed build": Write(self.interrupted, self.make, self.build_again),
            "add": Write(self.three_segments, self.grow, self.add_one),
            "delete": Write(self.three_segments, shrink, self.add_one),
            "optimize": Write(self.three_segments, tidy, self.add_one),
        }

    def two(self, folder: Path) -> tuple[Path, Path]:
        """Two indexes of the same history with other words, for the damage sweep."""
        for name, seed in (("index", 0), ("other", 3)):
            build(documents(0, 40, seed), folder / name, chunks=self.chunks).close()
            for part, store in self.stores.items():
                add_dense(folder / name, ENCODER, name=part, store=store).close()
            self.add(documents(40, 10, seed), folder / name)
            delete(folder / name, ["d3", "d45"])
        return folder / "index", folder / "other"


def shrink(path: Path) -> None:
    delete(path, ["d1", "d2", "d70", "d88"])


def tidy(path: Path) -> None:
    optimize(path, reorder=True)


PLAIN = RealIndex()
WRITES = PLAIN.writes()
two_indexes = PLAIN.two

"""Writing the sparse part of a segment: passages to runs, runs to one file.

`SparseBuilder` inverts passages in memory and hands out *runs* (plain arrays, postings by term). Runs may be kept or
written to disk and mapped; `write_sparse` merges any number of them, by chunks of terms, into one file of arrays, whose
layout is documented in docs/format.md and index/kernels/layout.hpp. `optimize` goes the same way: a segment is a run
that is decoded term by term, and a map from old to new local numbers drops the dead and reorders.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spaniel.index.analysis import Analyzer
from spaniel.index.format import ArrayFileWriter
from spaniel.index.fs import FS
from spaniel.index.kernels import _native
from spaniel.index.manifest import FileEntry
from spaniel.retrieval.errors import InvalidInput

from .lengths import length_codes
from .settings import SparseSettings
from .tables import ImpactTable, impact_table

__all__ = ["DEAD", "Run", "SparseBuilder", "merged", "postings", "write_sparse"]

DEAD = 0xFFFFFFFF
"""In a run's map: this passage is dropped."""

Postings: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.uint64], NDArray[np.uint32], NDArray[np.uint16]]
_CHUNK_POSTINGS = 4_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """Postings of some passages.

    Attributes:
        arrays: term_bytes uint8, term_end uint32 (n_terms,), ptr uint64 (n_terms + 1,), doc uint32 and tf uint16
            (n_postings,), length uint32 (n_fields * n_passages,), field by field. Terms by (hash, bytes), documents
            ascending. Of a segment `length` alone.
        n_passages: in the run.
        map: uint32 (n_passages,), each passage's new local number or `DEAD`; None for `base`, `base` + 1, ...
        base: see map.
        tokens, filled: exact sums over the passages that stay, one for each field: tokens, and passages with at least
            one token. None: computed from `length`.
        segment: the postings are those of a segment: (it, the `decoded` table of each field). Has to have a map.
    """

    arrays: Mapping[str, NDArray[Any]]
    n_passages: int
    map: NDArray[np.uint32] | None = None
    base: int = 0
    tokens: Sequence[int] | None = None
    filled: Sequence[int] | None = None
    segment: "tuple[_native.Segment, list[NDArray[np.uint16]]] | None" = None


class SparseBuilder:
    """Passages in, runs out. One thread at a time.

    Args:
        analyzer: None for passages of ready-made weights (learned sparse vectors).
        settings: how many fields a passage has.
    """

    def __init__(self, analyzer: Analyzer | None, settings: SparseSettings) -> None:
        self._analyzer = analyzer
        self._n_fields = len(settings.fields)
        self._native = _native.Accumulator(analyzer.native if analyzer else None, self._n_fields)

    def add(self, passages: list[tuple[str, ...]]) -> None:
        """Add passages, each a text for every field in the order of the settings. Releases the GIL."""
        self._native.add_texts(passages)

    def add_weights(self, passages: list[dict[str, int]]) -> None:
        """Add passages as term -> weight, 1 to 255.

        Raises:
            InvalidInput: a weight out of range.
        """
        for weights in passages:
            for term, weight in weights.items():
                if not 1 <= weight <= 255:
                    raise InvalidInput("weights", f"{term!r} has weight {weight}; stored impacts are 1 to 255")
        self._native.add_vectors(passages)

    @property
    def n_passages(self) -> int:
        """Added since the last run."""
        return self._native.n_docs

    @property
    def memory_bytes(self) -> int:
        """Held now, including what taking the run will need."""
        return self._native.memory_bytes

    def take_run(self, base: int = 0) -> Run:
        """Everything added since the last run; the builder is empty afterwards."""
        n_passages = self._native.n_docs
        return Run(self._native.take_run(), n_passages, base=base)


def write_sparse(
    fs: FS,
    path: Path,
    runs: Sequence[Run],
    settings: SparseSettings,
    *,
    n_passages: int,
    ordinals: NDArray[np.uint32] | None = None,
    reordered: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> FileEntry:
    """Merge runs into one file of kind `sparse`.

    Args:
        n_passages: in the segment: local numbers are 0 .. n_passages - 1.
        ordinals: uint32 (n_passages,), the ordinal of each local number; None where that is first ordinal + local
            number.
        reordered: the passages stand in an order that was looked for, be it that of the ordinals.
        on_progress: called with (terms written, terms in all).

    Cost: O(postings). Memory: the vocabulary, and a few tens of bytes for each posting of a chunk of four million.
    """
    lengths = _gather_lengths(runs, len(settings.fields), n_passages)
    statistics = _statistics(runs, lengths)
    averages = [tokens / max(filled, 1) or 1.0 for tokens, filled in zip(*statistics, strict=True)]
    tables = [impact_table(settings.scorer, average) for average in averages]
    codes = length_codes(lengths)
    merger = merged(runs)
    words = merger.vocabulary()
    known: dict[str, NDArray[Any]] = {
        "length_code": codes,
        **{n: words[n] for n in ("term_bytes", "term_end", "bucket")},
    }
    if ordinals is not None:
        known["ordinal"] = np.ascontiguousarray(ordinals, dtype=np.uint32)
    shapes = _shapes(words["df"], n_passages, _count_exceptions(merger, n_passages, codes, tables))
    meta: dict[str, Any] = {
        "n_passages": n_passages,
        "settings": settings.to_dict(),
        "tokens": statistics[0],
        "filled": statistics[1],
        "averages": averages,
    }
    if reordered:
        meta["reordered"] = True
    declared = shapes | {name: (array.dtype, array.shape) for name, array in known.items()}
    with ArrayFileWriter(fs, path, kind="sparse", meta=meta, arrays=declared) as writer:
        for name, array in known.items():
            writer.write(name, array)
        written = 0
        n_medium, n_long = shapes["medium_df"][1][0], shapes["long_df"][1][0]
        encoder = _native.Encoder(n_passages, codes, *_native_tables(tables), n_medium, n_long)
        for some in postings(merger):
            for name, piece in encoder.encode(*some).items():
                writer.write(name, piece.reshape(-1, *shapes[name][1][1:]))
            written += len(some[0])
            if on_progress:
                on_progress(written, len(words["df"]))
        return writer.close()


def merged(runs: Sequence[Run]) -> "_native.Merger":
    """The runs as one, term by term.

    Raises (and so do its methods):
        ValueError: the arrays of a run do not fit together.
        IndexError: a segment is damaged; `damage.named_damage` says which.
    """
    inputs = [run.segment or dict(run.arrays) for run in runs]
    return _native.Merger(inputs, [run.base for run in runs], [run.map for run in runs])


def postings(merger: "_native.Merger") -> Iterator[Postings]:
    """Of all terms in turn, about four million at a time.

    Each: (field uint8 (n_terms,), ptr uint64 (n_terms + 1,), doc uint32 and tf uint16 (ptr[-1],)).
    """
    merger.rewind()
    while len((some := merger.next(_CHUNK_POSTINGS))[0]):
        yield some


def _gather_lengths(runs: Sequence[Run], n_fields: int, n_passages: int) -> NDArray[np.uint32]:
    """uint32 (n_fields, n_passages): tokens of each passage under its new local number."""
    lengths = np.zeros((n_fields, n_passages), dtype=np.uint32)
    for run in runs:
        own = run.arrays["length"].reshape(n_fields, run.n_passages)
        if run.map is None:
            lengths[:, run.base : run.base + run.n_passages] = own
        else:
            stays = run.map != DEAD
            lengths[:, run.map[stays]] = own[:, stays]
    return lengths


def _statistics(runs: Sequence[Run], lengths: NDArray[np.uint32]) -> tuple[list[int], list[int]]:
    """(tokens, passages with a token), each a number for every field."""
    if all(run.tokens is not None and run.filled is not None for run in runs) and runs:
        fields = range(len(lengths))
        return (
            [sum((run.tokens or [0] * (f + 1))[f] for run in runs) for f in fields],
            [sum((run.filled or [0] * (f + 1))[f] for run in runs) for f in fields],
        )
    return [int(row.sum(dtype=np.int64)) for row in lengths], [int((row > 0).sum()) for row in lengths]


def _native_tables(tables: Sequence[ImpactTable]) -> tuple[list[NDArray[np.uint8]], list[NDArray[np.uint16]]]:
    return [table.impact for table in tables], [table.decoded for table in tables]


def _count_exceptions(
    merger: "_native.Merger", n_passages: int, codes: NDArray[np.uint8], tables: Sequence[ImpactTable]
) -> int:
    # The file's header states every size, so the few exceptions are counted before anything is written.
    encoder = _native.Encoder(n_passages, codes, *_native_tables(tables))
    return sum(encoder.count_exceptions(*some) for some in postings(merger))


def _shapes(
    df: NDArray[np.uint32], n_passages: int, n_exceptions: int
) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """dtype and shape of every array that is written by chunks, from the document frequencies alone."""
    layout = _native.layout(n_passages)
    rare = df <= layout["rare_max"]
    dense = ~rare & (df >= layout["dense_min"])
    longer = ~rare & ~dense & (df >= layout["long_min"])
    medium = ~(rare | dense | longer)
    n_rare = int(df[rare].sum(dtype=np.int64))
    n_listed = int(df[medium | longer].sum(dtype=np.int64))
    n_medium, n_long, n_dense = int(medium.sum()), int(longer.sum()), int(dense.sum())
    windows, blocks = layout["n_windows"] + 1, layout["n_blocks"]
    u8, u16, u32 = np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.uint32)
    return {
        "small_df": (u8, (len(df),)),
        "ref": (u32, (len(df),)),
        "rare_doc": (u32, (n_rare,)),
        "rare_impact": (u8, (n_rare,)),
        "list_doc": (u16, (n_listed,)),
        "list_impact": (u8, (n_listed,)),
        "medium_df": (u32, (n_medium,)),
        "long_df": (u32, (n_long,)),
        "dense_df": (u32, (n_dense,)),
        "medium_start": (u32, (n_medium, windows)),
        "medium_top": (u8, (n_medium, 4)),
        "long_start": (u32, (n_long, windows)),
        "long_block_start": (u16, (n_long, blocks)),
        "long_block_max": (u8, (n_long, blocks)),
        "long_top": (u8, (n_long, 4)),
        "dense_impact": (u8, (n_dense, layout["dense_stride"])),
        "dense_block_max": (u8, (n_dense, blocks)),
        "dense_top": (u8, (n_dense, 4)),
        "exception_term": (u32, (n_exceptions,)),
        "exception_doc": (u32, (n_exceptions,)),
        "exception_tf": (u16, (n_exceptions,)),
    }

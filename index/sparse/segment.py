"""The sparse part of one segment, open for reading.

Passages have two numbers here: the *ordinal*, which rankings carry, and the *local* number, their place in the
postings. They differ by a constant unless the segment was reordered.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from spaniel.index.analysis import Analyzer
from spaniel.index.format import ArrayFile, write_arrays
from spaniel.index.fs import FS
from spaniel.index.kernels import _native
from spaniel.index.manifest import FileEntry, Segment
from spaniel.retrieval.errors import IndexCorrupt

from .build import Run, SparseBuilder
from .lengths import LENGTHS
from .scorers import Scorer
from .settings import SparseSettings
from .tables import ImpactTable, ValueTable, impact_table, value_table

__all__ = ["SparseSegment", "Tombstones", "naming", "write_tombstones"]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Names the file when the native code refuses (IndexError) to leave a damaged file's arrays.

    Raises:
        IndexCorrupt: it did.
    """
    try:
        yield
    except IndexError as error:
        raise IndexCorrupt(path, str(error)) from error


@dataclass(frozen=True, slots=True)
class Tombstones:
    """The deleted passages of a segment, and what they took out of the statistics.

    Attributes:
        live: uint64 (ceil(n_passages / 64),), bit d % 64 of word d // 64 is set while local passage d lives.
        n_dead: how many do not.
        term, df: uint32 (n,), ascending term ids and how many dead passages hold each.
        tokens, filled: int64 (n_fields,), tokens of the dead, and how many of them had any.
    """

    live: NDArray[np.uint64]
    n_dead: int
    term: NDArray[np.uint32]
    df: NDArray[np.uint32]
    tokens: NDArray[np.int64]
    filled: NDArray[np.int64]


class SparseSegment:
    """Mapped arrays, tables and tombstones of one segment; immutable, safe to use from many threads."""

    def __init__(self, file: ArrayFile, first_ordinal: int, tombstones: Tombstones | None = None) -> None:
        self.path = file.path
        self.arrays = file.arrays
        self.first_ordinal = first_ordinal
        self.tombstones = tombstones
        try:
            meta: Mapping[str, Any] = file.meta
            self.settings = SparseSettings.from_dict(meta["settings"])
            self.n_passages = int(meta["n_passages"])
            self.tokens, self.filled = [int(n) for n in meta["tokens"]], [int(n) for n in meta["filled"]]
            self.averages = [float(x) for x in meta["averages"]]
            self._said_reordered = meta.get("reordered") is True
            self.native = _native.Segment(dict(file.arrays), self.n_passages, len(self.settings.fields), first_ordinal)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise IndexCorrupt(file.path, f"is no sparse part: {error}") from error
        n_fields = len(self.settings.fields)
        if not len(self.tokens) == len(self.filled) == len(self.averages) == n_fields:
            raise IndexCorrupt(file.path, f"has statistics for other than its {n_fields} fields")
        # Their sizes and dtypes the native code has checked.
        flat = [name for name in ("exception_term", "exception_doc", "exception_tf", "ordinal") if name in self.arrays]
        if self.arrays["length_code"].shape != (n_fields, self.n_passages) or any(
            self.arrays[name].ndim != 1 for name in flat
        ):
            raise IndexCorrupt(file.path, "holds arrays of other axes than a sparse part has")
        if not all(0 <= n <= self.n_passages for n in self.filled) or not all(0 <= n < 1 << 53 for n in self.tokens):
            raise IndexCorrupt(file.path, f"counts {self.tokens} tokens in {self.filled} passages")
        # Passages without a token are not counted, so none is below 1; far below, a length divided by it overflows.
        if not all(np.isfinite(self.averages)) or min(self.averages) < 1:
            raise IndexCorrupt(file.path, f"has average lengths {self.averages}")

    @classmethod
    def open(cls, directory: Path, segment: Segment, *, verify: bool = False) -> Self:
        """Open the sparse part and tombstones that a manifest names.

        Raises:
            IndexCorrupt: a file is damaged, missing or does not fit.
        """
        entry = segment.files["sparse"]
        file = ArrayFile.open(directory / entry.name, kind="sparse", entry=entry, verify=verify)
        found = cls(file, segment.first_ordinal)
        if found.n_passages != segment.n_passages:
            raise IndexCorrupt(file.path, f"holds {found.n_passages} passages, the manifest says {segment.n_passages}")
        if dead := segment.files.get("tombstones"):
            tomb = ArrayFile.open(directory / dead.name, kind="tombstones", entry=dead, verify=True)
            found.tombstones = _read_tombstones(tomb, found)
        return found

    @cached_property
    def impact_tables(self) -> list[ImpactTable]:
        """The quantisers the segment was written with, one for each field."""
        return [impact_table(self.settings.scorer, average) for average in self.averages]

    def value_tables(self, scorer: Scorer, averages: Sequence[float]) -> list[ValueTable]:
        """Exact values of this segment's postings under a scorer, one table for each field."""
        doc, tf = self.arrays["exception_doc"], self.arrays["exception_tf"]
        if len(doc) and int(doc.max()) >= self.n_passages:
            raise IndexCorrupt(self.path, "an exception names a passage beyond the last")
        tables = []
        for f, (table, average) in enumerate(zip(self.impact_tables, averages, strict=True)):
            codes = self.arrays["length_code"][f]
            code = codes[doc]
            tables.append(
                value_table(
                    scorer,
                    average,
                    table.decoded,
                    codes=np.flatnonzero(np.bincount(codes, minlength=256)).astype(np.uint8),
                    exception_code=code,
                    exception_tf=np.maximum(tf, 1),
                    exception_impact=table.impact[code, np.minimum(tf, 255)],
                )
            )
        return tables

    @cached_property
    def _local_of_sorted(self) -> tuple[NDArray[np.uint32], NDArray[np.int64]] | None:
        """Ordinals ascending and the local number of each; None when local is ordinal - first_ordinal."""
        ordinals = self.arrays.get("ordinal")
        if ordinals is None:
            return None
        order = np.argsort(ordinals, kind="stable")
        return ordinals[order], order

    def local_of(self, ordinals: NDArray[np.int64]) -> NDArray[np.int64]:
        """Local numbers of those ordinals that are in this segment, in the order given; others are left out."""
        if self._local_of_sorted is None:
            local = ordinals - self.first_ordinal
            return local[(local >= 0) & (local < self.n_passages)]
        known, order = self._local_of_sorted
        if len(known) == 0:
            return np.zeros(0, dtype=np.int64)
        at = np.minimum(np.searchsorted(known, ordinals), len(known) - 1)
        found: NDArray[np.int64] = order[at[known[at] == ordinals]]
        return found

    @cached_property
    def ordinals(self) -> NDArray[np.int64]:
        """int64 (n_passages,): the ordinal of each local number."""
        ordinals = self.arrays.get("ordinal")
        if ordinals is None:
            return np.arange(self.first_ordinal, self.first_ordinal + self.n_passages, dtype=np.int64)
        return ordinals.astype(np.int64)

    @property
    def reordered(self) -> bool:
        """The passages stand in an order that bisection found, which may be that of the ordinals.

        Files from before this was written down have it where their ordinals do not ascend.
        """
        return self._said_reordered or bool((np.diff(self.ordinals) < 0).any())

    def live_mask(self) -> NDArray[np.bool_]:
        """bool (n_passages,) by local number."""
        if self.tombstones is None:
            return np.ones(self.n_passages, dtype=bool)
        return _unpack(self.tombstones.live, self.n_passages)

    def bitmap(self, ordinals: NDArray[np.int64]) -> tuple[NDArray[np.uint64], int]:
        """The living ones among these ordinals as a bitmap by local number, and how many passages it leaves out."""
        mask = np.zeros(self.n_passages, dtype=bool)
        mask[self.local_of(ordinals)] = True
        mask &= self.live_mask()
        return _pack(mask), int(self.n_passages - mask.sum())

    def counts(self, key: bytes) -> tuple[NDArray[np.uint32], NDArray[np.uint16]]:
        """A term's postings, the dead included: uint32 local numbers, ascending, and uint16 counts, both (df,).

        key: the field's byte and the term; unknown: empty arrays.
        """
        with naming(self.path):
            term = self.native.find(key)
            if term is None:
                return np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.uint16)
            local, impact = self.native.postings(term[0])
        code = self.arrays["length_code"][key[0]][local]
        tf = self.impact_tables[key[0]].decoded[code, impact]
        held = self.arrays["exception_term"]
        first, last = int(np.searchsorted(held, term[0])), int(np.searchsorted(held, term[0], side="right"))
        # Counts that their impact does not tell apart from others are kept one by one.
        at = np.searchsorted(local, self.arrays["exception_doc"][first:last])
        if len(at) and (int(at.max()) >= len(local) or (local[at] != self.arrays["exception_doc"][first:last]).any()):
            raise IndexCorrupt(self.path, "an exception names a passage that does not hold its term")
        tf[at] = self.arrays["exception_tf"][first:last]
        if len(tf) and int(tf.min()) == 0:
            raise IndexCorrupt(self.path, "an impact stands for no count")
        return local, tf

    def live_tokens(self) -> tuple[list[int], list[int]]:
        """(tokens, passages with a token) of the living, exact, one number for each field."""
        if self.tombstones is None:
            return list(self.tokens), list(self.filled)
        dead = self.tombstones
        return (
            [n - int(d) for n, d in zip(self.tokens, dead.tokens, strict=True)],
            [n - int(d) for n, d in zip(self.filled, dead.filled, strict=True)],
        )

    def run(self, map_: NDArray[np.uint32]) -> Run:
        """This segment as an input of `write_sparse`, decoded term by term; lengths are those the codes stand for.

        map_: uint32 (n_passages,), new local numbers, `DEAD` for the dead.
        """
        tokens, filled = self.live_tokens()
        length = LENGTHS[self.arrays["length_code"]].astype(np.uint32).reshape(-1)
        source = (self.native, [table.decoded for table in self.impact_tables])
        return Run({"length": length}, self.n_passages, map=map_, tokens=tokens, filled=filled, segment=source)

    def bury(self, local: NDArray[np.int64], texts: list[tuple[str, ...]], analyzer: Analyzer | None) -> Tombstones:
        """The tombstones after deleting these passages too.

        Args:
            local: distinct local numbers, all living.
            texts: of each, one for every field, exactly as they were added: they are analysed again, and what they
                contributed to document frequencies and lengths is written down, so that scores become those of an index
                that never held them. With no analyser (learned sparse vectors, no idf) they are not needed.
        """
        mask = self.live_mask()
        mask[local] = False
        n_fields = len(self.settings.fields)
        old = self.tombstones
        df = np.zeros(self.native.n_terms, dtype=np.uint32)
        tokens, filled = np.zeros(n_fields, dtype=np.int64), np.zeros(n_fields, dtype=np.int64)
        if old is not None:
            df[old.term] += old.df
            tokens, filled = tokens + old.tokens, filled + old.filled
        if analyzer is not None:
            builder = SparseBuilder(analyzer, self.settings)
            builder.add(texts)
            run = builder.take_run().arrays
            end, count = run["term_end"], np.diff(run["ptr"].astype(np.int64))
            whole = run["term_bytes"].tobytes()
            for i in range(len(end)):
                key = whole[int(end[i - 1]) if i else 0 : int(end[i])]
                with naming(self.path):
                    found = self.native.find(key)
                if found is None:
                    raise IndexCorrupt(self.path, f"does not hold {key[1:]!r}, a term of a passage it holds")
                df[found[0]] += count[i]
            lengths = run["length"].reshape(n_fields, len(texts)).astype(np.int64)
        else:  # of vectors only "has any" counts: no score depends on their lengths
            lengths = LENGTHS[self.arrays["length_code"][:, local]]
        tokens, filled = tokens + lengths.sum(axis=1), filled + (lengths > 0).sum(axis=1)
        term = np.flatnonzero(df).astype(np.uint32)
        return Tombstones(_pack(mask), int(self.n_passages - mask.sum()), term, df[term], tokens, filled)


def write_tombstones(fs: FS, path: Path, tombstones: Tombstones) -> FileEntry:
    """Write a file of kind `tombstones`."""
    arrays = {name: getattr(tombstones, name) for name in ("live", "term", "df", "tokens", "filled")}
    return write_arrays(fs, path, kind="tombstones", meta={"n_dead": tombstones.n_dead}, arrays=arrays)


def _read_tombstones(file: ArrayFile, segment: SparseSegment) -> Tombstones:
    try:
        n_dead = int(file.meta["n_dead"])  # type: ignore[arg-type]
        found = Tombstones(n_dead=n_dead, **{k: file.arrays[k] for k in ("live", "term", "df", "tokens", "filled")})
    except (KeyError, TypeError, ValueError) as error:
        raise IndexCorrupt(file.path, f"is no file of tombstones: {error}") from error
    n_fields = len(segment.settings.fields)
    fits = (
        found.live.dtype == np.uint64
        and found.live.shape == ((segment.n_passages + 63) // 64,)
        and found.term.dtype == found.df.dtype == np.uint32
        and found.term.shape == found.df.shape
        and found.tokens.shape == found.filled.shape == (n_fields,)
    )
    if not fits or (len(found.term) and int(found.term.max()) >= segment.native.n_terms):
        raise IndexCorrupt(file.path, "does not fit the segment it belongs to")
    if int(segment.n_passages - _unpack(found.live, segment.n_passages).sum()) != n_dead:
        raise IndexCorrupt(file.path, f"says {n_dead} passages are dead, its bitmap says otherwise")
    return found


def _pack(mask: NDArray[np.bool_]) -> NDArray[np.uint64]:
    words = np.zeros((len(mask) + 63) // 64 * 8, dtype=np.uint8)
    packed = np.packbits(mask, bitorder="little")
    words[: len(packed)] = packed
    return words.view("<u8")


def _unpack(words: NDArray[np.uint64], n: int) -> NDArray[np.bool_]:
    return np.unpackbits(np.ascontiguousarray(words).view(np.uint8), count=n, bitorder="little").astype(bool)

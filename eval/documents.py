"""From rankings of passage ordinals to the columns of a run over documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.protocols import NamedPassages
from spaniel.retrieval.types import JSON, Query, Ranking

from .columns import StageColumns
from .journal import Record

__all__ = ["Chunk", "Documents", "assembled"]


class Documents:
    """Numbers documents in the order in which their passages come up.

    Attributes:
        ids: the document of each number.
    """

    def __init__(self, store: NamedPassages) -> None:
        self._store = store
        self._numbers: dict[str, int] = {}
        self._codes = np.full(0, -1, np.int32)
        self._n_passages = 0

    @property
    def ids(self) -> tuple[str, ...]:
        """Every document so far, in the order of its number."""
        return tuple(self._numbers)

    @property
    def one_each(self) -> bool:
        """No two of the passages so far are of one document."""
        return self._n_passages == len(self._numbers)

    def number(self, document_id: str) -> int:
        """Its number; -1 when it has not come up."""
        return self._numbers.get(document_id, -1)

    def codes(self, ordinals: NDArray[np.int32]) -> NDArray[np.int32]:
        """The number of each passage's document: int32, the shape of ordinals (n,).

        Cost: a look-up in an array; about 2 us for each passage that comes up for the first time.
        """
        top = int(ordinals.max(initial=-1)) + 1
        if top > len(self._codes):
            grown = np.full(max(top, 2 * len(self._codes)), -1, np.int32)
            grown[: len(self._codes)] = self._codes
            self._codes = grown
        fresh = _distinct(ordinals[self._codes[ordinals] < 0], len(self._codes))
        if len(fresh):
            numbers = self._numbers
            names = self._store.doc_ids(fresh)
            self._codes[fresh] = [numbers.setdefault(name, len(numbers)) for name in names]
            self._n_passages += len(fresh)
        found: NDArray[np.int32] = self._codes[ordinals]
        return found


def _distinct(ordinals: NDArray[np.int32], stop: int) -> NDArray[np.int64]:
    """The distinct ordinals, all below `stop`, ascending; without sorting, which takes seconds for tens of millions."""
    if len(ordinals) < stop // 16:
        return np.unique(ordinals).astype(np.int64)
    there = np.zeros(stop, np.bool_)
    there[ordinals] = True
    return np.flatnonzero(there)


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """What all stages gave for the queries `first` to `stop`, as passage ordinals, and what it cost.

    Attributes:
        stages: names, in order; `lengths`, `ids` and `scores` hold an array for each.
        sources: whether the stage searches, rather than orders or cuts what another has found.
        seconds, threads: what it took, on how many threads.
    """

    first: int
    stop: int
    stages: tuple[str, ...]
    sources: tuple[bool, ...]
    lengths: tuple[NDArray[np.int32], ...]
    ids: tuple[NDArray[np.int32], ...]
    scores: tuple[NDArray[np.float32], ...]
    seconds: float
    threads: int
    usage: Mapping[str, int]
    peak_rss_bytes: int

    @classmethod
    def of(
        cls,
        first: int,
        stages: Sequence[tuple[str, Sequence[Ranking]]],
        sources: Sequence[bool],
        seconds: float,
        threads: int,
        usage: Mapping[str, int],
        peak_rss_bytes: int,
    ) -> "Chunk":
        """From the rankings of each stage, all of the same number of queries."""
        rankings = [each for _, each in stages]
        return cls(
            first,
            first + len(rankings[0]),
            tuple(name for name, _ in stages),
            tuple(sources),
            tuple(np.array([len(r) for r in each], np.int32) for each in rankings),
            tuple(np.concatenate([np.zeros(0, np.int32), *(r.ids for r in each)]) for each in rankings),
            tuple(np.concatenate([np.zeros(0, np.float32), *(r.scores for r in each)]) for each in rankings),
            seconds,
            threads,
            dict(usage),
            peak_rss_bytes,
        )

    def written(self) -> tuple[dict[str, JSON], dict[str, NDArray[np.int32] | NDArray[np.float32]]]:
        """As a record of the journal."""
        arrays: dict[str, NDArray[np.int32] | NDArray[np.float32]] = {}
        for place in range(len(self.stages)):
            arrays[f"lengths{place}"] = self.lengths[place]
            arrays[f"ids{place}"] = self.ids[place]
            arrays[f"scores{place}"] = self.scores[place]
        values: dict[str, JSON] = {
            "kind": "chunk",
            "first": self.first,
            "stop": self.stop,
            "stages": list(self.stages),
            "sources": list(self.sources),
            "seconds": self.seconds,
            "threads": self.threads,
            "usage": dict(self.usage),
            "peak_rss_bytes": self.peak_rss_bytes,
        }
        return values, arrays

    @classmethod
    def read(cls, record: Record) -> "Chunk":
        """The inverse of `written`."""
        values, arrays = record.values, record.arrays
        places = range(len(values["stages"]))
        return cls(
            values["first"],
            values["stop"],
            tuple(values["stages"]),
            tuple(values["sources"]),
            tuple(arrays[f"lengths{place}"] for place in places),
            tuple(arrays[f"ids{place}"] for place in places),
            tuple(arrays[f"scores{place}"] for place in places),
            values["seconds"],
            values["threads"],
            values["usage"],
            values["peak_rss_bytes"],
        )


def assembled(
    chunks: Sequence[Chunk], documents: Documents, queries: Sequence[Query], *, depth: int, drop_self: bool
) -> tuple[dict[str, StageColumns], NDArray[np.int32], tuple[str, ...]]:
    """The stages of a run.

    Returns:
        Columns of each stage over documents, the last cut to `depth`; the ordinal of the best passage of each row of
        the last, int32; the ids of the documents.
    """
    names = chunks[0].stages
    columns: dict[str, StageColumns] = {}
    ordinals = np.zeros(0, np.int32)
    for place, name in enumerate(names):
        passages = _joined(chunks, place)
        codes = documents.codes(passages.ids)
        keep = np.ones(len(codes), np.bool_) if documents.one_each else _firsts(passages, codes)
        if drop_self:
            own = np.array([documents.number(query.id) for query in queries], np.int32)
            keep &= codes != own[passages.query_of_rows()]
        columns[name] = StageColumns(passages.offsets, codes, passages.scores).kept(keep)
        if place == len(names) - 1:
            columns[name] = columns[name].cut(depth)
            ordinals = passages.kept(keep).cut(depth).ids
    return columns, ordinals, documents.ids


def _joined(chunks: Sequence[Chunk], place: int) -> StageColumns:
    """The rankings of one stage over all chunks; `ids` are ordinals."""
    lengths = np.concatenate([np.zeros(1, np.int64), *(chunk.lengths[place] for chunk in chunks)])
    ids = np.concatenate([np.zeros(0, np.int32), *(chunk.ids[place] for chunk in chunks)])
    scores = np.concatenate([np.zeros(0, np.float32), *(chunk.scores[place] for chunk in chunks)])
    return StageColumns(np.cumsum(lengths, dtype=np.int64), ids, scores)


def _firsts(passages: StageColumns, codes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which rows are the first of their document under their query: bool (n_rows,)."""
    keys = passages.query_of_rows().astype(np.int64) * (int(codes.max(initial=0)) + 1) + codes
    keep = np.zeros(len(codes), np.bool_)
    keep[np.unique(keys, return_index=True)[1]] = True
    return keep

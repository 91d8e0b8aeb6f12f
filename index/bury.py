"""Marking passages as deleted: new tombstone files, and segments that name them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from spaniel.retrieval.types import Passage

from .analysis import Analyzer
from .manifest import Segment
from .open_segment import OpenSegment
from .segments import Segments
from .settings import IndexSettings
from .sparse.segment import write_tombstones
from .store import Transaction

__all__ = ["buried", "buried_in_new"]

_AT_ONCE = 10_000  # passages whose texts are held in memory


def buried(
    txn: Transaction, segments: Segments, settings: IndexSettings, ordinals: Iterable[int]
) -> tuple[Segment, ...]:
    """The segments after these living passages died. A segment without any living passage is left out.

    Raises:
        IndexCorrupt: stored text and postings do not belong together.
    """
    dying = segments.by_segment(ordinals)
    analyzer = settings.open_analyzer()
    after = []
    for number, segment in enumerate(segments):
        if number not in dying:
            after.append(segment.record)
        elif len(dying[number]) + segment.record.n_deleted < segment.record.n_passages:
            for some in np.array_split(dying[number], -(-len(dying[number]) // _AT_ONCE)):
                local = segment.sparse.local_of(some).tolist()
                _bury(segment, local, segment.passages.get(some), settings, analyzer)
            after.append(_with_tombstones(txn, segment))
    return tuple(after)


def buried_in_new(
    txn: Transaction, segment: OpenSegment, settings: IndexSettings, dead: Sequence[tuple[int, Passage]]
) -> Segment:
    """A segment just written, after these of its passages, by local number, died."""
    local, passages = [number for number, _ in dead], [passage for _, passage in dead]
    _bury(segment, local, passages, settings, settings.open_analyzer())
    return _with_tombstones(txn, segment)


def _bury(
    segment: OpenSegment,
    local: list[int],
    passages: Sequence[Passage],
    settings: IndexSettings,
    analyzer: Analyzer | None,
) -> None:
    texts = [settings.field_texts(passage) for passage in passages] if analyzer else []
    # The writer's own view of the segment; readers have theirs.
    segment.sparse.tombstones = segment.sparse.bury(np.array(local, dtype=np.int64), texts, analyzer)


def _with_tombstones(txn: Transaction, segment: OpenSegment) -> Segment:
    """Write the tombstones that the open segment holds now; its record with them."""
    dead = segment.sparse.tombstones
    assert dead is not None
    entry = write_tombstones(txn.fs, txn.fresh_path("tombstones"), dead)
    return replace(segment.record, n_deleted=dead.n_dead, files={**segment.record.files, "tombstones": entry})

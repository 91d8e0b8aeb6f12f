"""The dense parts of several segments as those of one: nothing is encoded again; fitting.py says what is fitted."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from spaniel.index.manifest import FileEntry
from spaniel.index.progress import Progress, Reporter
from spaniel.index.segments import Segments
from spaniel.index.store import Transaction

from .segment_parts import merge_part, part_name
from .settings import DenseSettings

__all__ = ["merged_parts"]


def merged_parts(
    txn: Transaction,
    segments: Segments,
    settings: Mapping[str, DenseSettings],
    ordinals: NDArray[np.uint32],
    report: Reporter,
) -> dict[str, FileEntry]:
    """Part -> file of each dense part over the living passages of all segments.

    Args:
        segments: by ascending ordinals, at least one passage alive.
        ordinals: uint32 (n,), of the living, ascending.

    Cost: one copy of the stored vectors, and fitting and coding where that is done again; memory some MiB, and what the
    kind of store says.
    """
    consecutive = int(ordinals[-1]) - int(ordinals[0]) + 1 == len(ordinals)
    living = [segment.rows.living() for segment in segments]
    files = {}
    for name, dense in settings.items():
        report(Progress("merging vectors", len(ordinals)))
        parts = [(segment.dense(name), rows) for segment, rows in zip(segments, living, strict=True) if len(rows)]
        files[part_name(name)] = merge_part(txn, name, dense, parts, None if consecutive else ordinals)
    return files

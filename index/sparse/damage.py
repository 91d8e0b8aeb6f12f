"""Which file an error of the native code speaks of.

The kernels check what they read from mapped arrays where they use it, and refuse (IndexError) to leave them. They do
not know file names; these are found out here, on the way of the error alone, so that a search pays nothing for it.
"""

from collections.abc import Sequence

from spaniel.index.format import bad_blocks
from spaniel.retrieval.errors import IndexCorrupt

from .segment import SparseSegment

__all__ = ["named_damage"]


def named_damage(segments: Sequence[SparseSegment], error: IndexError) -> IndexCorrupt:
    """The error to raise instead: it names the first segment's file that does not match its checksums.

    Cost: reads the files of the segments.
    """
    damaged = next((segment.path for segment in segments if _is_damaged(segment)), segments[0].path)
    return IndexCorrupt(damaged, str(error))


def _is_damaged(segment: SparseSegment) -> bool:
    if not segment.path.exists():  # of a generation that a reader still holds, and damaged or not, nobody can tell
        return False
    try:
        return any(bad_blocks(segment.path, None))
    except IndexCorrupt:
        return True

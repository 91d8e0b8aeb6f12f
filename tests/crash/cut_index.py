"""The real writes over a small index whose documents are cut; everything of real_index.py, over passages of documents.

Each document has three to five passages, so that every write puts, replaces or deletes several rows for one id, and
`content` holds the texts of the documents, put together, beside their passages.
"""

from pathlib import Path

from crash.real_index import RealIndex, content, documents

from spaniel.index.chunking.settings import ChunkSettings

__all__ = ["CUT", "WRITES", "content", "two_indexes"]


class CutIndex(RealIndex):
    """The history of an index of cut documents."""

    def grow(self, path: Path) -> None:
        """Add a segment; some documents take the place of older ones, and one that of another in the same stream."""
        given = [*documents(90, 15), *documents(5, 3, seed=7), *documents(92, 1, seed=5)]
        self.add(given, path, on_duplicate="replace")


CUT = CutIndex(chunks=ChunkSettings(8, records=True))
WRITES = CUT.writes()
two_indexes = CUT.two

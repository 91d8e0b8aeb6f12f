"""The segments of one generation, opened to be read: passages, sparse and dense parts side by side.

Everything that looks things up by id, ordinal or filter over the whole index goes through `Segments`; it knows which
passages are alive.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Passage

from .chunking.rebuilt import text_of
from .dense.settings import DenseSettings
from .manifest import Manifest
from .open_segment import OpenSegment
from .passages import Passages
from .where import parse

__all__ = ["Segments"]

T = TypeVar("T")
_FILTERS_KEPT = 32  # a bit a passage each


class Segments:
    """All segments of a generation, in order of their ordinals. Safe to use from several threads.

    Plays the roles `PassageStore`, `NamedPassages` and `Stored`.

    Attributes:
        cut: documents may have several passages.

    Args:
        dense: settings of the dense parts to be opened; none for those who only need texts and postings.
    """

    def __init__(self, folder: Path, manifest: Manifest, dense: Mapping[str, DenseSettings] = {}) -> None:
        self.path = folder
        self.open: list[OpenSegment] = []
        try:
            for record in manifest.segments:
                self.open.append(OpenSegment(folder, record, dense))
        except BaseException:
            self.close()
            raise
        self.identity = f"{manifest.index_id}:{manifest.generation}"
        self.size_bytes: dict[str, int] = {}
        for record in manifest.segments:
            for part, entry in record.files.items():
                self.size_bytes[part] = self.size_bytes.get(part, 0) + entry.size_bytes
        self._first = np.array([segment.record.first_ordinal for segment in self.open], dtype=np.int64)
        self._next_ordinal = manifest.next_ordinal
        self.cut = manifest.settings.get("chunks") is not None
        self._filters: OrderedDict[str, list[NDArray[np.uint8]]] = OrderedDict()
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[OpenSegment]:
        return iter(self.open)

    def __len__(self) -> int:
        """How many passages are alive."""
        return sum(segment.record.n_passages - segment.record.n_deleted for segment in self.open)

    def get(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> list[Passage]:
        """The passages of these ordinals, in the order asked; deleted ones too, as long as they are on disk.

        Raises:
            InvalidInput: an ordinal that the index never gave out.
            IndexCorrupt: a passage is missing or damaged.
        """
        return self._gathered(ordinals, Passages.get)

    def ids(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> list[str]:
        """The passages' ids alone, in the order asked; errors as for `get`. Texts are neither read nor checked."""
        return self._gathered(ordinals, Passages.ids)

    def doc_ids(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> list[str]:
        """The ids of the documents that these passages come from; otherwise as `ids`."""
        return self._gathered(ordinals, Passages.doc_ids)

    def _gathered(
        self,
        ordinals: Sequence[int] | NDArray[np.integer[Any]],
        read: Callable[[Passages, NDArray[np.int64]], list[T]],
    ) -> list[T]:
        """What `read` gives for these ordinals, each asked of the segment that holds it."""
        wanted = np.asarray(ordinals, dtype=np.int64).reshape(-1)
        outside = wanted[(wanted < (self._first[0] if len(self._first) else 0)) | (wanted >= self._next_ordinal)]
        if len(outside) or (len(wanted) and not self.open):
            raise InvalidInput("ordinals", f"{outside.tolist() or wanted.tolist()} are not of this index")
        owner = np.searchsorted(self._first, wanted, side="right") - 1
        found: dict[int, T] = {}
        for number in np.unique(owner):
            here = wanted[owner == number]
            found.update(zip(here.tolist(), read(self.open[number].passages, here), strict=True))
        return [found[ordinal] for ordinal in wanted.tolist()]

    def ordinals_of(self, ids: Iterable[str]) -> dict[str, int]:
        """Ordinal of each of these ids that is alive."""
        wanted = list(ids)
        found: dict[str, int] = {}
        for segment in self.open:
            here = segment.passages.ordinals_of(wanted)
            if here:
                alive = segment.living(np.fromiter(here.values(), dtype=np.int64, count=len(here)))
                found.update((id_, n) for (id_, n), lives in zip(here.items(), alive, strict=True) if lives)
        return found

    def of_document(self, doc_id: str) -> list[int]:
        """Ordinals of the living passages of a document, in its order; none when the index does not have it."""
        found = []
        for segment in self.open:
            here = np.array(segment.passages.of_document(doc_id, cut=self.cut), dtype=np.int64)
            if len(here):
                found += here[segment.living(here)].tolist()
        return found

    def whole_documents(self, names: Iterable[str]) -> dict[str, list[int]]:
        """For each of these names that is the id of a living passage or document: the ordinals of that document's
        living passages, ascending. Unknown names are left out."""
        names = list(names)
        found = {name: [ordinal] for name, ordinal in self.ordinals_of(names).items()}
        if not self.cut:
            return found
        doc_ids = dict(zip(found, self.doc_ids([ordinal for [ordinal] in found.values()]), strict=True))
        every = {name: self.of_document(doc_ids.get(name, name)) for name in dict.fromkeys(names)}
        return {name: ordinals for name, ordinals in every.items() if ordinals}

    def named(self, ids: Iterable[str]) -> dict[str, list[int]]:
        """Ordinals behind each of these ids that is alive: of a document all its passages, of a passage its own."""
        ids = list(ids)
        found = {name: [ordinal] for name, ordinal in self.ordinals_of(ids).items()}
        for name in ids if self.cut else ():
            if name not in found and (passages := self.of_document(name)):
                found[name] = passages
        return found

    def document_text(self, doc_id: str) -> str | None:
        """The original text of a document, put together from its passages; None when it is not here, or not whole.

        Raises:
            IndexCorrupt: a passage is damaged.

        Cost: that of reading its passages.
        """
        return text_of(self.get(self.of_document(doc_id)))

    @cached_property
    def n_documents(self) -> int:
        """How many documents have a living passage."""
        if not self.cut:
            return len(self)
        count = 0
        for segment in self.open:
            numbered = segment.passages.numbered_documents()
            alive = segment.living(numbered[:, 0])
            count += len(np.unique(numbered[alive, 1]))
        return count

    def matching(self, where: Mapping[str, object]) -> NDArray[np.int64]:
        """Ordinals of the living passages that match a filter: int64 (n,), ascending. Recent filters are kept.

        Raises:
            InvalidQuery, LimitExceeded: the filter cannot be run.
        """
        node = parse(where)
        key = repr(node)  # not the node itself: 1, 1.0 and True are equal to Python
        with self._lock:
            kept = self._filters.get(key)
            if kept is not None:
                self._filters.move_to_end(key)
        if kept is not None:
            return _joined(segment.unpacked(bits) for segment, bits in zip(self.open, kept, strict=True))
        found = [segment.matching(node) for segment in self.open]
        packed = [segment.packed(ordinals) for segment, ordinals in zip(self.open, found, strict=True)]
        with self._lock:
            self._filters[key] = packed
            while len(self._filters) > _FILTERS_KEPT:
                self._filters.popitem(last=False)
        return _joined(found)

    def by_segment(self, ordinals: Iterable[int]) -> dict[int, NDArray[np.int64]]:
        """Number of a segment -> those of the ordinals that it holds, ascending."""
        wanted = np.unique(np.fromiter(ordinals, dtype=np.int64))
        owner = np.searchsorted(self._first, wanted, side="right") - 1
        return {int(number): wanted[owner == number] for number in np.unique(owner)}

    def close(self) -> None:
        """Close the passages files. The arrays stay mapped while something refers to them."""
        for segment in self.open:
            segment.passages.close()


def _joined(parts: Iterable[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])

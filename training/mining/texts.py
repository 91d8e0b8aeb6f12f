"""An index's store with the extra texts of a training set beside it."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.protocols import NamedPassages, PassageStore
from spaniel.retrieval.types import Passage

if TYPE_CHECKING:
    from spaniel.index.segments import Segments
    from spaniel.training.examples import TrainingSet

__all__ = ["WithTexts", "store_of"]


class WithTexts:
    """A `PassageStore`: ordinals below `first` are the store's, number `first + i` is text i.

    Attributes:
        store: the index's.
        identity: equal only for the same texts over the same index.
    """

    def __init__(self, store: PassageStore, texts: Sequence[str], first: int) -> None:
        self.store, self._texts, self._first = store, texts, first
        digest = hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
        self.identity = f"{getattr(store, 'identity', '')}+{digest}"

    def get(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> list[Passage]:
        """The passages in the order asked for."""
        wanted = [int(n) for n in ordinals]
        stored = [n for n in dict.fromkeys(wanted) if n < self._first]
        found = dict(zip(stored, self.store.get(stored), strict=True)) if stored else {}
        return [found[n] if n < self._first else self._extra(n) for n in wanted]

    def doc_ids(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> list[str]:
        """The document of each, in the order asked for; a text is one by itself, of a name that no document has."""
        wanted = [int(n) for n in ordinals]
        stored = [n for n in dict.fromkeys(wanted) if n < self._first]
        named = dict(zip(stored, cast(NamedPassages, self.store).doc_ids(stored), strict=True)) if stored else {}
        return [named.get(n, f"\0text {n - self._first}") for n in wanted]

    def _extra(self, ordinal: int) -> Passage:
        text = self._texts[ordinal - self._first]
        return Passage(f"text {ordinal - self._first}", "", 0, len(text), text)


def store_of(data: "TrainingSet") -> "Segments | WithTexts":
    """Where the texts of a set's passages are: its index, and what stands beside it."""
    store = data.index.passages
    return WithTexts(store, data.texts, data.first_extra) if data.texts else store

"""Vectors of sentences, kept for a while: the passages that answer one question are often read for the next one."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.protocols import Encoder

from .choice import of_length_1

__all__ = ["SentenceVectors"]

MAX_SENTENCES = 8192
"""12.6 MB of vectors of 384 dimensions; the one used longest ago goes first."""


class SentenceVectors:
    """An encoder of sentences that remembers the last ones. Safe to use from several threads.

    Args:
        encoder: whose vectors these are.
        most: sentences that are kept; 0 keeps none.
    """

    def __init__(self, encoder: Encoder, *, most: int = MAX_SENTENCES) -> None:
        self.encoder, self.most = encoder, most
        self._kept: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, texts: Sequence[str]) -> tuple[NDArray[np.float32], int]:
        """float32 (n, d) of length 1, in the order of the texts, and how many of them were encoded for it.

        Raises:
            ModelError: the encoder fails; nothing is kept of this call then.
        """
        with self._lock:
            known = {text: self._kept[text] for text in texts if text in self._kept}
        fresh = [text for text in dict.fromkeys(texts) if text not in known]
        if fresh:
            known |= zip(fresh, of_length_1(self.encoder.encode(fresh, kind="passage")), strict=True)
        with self._lock:
            for text in dict.fromkeys(texts):
                self._kept[text] = known[text]
                self._kept.move_to_end(text)
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
        return np.array([known[text] for text in texts], np.float32), len(fresh)

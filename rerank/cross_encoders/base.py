"""A cross-encoder: query and passage go through the model together and come out as one number.

The judge (`judges/cross_encoder.py`) and the server (`serve/`) both stand on this: pairs are tokenised once, their
lengths known, and batches run as they are given. Who calls decides what goes together.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spaniel.models.pair_tokens import Pair
from spaniel.retrieval.types import JSON

__all__ = ["Pair", "PairModel"]


class PairModel(Protocol):
    """Safe to call from several threads.

    Attributes:
        name: how people call it.
        sha256: over the files that decide its scores.
        max_length: tokens of a pair, special ones included.
        info: what `/info` and traces tell: architecture, labels, runtime, precision, provider, source, the activation
            that sentence-transformers would put on the logits, and what the gate of int8 measured.
    """

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def max_length(self) -> int: ...
    @property
    def info(self) -> Mapping[str, JSON]: ...

    def tokenised(self, query: str, passages: Sequence[str], *, max_passage_tokens: int | None = None) -> list[Pair]:
        """Pairs of one query with each passage, in their order; the passage is cut, the query only when it alone
        would leave the passage less than half of the room. Any text that is a str; half surrogate pairs are replaced.
        With `max_passage_tokens` (at least 1) no more of a passage is read than so many.
        """
        ...

    def logits(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """float32 (n,): one run of the model, padded to the longest of them. What a pair gets does not depend on the
        others, up to the rounding of padding.

        Raises:
            ModelError: the model fails or gives NaN.
        """
        ...

    def close(self) -> None:
        """Give memory back."""
        ...

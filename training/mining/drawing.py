"""Negatives that nobody searched for: drawn from the index, and the other passages of a batch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import PassageStore
from spaniel.training.examples import Example

from .candidates import generator
from .settings import MiningSettings
from .texts import WithTexts

__all__ = ["answers_in", "drawn", "living"]


def living(store: PassageStore) -> NDArray[np.int64]:
    """Ordinals of all passages that can be found: int64 (n,), ascending.

    Raises:
        InvalidInput: the store is not an index's.
    """
    from spaniel.index.segments import Segments

    if isinstance(store, WithTexts):
        store = store.store
    if not isinstance(store, Segments):
        raise InvalidInput("random", f"nobody knows what {type(store).__name__} holds", hint="give population=")
    alive = [segment.sparse.ordinals[segment.live].astype(np.int64) for segment in store]
    return np.sort(np.concatenate([np.zeros(0, np.int64), *alive]))


def drawn(example: Example, taken: Sequence[int], population: NDArray[np.int64], settings: MiningSettings) -> list[int]:
    """`settings.random` ordinals of the population, none of them the question's own or taken; fewer where there are
    no more. In the order drawn; the same for a question whatever else is drawn."""
    barred = {*example.positives, *example.negatives, *taken}
    chance = generator(example, settings.seed, "drawing")
    # So many that enough are left when all that are barred come up.
    some = chance.choice(population, min(len(population), settings.random + len(barred)), replace=False)
    return [n for n in some.tolist() if n not in barred][: settings.random]


def answers_in(examples: Sequence[Example], ordinals: Sequence[int]) -> NDArray[np.bool_]:
    """Which passages of a batch answer which of its questions: bool (n_questions, n_ordinals).

    What training masks: a passage that is there as the positive or negative of another question, and is one of this
    question's positives, is no negative of it.

    Example:
        >>> answers_in([Example("a", "?", {1: 1}), Example("b", "?", {2: 1, 3: 2})], [1, 2, 3]).tolist()
        [[True, False, False], [False, True, True]]
    """
    found = np.zeros((len(examples), len(ordinals)), np.bool_)
    for row, example in zip(found, examples, strict=True):
        row[:] = [ordinal in example.positives for ordinal in ordinals]
    return found

"""Negatives that nobody searched for: drawn from the index."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import PassageStore
from spaniel.training.examples import Example

from .candidates import generator
from .settings import MiningSettings
from .texts import WithTexts

__all__ = ["drawn", "living"]


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

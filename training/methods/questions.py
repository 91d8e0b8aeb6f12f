"""The questions of several sets as one list, and what a batch draws for them.

A passage of several indexes is known by one number, its key: which set it is of, and its ordinal there. All draws come
from (seed, epoch, question), so that they depend neither on the order of batches nor on where a training was resumed.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from spaniel.training.examples import Example, TrainingSet

__all__ = ["Questions"]

_SHIFT = 40
_MASK = (1 << _SHIFT) - 1


class Questions:
    """The training questions of several sets, numbered from 0 through all of them.

    Attributes:
        sets: in the order of the numbers.
        examples: of each number.
        set_of: the number of its set.
    """

    def __init__(self, sets: "Sequence[TrainingSet]", seed: int) -> None:
        self.sets, self.seed = list(sets), seed
        self.examples: list[Example] = [example for each in sets for example in each.train]
        self.set_of = [number for number, each in enumerate(sets) for _ in each.train]

    def __len__(self) -> int:
        return len(self.examples)

    def keys(self, place: int, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> list[int]:
        """Keys of passages of the question's index."""
        return [self.set_of[place] << _SHIFT | int(ordinal) for ordinal in ordinals]

    def places_of(self, number: int) -> list[int]:
        """The questions of a set."""
        return [place for place, of in enumerate(self.set_of) if of == number]

    def positives(self, place: int) -> set[int]:
        """Keys of all passages that answer the question."""
        return set(self.keys(place, list(self.examples[place].positives)))

    def positive(self, place: int, epoch: int) -> int:
        """One of them, drawn anew for every epoch; each as likely."""
        answers = sorted(self.examples[place].positives)
        return self.keys(place, [answers[int(self.draws(place, epoch).integers(len(answers)))]])[0]

    def some_positives(self, place: int, epoch: int, count: int) -> list[int]:
        """`count` different ones, that of `positive` first; all where there are no more."""
        first = self.positive(place, epoch)
        others = sorted(self.positives(place) - {first})
        chosen = self.draws(place, epoch, 2).choice(len(others), min(count - 1, len(others)), replace=False)
        return [first, *(others[each] for each in chosen.tolist())]

    def draws(self, place: int, epoch: int, what: int = 0) -> np.random.Generator:
        """The random numbers of a question in an epoch; `what` tells several uses apart."""
        return np.random.default_rng([self.seed, epoch, place, what])

    def of_set(self, keys: Sequence[int]) -> dict[int, list[int]]:
        """Number of a set -> places in `keys` of its passages."""
        found: dict[int, list[int]] = {}
        for place, key in enumerate(keys):
            found.setdefault(key >> _SHIFT, []).append(place)
        return found

    def texts(self, keys: Sequence[int]) -> list[str]:
        """What an encoder reads of these passages, in their order."""
        texts = [""] * len(keys)
        for number, places in self.of_set(keys).items():
            read = self.sets[number].passages([keys[place] & _MASK for place in places])
            for place, text in zip(places, read, strict=True):
                texts[place] = text
        return texts

    def ordinals(self, keys: Sequence[int]) -> NDArray[np.int64]:
        """int64, each key's ordinal in its own index."""
        return np.array([key & _MASK for key in keys], np.int64)

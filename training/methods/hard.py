"""Static hard negatives: for each question, passages that a model ranked high and that do not answer it.

STAR (Zhan et al., SIGIR 2021, sec. 5.1) takes them from the first 200 of the model that training starts from, once, and
draws some of them anew at every step. Which they are is for `training/mining` to say: ranks, the margin below the
positive, copies of answers left out, as by `spaniel train mine`. Here the table stands that is drawn from.

Negatives that a set lists for a question are taken as they are, in place of mined ones. Judgements of grade 0 are no
such list, there may be one where a hundred are wanted; they stand before what is mined.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.protocols import Retriever
from spaniel.training.mining import mine
from spaniel.training.mining.settings import MiningSettings
from spaniel.training.mining.texts import store_of

from .questions import Questions

if TYPE_CHECKING:
    from spaniel.training.settings import TrainSettings

__all__ = ["HardNegatives", "mined", "mining_settings", "wanting"]

_AT_ONCE = 1024
"""Questions whose negatives are lists of Python for a moment."""


class HardNegatives:
    """The hard negatives of each question, the hardest first: four bytes each.

    Args:
        questions: whose they are.
    """

    def __init__(self, questions: Questions) -> None:
        self._questions = questions
        self.fill([np.zeros(0, np.int32)] * len(questions))

    def fill(self, rows: Sequence[NDArray[np.int32]]) -> None:
        """Take these ordinals, of each question's own index."""
        self._ends = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        self._ordinals = np.concatenate([np.zeros(0, np.int32), *rows])

    def of(self, place: int) -> NDArray[np.int32]:
        """Of one question, int32 (n,)."""
        found: NDArray[np.int32] = self._ordinals[self._ends[place] : self._ends[place + 1]]
        return found

    def drawn(self, place: int, count: int, draws: np.random.Generator) -> list[int]:
        """Keys of `count` different ones of a question, each as likely; of all where it has no more."""
        row = self.of(place)
        n = len(row)
        chosen = draws.choice(n, min(count, n), replace=False) if n else np.zeros(0, np.int64)
        return self._questions.keys(place, row[np.sort(chosen)])

    def state(self) -> dict[str, NDArray[Any]]:
        """For a checkpoint."""
        return {"hard": self._ordinals, "hard_ends": self._ends}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """The inverse of `state`."""
        self._ordinals, self._ends = state["hard"].astype(np.int32), state["hard_ends"].astype(np.int64)


def mining_settings(settings: "TrainSettings") -> MiningSettings:
    """How hard negatives are mined: all of the ranks, for one is drawn at each step."""
    return MiningSettings(
        n=settings.rank_to - settings.rank_from,
        rank_range=(settings.rank_from, settings.rank_to),
        relative_margin=settings.relative_margin or None,
        seed=settings.seed,
    )


def wanting(questions: Questions, number: int) -> list[int]:
    """The questions of a set for which negatives are mined: those for which it lists none."""
    judged = questions.sets[number].judged
    return [place for place in questions.places_of(number) if judged or not questions.examples[place].negatives]


def mined(questions: Questions, retrievers: Sequence[Retriever], settings: "TrainSettings") -> list[NDArray[np.int32]]:
    """Ordinals of each question's hard negatives, int32: those given, and mined ones where no list was given.

    Args:
        retrievers: of each set's index.

    Raises:
        ModelError, IndexCorrupt: as the search.

    Cost: a search a question that wants some, and a look at each passage in the ranks, about 10 us.
    """
    if not settings.negatives:
        return [np.zeros(0, np.int32)] * len(questions)
    rows = [np.array(example.negatives, np.int32) for example in questions.examples]
    how = mining_settings(settings)
    for number, retriever in enumerate(retrievers):
        places, store = wanting(questions, number), store_of(questions.sets[number])
        for start in range(0, len(places), _AT_ONCE):
            some = places[start : start + _AT_ONCE]
            found = mine.mined([questions.examples[place] for place in some], retriever, passages=store, settings=how)
            for place, example in zip(some, found.examples, strict=True):
                rows[place] = np.array(example.negatives, np.int32)
    return rows

"""What methods that draw hard negatives share: questions of several sets, the table of negatives, and its state."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from spaniel.retrieval.types import JSON
from spaniel.training.method import Method

from .hard import HardNegatives, mined
from .questions import Questions
from .start import Start, data_of

if TYPE_CHECKING:
    from spaniel.training.examples import TrainingSet
    from spaniel.training.settings import TrainSettings
    from spaniel.training.tower import Tower

__all__ = ["HardTraining"]


class HardTraining(Method):
    """Questions with positives and hard negatives, both drawn anew for every epoch.

    Args:
        sets: what is trained on.
        settings: see TrainSettings.
        query: the start, for questions; asks the indexes.
        vectors: name of the indexes' vectors.

    Attributes:
        questions: of all sets.
        hard: their hard negatives.
    """

    def __init__(
        self, sets: "Sequence[TrainingSet]", settings: "TrainSettings", query: "Tower", vectors: str | None
    ) -> None:
        self.sets, self.settings = list(sets), settings
        self.questions = Questions(self.sets, settings.seed)
        self._starts = [Start(each, query, vectors) for each in self.sets]
        self._epoch, self.hard = 0, HardNegatives(self.questions)
        self.hard.fill(mined(self.questions, self._starts, settings))

    def n_examples(self) -> int:
        return len(self.questions)

    def begin_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def state(self) -> Mapping[str, NDArray[Any]]:
        """The table: mined by other numbers of threads it could differ in a last place, and it may be mined anew."""
        return self.hard.state() if self.settings.negatives else {}

    def restore(self, epoch: int, state: Mapping[str, NDArray[Any]]) -> None:
        self._epoch = epoch
        if state:
            self.hard.restore(state)

    def definition(self) -> Mapping[str, JSON]:
        return data_of(self.sets, [start.vectors for start in self._starts])

    def hard_of(self, places: Sequence[int]) -> list[int]:
        """Keys of hard negatives drawn for these questions, each once."""
        draws = (self.questions.draws(place, self._epoch, 1) for place in places)
        drawn = [self.hard.drawn(place, self.settings.negatives, own) for place, own in zip(places, draws, strict=True)]
        return list(dict.fromkeys(key for each in drawn for key in each))

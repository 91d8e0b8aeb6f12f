"""Sets scored by a reranker that reads them as one text: CARROT's scorer (Wang et al., ICDE 2026, sec. 4).

Any judge that scores will do, a cross-encoder above all. What it reads is the passages of the set one behind the other,
each with its title; a judge reads no more than so many tokens, and what lies behind them does not count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from spaniel.models.text import passage_text
from spaniel.rerank.judges.base import Call, Judge
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.types import Passage, Query

from .base import Candidate

__all__ = ["JudgedSets"]


@dataclass(frozen=True, slots=True)
class JudgedSets:
    """The set scorer "judge".

    Args:
        judge: one that scores; see `open_judge`. It stays open.
        price: taken off for each passage of a set, in the judge's own scores.

    Cost: a call of the judge for each set.

    Raises:
        InvalidInput: the judge cannot score.
    """

    judge: Judge
    price: float = 0.0
    name: ClassVar[str] = "judge"
    ordered: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not self.judge.can("score"):
            raise InvalidInput(self.name, f"{self.judge.name} cannot score", "give a cross-encoder")

    def of(self, question: str, candidates: Sequence[Candidate]) -> "_JudgedValue":
        """See `sets.SetScorer`."""
        return _JudgedValue(self, Query("", question), candidates)


class _JudgedValue:
    """See `sets.SetValue`."""

    def __init__(self, scorer: JudgedSets, query: Query, candidates: Sequence[Candidate]) -> None:
        self.scorer, self.query = scorer, query
        self.floor: float | None = None
        self.texts = [passage_text(each.passage.title, each.passage.text) for each in candidates]

    def grown(self, chosen: tuple[int, ...], places: Sequence[int]) -> NDArray[np.float64]:
        """See `sets.SetValue`; the worst candidate alone is worth 1, for scores may be negative all over.

        Raises:
            ModelError: the judge gave no score to a set.
        """
        calls = [Call(self.query, (self._together((*chosen, place)),)) for place in places]
        scores = self.scorer.judge.answer("score", calls).answers
        if any(score is None for score in scores):
            raise ModelError(f"{self.scorer.judge.name} gave no score to a set of {len(chosen) + 1} passages")
        worths = np.array(cast("list[float]", scores), np.float64) - self.scorer.price * (len(chosen) + 1)
        if self.floor is None:
            self.floor = float(worths.min(initial=np.inf)) - 1.0
        return worths - self.floor

    def _together(self, places: tuple[int, ...]) -> Passage:
        """The texts of a set as one passage."""
        text = "\n".join(self.texts[place] for place in places)
        return Passage("+".join(map(str, places)), "", 0, len(text), text)

"""Static hard negatives: for each question, passages that a model ranked high and that do not answer it.

STAR (Zhan et al., SIGIR 2021, sec. 5.1) takes them from the first 200 of the model that training starts from, once, and
draws some of them anew at every step. Here the search is the index's own, by the vectors it holds or by words where it
has none. After every so many epochs the model as it is may mine again, which encodes the whole index.

A negative that scores above the positive less a margin may well be an answer that nobody judged, and is left out
(Moreira et al., "NV-Retriever", arXiv 2407.15831, sec. 4.1). Finer filters are those of `spaniel train mine`, whose
negatives are taken as they are.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.types import Ranking

from .questions import Questions

if TYPE_CHECKING:
    from spaniel.training.examples import Example
    from spaniel.training.settings import TrainSettings

    from .start import Start

__all__ = ["HardNegatives", "best_rows", "depth_for", "kept_negatives", "mined", "positive_score"]


class HardNegatives:
    """Keys of each question's hard negatives, the hardest first.

    Args:
        n: questions.
    """

    def __init__(self, n: int) -> None:
        self.table = np.full((n, 0), -1, np.int64)

    def fill(self, keys: Sequence[Sequence[int]]) -> None:
        """Take these, for each question."""
        width = max(map(len, keys), default=0)
        self.table = np.full((len(keys), width), -1, np.int64)
        for row, each in zip(self.table, keys, strict=True):
            row[: len(each)] = each

    def drawn(self, place: int, count: int, draws: np.random.Generator) -> list[int]:
        """`count` different ones of a question, each as likely; all where it has no more."""
        row = self.table[place]
        n = int((row >= 0).sum())
        chosen = draws.choice(n, min(count, n), replace=False) if n else np.zeros(0, np.int64)
        found: list[int] = row[np.sort(chosen)].tolist()
        return found


def mined(questions: Questions, starts: "Sequence[Start]", settings: "TrainSettings") -> list[list[int]]:
    """Keys of each question's hard negatives: those that were given, and where none were, of what the start finds.

    Cost: encodes and searches the questions without any.
    """
    examples = questions.examples
    found = [questions.keys(place, example.negatives) for place, example in enumerate(examples)]
    if not settings.negatives:
        return [[] for _ in found]
    for number, start in enumerate(starts):
        wanting = [place for place in questions.places_of(number) if not found[place]]
        asked = [examples[place] for place in wanting]
        rankings = start.find(asked, depth_for(asked, settings)) if asked else []
        for place, example, ranking in zip(wanting, asked, rankings, strict=True):
            best = positive_score(example, ranking)
            kept = kept_negatives(example, ranking.ids.astype(np.int64), ranking.scores, best, settings)
            found[place] = questions.keys(place, kept)
    return found


def kept_negatives(
    example: "Example",
    ordinals: NDArray[np.int64],
    scores: NDArray[np.float32],
    positive: float | None,
    settings: "TrainSettings",
) -> NDArray[np.int64]:
    """Which passages of a ranking are hard negatives: their ordinals, in its order.

    Args:
        ordinals, scores: (n,), best first.
        positive: the score of the question's best positive; None where it was not found, and nothing is compared.
        settings: `rank_from` and `rank_to` count among what is kept; a negative scores at most the positive's score
            less `relative_margin` of it, of which 0 keeps all.
    """
    kept = ~np.isin(ordinals, np.fromiter(example.positives, np.int64))
    if settings.relative_margin and positive is not None:
        kept &= scores <= positive - settings.relative_margin * abs(positive)
    return ordinals[kept][settings.rank_from : settings.rank_to]


def positive_score(example: "Example", ranking: Ranking) -> float | None:
    """The best score of what answers the question; None where the ranking has none of it."""
    found = ranking.scores[np.isin(ranking.ids, np.fromiter(example.positives, np.int64))]
    return float(found.max()) if len(found) else None


def depth_for(examples: "Sequence[Example]", settings: "TrainSettings") -> int:
    """How deep to search, so that enough is left without the positives."""
    return settings.rank_to + max((len(example.positives) for example in examples), default=0)


def best_rows(
    queries: NDArray[np.float32], rows: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k rows with the highest dot products, best first, ties by row: int64 and float32 (q, k).

    Cost: q n d multiplications, in pieces of 64 queries.
    """
    k = min(k, len(rows))
    found, scores = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
    for start in range(0, len(queries), 64):
        products = queries[start : start + 64] @ rows.T
        for place, row in enumerate(products, start):
            some = np.argpartition(-row, k - 1)[:k] if k < len(row) else np.arange(k)
            order = np.lexsort((some, -row[some]))
            found[place], scores[place] = some[order], row[some[order]]
    return found, scores

"""Dev for methods that change the passages' vectors: held-out questions over a fixed pool of passages.

Encoding a whole corpus at every evaluation would cost more than the training, so the held-out questions are asked of a
pool: what answers them, the passages that the start ranks highest for them, and passages drawn at random. The pool is
drawn once, by the seed, and stays the same, so that its figures can be compared with one another. They are higher than
those of the whole corpus, and a little kind to whatever differs from the start, whose own mistakes the pool is made of:
what a training gained is for a test over the whole corpus to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.types import Ranking

if TYPE_CHECKING:
    from spaniel.training.examples import Example, TrainingSet

__all__ = ["DevPool", "dev_pool", "ndcg"]

_RANDOM_SHARE = 0.25
"""Of the pool's places, beside those of the positives, that are for random passages; hard ones have the others."""


@dataclass(frozen=True, slots=True, eq=False)
class DevPool:
    """Questions and the passages they are asked of.

    Attributes:
        name: of the set.
        examples: the held-out questions.
        ordinals: int64 (n,), ascending, each once.
    """

    name: str
    examples: "Sequence[Example]"
    ordinals: NDArray[np.int64]

    @property
    def questions(self) -> list[str]:
        """Their texts."""
        return [example.text for example in self.examples]

    def ndcg(self, scores: NDArray[np.float32], *, cut: int = 10) -> NDArray[np.float64]:
        """nDCG of each question, float64 (questions,), by scores (questions, n) of the pool's passages."""
        grades = np.zeros(scores.shape, np.int64)
        for row, example in enumerate(self.examples):
            places = np.searchsorted(self.ordinals, np.fromiter(example.positives, np.int64))
            grades[row, places] = list(example.positives.values())
        return ndcg(scores, grades, cut=cut)


def dev_pool(
    training_set: "TrainingSet", found: Sequence[Ranking], live: NDArray[np.int64], *, size: int, seed: int
) -> DevPool:
    """The pool of a set's held-out questions.

    Args:
        found: what the start finds for each of them, best first.
        live: int64, the ordinals that an index has; random passages are of them.
        size: passages, unless the positives alone are more.

    Hard passages are taken rank by rank, the first of every question before the second of any.
    """
    positives = {ordinal for example in training_set.dev for ordinal in example.positives}
    pool = dict.fromkeys(sorted(positives))
    n_hard = int((size - len(pool)) * (1 - _RANDOM_SHARE)) + len(pool)
    for rank in range(max((len(ranking.ids) for ranking in found), default=0)):
        for ranking in found:
            if rank < len(ranking.ids) and len(pool) < n_hard:
                pool.setdefault(int(ranking.ids[rank]))
    for ordinal in np.random.default_rng(seed).permutation(live)[: max(size, 0)].tolist():
        if len(pool) >= size:
            break
        pool.setdefault(ordinal)
    return DevPool(training_set.name, training_set.dev, np.array(sorted(pool), np.int64))


def ndcg(scores: NDArray[np.float32], grades: NDArray[np.int64], *, cut: int = 10) -> NDArray[np.float64]:
    """nDCG with linear gains, as `spaniel eval` measures it, float64 (q,); 0 where nothing is relevant.

    Args:
        scores, grades: (q, n); equal scores keep the order of the columns.
    """
    discounts = 1 / np.log2(np.arange(2, min(cut, scores.shape[1]) + 2))
    order = np.argsort(-scores, axis=1, kind="stable")[:, : len(discounts)]
    gained = np.take_along_axis(grades, order, axis=1) @ discounts
    ideal = -np.sort(-grades, axis=1)[:, : len(discounts)] @ discounts
    return np.divide(gained, ideal, out=np.zeros(len(scores)), where=ideal > 0)

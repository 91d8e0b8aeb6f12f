"""Dev for methods that change the passages' vectors: held-out questions over a fixed pool of passages.

Encoding a whole corpus at every evaluation would cost more than the training, so the held-out questions are asked of a
pool: what answers them, the passages that the start ranks highest for them, and passages drawn at random. The pool is
drawn once, by the seed, and stays the same, so that its figures can be compared with one another. They are higher than
those of the whole corpus, and a little kind to whatever differs from the start, whose own mistakes the pool is made of:
what a training gained is for a test over the whole corpus to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.protocols import NamedPassages
from spaniel.retrieval.types import Ranking
from spaniel.training.by_document import ByDocument
from spaniel.training.mining.texts import store_of

from .nearest import Nearest

if TYPE_CHECKING:
    from spaniel.training.examples import Example, TrainingSet

__all__ = ["DevPool", "dev_pool"]

_RANDOM_SHARE = 0.25
"""Of the pool's places, beside those of the positives, that are for random passages; hard ones have the others."""
_DEPTH = 100
"""Passages a question is measured by; ten documents are among them, unless cut very small."""


@dataclass(frozen=True, slots=True, eq=False)
class DevPool:
    """Questions and the passages they are asked of.

    Attributes:
        name: of the set.
        examples: the held-out questions.
        ordinals: int64 (n,), ascending, each once.
        measured: by the documents of these passages.
    """

    name: str
    examples: "Sequence[Example]"
    ordinals: NDArray[np.int64]
    measured: ByDocument

    @property
    def questions(self) -> list[str]:
        """Their texts."""
        return [example.text for example in self.examples]

    def ndcg(self, queries: NDArray[np.float32], passages: NDArray[np.float32]) -> NDArray[np.float64]:
        """nDCG@10 of each question, float64 (q,), by dot products of vectors (q, d) and (n, d): by documents, as
        `spaniel eval` measures it."""
        nearest = Nearest(queries, _DEPTH)
        nearest.add(self.ordinals, passages)
        return self.measured.ndcg(nearest.rankings(), self.examples)


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
    measured = ByDocument(cast(NamedPassages, store_of(training_set)))
    return DevPool(training_set.name, training_set.dev, np.array(sorted(pool), np.int64), measured)

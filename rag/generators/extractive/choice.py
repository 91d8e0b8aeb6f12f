"""Which sentences make the answer: by maximal marginal relevance among those that may hold it, in source order."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.mmr import mmr

from .features import Asked
from .sentences import Sentence

__all__ = ["best_sentences", "of_length_1", "term_vectors"]

_POOL = 32


def best_sentences(
    probabilities: NDArray[np.float64],
    vectors: NDArray[np.float32] | None,
    sentences: Sequence[Sentence],
    asked: Asked,
    *,
    most: int,
    diversity: float,
    share: float,
) -> list[int]:
    """Places of the sentences of the answer, best first; the first is the most probable one.

    Args:
        probabilities: (n_sentences,), that each holds the answer.
        vectors: float32 (n_sentences, d), of length 1; None: vectors of the sentences' terms.
        most: how many at most.
        diversity: weight of being unlike what is taken already, 0 to 1.
        share: of the best one's probability, that each needs to have.

    Only the 32 most probable are considered. Ties go to the earlier sentence. What is said in the same words twice, as
    in copies of a document, is taken once.
    """
    pool = np.argsort(-probabilities, kind="stable")[:_POOL]
    pool = pool[probabilities[pool] >= share * probabilities[pool[0]]]
    words = [" ".join(sentences[place].shown.casefold().split()) for place in pool]
    pool = pool[[words.index(each) == i for i, each in enumerate(words)]]
    if most == 1 or len(pool) == 1:
        return [int(pool[0])]
    near = term_vectors([sentences[place] for place in pool], asked) if vectors is None else vectors[pool]
    relevance = probabilities[pool] / max(float(probabilities[pool[0]]), 1e-12)
    order = mmr(relevance, near, weight=1.0 - diversity, k=most)
    return [int(place) for place in pool[order]]


def term_vectors(sentences: Sequence[Sentence], asked: Asked) -> NDArray[np.float32]:
    """float32 (n, n_terms) of length 1: which terms a sentence holds, those of the question left out.

    Two sentences that share no more than the question's own words do not repeat each other.
    """
    columns: dict[str, int] = {}
    for sentence in sentences:
        for term in sentence.terms:
            if term not in asked.weights:
                columns.setdefault(term, len(columns))
    told = np.zeros((len(sentences), max(len(columns), 1)), np.float32)
    for row, sentence in enumerate(sentences):
        for term in sentence.terms:
            if (column := columns.get(term)) is not None:
                told[row, column] = 1.0
    return of_length_1(told)


def of_length_1(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 (n, d): the rows (n, d) divided by their lengths; those of length 0 stay 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: NDArray[np.float32] = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32, copy=False)
    return units

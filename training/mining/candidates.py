"""Of what a retriever found for a question, the passages that may be negatives, in the order they will be looked at."""

from collections import Counter
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.types import Ranking
from spaniel.training.examples import Example

from .settings import MiningSettings

__all__ = ["PossibleNegatives", "candidates", "generator", "searched_depth"]


@dataclass(frozen=True, slots=True)
class PossibleNegatives:
    """What is left for one question.

    Attributes:
        ordinals: int64 (m,), in the order to be looked at.
        by_rank: the same by rank, which "hardest first" goes by.
        positives: ordinals of the positives, those that were found first, by rank, then the others.
        counts: how many were left out, and why.
    """

    ordinals: NDArray[np.int64]
    by_rank: NDArray[np.int64]
    positives: tuple[int, ...]
    counts: Counter[str]


def searched_depth(example: Example, settings: MiningSettings) -> int:
    """How deep the search must go, so that every rank of the range is found whatever stands between."""
    return settings.rank_range[1] + len(example.positives) + len(example.negatives)


def candidates(example: Example, ranking: Ranking, settings: MiningSettings, *, by_scores: bool) -> PossibleNegatives:
    """What may be a negative, before anybody has looked at a text.

    Margins need no score of a positive that was not found: everything found stands above it, so nothing passes. (True
    of a retriever that finds all there is. One that may miss a near passage, such as a graph, may lose negatives.)

    Args:
        ranking: at least `searched_depth` deep, or all there is; what is deeper changes nothing.
        by_scores: the margins are about the retriever's scores, not a judge's.
    """
    ranking = ranking[: searched_depth(example, settings)]
    ids, scores = ranking.ids.astype(np.int64), ranking.scores.astype(np.float64)
    listed, given = ids.tolist(), set(example.negatives)
    positive = np.array([n in example.positives for n in listed], np.bool_)
    known = positive | np.array([n in given for n in listed], np.bool_) if given else positive
    first, end = settings.rank_range
    others = np.flatnonzero(~known)[first:end]
    counts = Counter(positives_found=int(positive.sum()), candidates=len(others))
    if by_scores and settings.has_margin:
        bound = settings.highest(settings.reference(scores[positive].tolist(), len(example.positives), judged=False))
        kept = others[scores[others] <= bound]
        counts["margin"] = len(others) - len(kept)
        counts["questions_positive_not_found"] = int(bound == -np.inf)
        others = kept
    by_rank = ids[others]
    ordinals = by_rank
    if settings.sampling == "random":
        ordinals = generator(example, settings.seed, "sampling").permutation(by_rank)
    found = dict.fromkeys(ids[positive].tolist())
    return PossibleNegatives(ordinals, by_rank, tuple(found | dict.fromkeys(example.positives)), counts)


def generator(example: Example, seed: int, purpose: str) -> np.random.Generator:
    """Chance of one question alone: whatever else is mined, and in which order, it draws the same."""
    key = f"{seed}\0{purpose}\0{example.id}\0{example.text}".encode("utf-8", "surrogatepass")
    return np.random.default_rng(int.from_bytes(blake2b(key, digest_size=16).digest(), "little"))

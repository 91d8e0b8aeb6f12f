"""The context of a question for a routing policy: all groups of features, one vector.

`query_features` puts together what the question says about itself, how rare its words are, and what searches have
found. Every value lies in about -1..1, so that linear policies need no scaling; the constant 1 is theirs to add. What
is not given (no index, no searches) is left out, names and values alike.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.types import Ranking

from .found import SCORE_FEATURES, overlap_names, overlaps, score_features
from .question import QUESTION_FEATURES, question_features
from .rarity import RARITY_FEATURES, Frequencies, rarity_features

__all__ = ["feature_names", "query_features"]


def feature_names(*, frequencies: bool = False, searches: Sequence[str] = ()) -> tuple[str, ...]:
    """Names of the values of `query_features`, in their order.

    Example:
        >>> len(feature_names()), len(feature_names(frequencies=True, searches=["bm25", "dense"]))
        (28, 52)
    """
    return (
        *QUESTION_FEATURES,
        *(RARITY_FEATURES if frequencies else ()),
        *(f"{search}.{name}" for search in searches for name in SCORE_FEATURES),
        *overlap_names(searches),
    )


def query_features(
    question: str,
    frequencies: Frequencies | None = None,
    rankings: Mapping[str, Ranking] | None = None,
    *,
    units: Mapping[str, float] | None = None,
    depth: int = 10,
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Names and values, float64 (d,), of what is known of a question.

    Args:
        frequencies: of words in the index; None leaves the rarity of words out.
        rankings: search -> what it found.
        units: search -> its perfect score for this question, where it has one; see `score_features`.
        depth: how much of each ranking is looked at.

    Cost: about 0.1 ms, and the searches.
    """
    found = dict(rankings or {})
    parts = [question_features(question)]
    if frequencies is not None:
        parts.append(rarity_features(question, frequencies))
    for search, ranking in found.items():
        parts.append(score_features(ranking, unit=(units or {}).get(search, 0.0), depth=depth))
    parts.append(overlaps(found, depth=depth))
    names = feature_names(frequencies=frequencies is not None, searches=tuple(found))
    return names, np.concatenate(parts)

"""What judgements say of rankings, place by place: what cut-offs are fitted on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Ranking

__all__ = ["JudgedPlaces", "first_relevant_ranks", "judged_places"]


@dataclass(frozen=True, slots=True, eq=False)
class JudgedPlaces:
    """Rankings with the places of what is relevant.

    Attributes:
        rankings: cut to the window, none of them empty.
        relevant: bool (len(ranking),) for each.
        n_relevant: int64 (n,), how many relevant passages each query has in all, found or not; at least 1.
    """

    rankings: list[Ranking]
    relevant: list[NDArray[np.bool_]]
    n_relevant: NDArray[np.int64]


def judged_places(
    where: str,
    rankings: Sequence[Ranking],
    judgements: Sequence[Mapping[int, int]],
    *,
    window: int | None = None,
    relevance: int = 1,
) -> JudgedPlaces:
    """The rankings that found anything of queries that have something relevant.

    Args:
        where: names the caller in errors.
        rankings: one for each query.
        judgements: for each query grade by ordinal; what was not found may stand there under any number of its own.
        window: how many of each ranking count.
        relevance: the smallest grade that is relevant.

    Raises:
        InvalidInput: other numbers of rankings and judgements, or nothing relevant at all.
    """
    if len(rankings) != len(judgements):
        raise InvalidInput(where, f"{len(rankings)} rankings and {len(judgements)} judgements")
    tops, relevant, counts = [], [], []
    for ranking, grades in zip(rankings, judgements, strict=True):
        wanted = {id_ for id_, grade in grades.items() if grade >= relevance}
        if wanted and len(ranking):
            tops.append(ranking[:window])
            relevant.append(np.isin(tops[-1].ids, np.fromiter(wanted, np.int64, len(wanted))))
            counts.append(len(wanted))
    if not any(found.any() for found in relevant):
        raise InvalidInput(where, "no relevant passage was found", "see that rankings and judgements belong together")
    return JudgedPlaces(tops, relevant, np.array(counts, np.int64))


def first_relevant_ranks(
    rankings: Sequence[Ranking], judgements: Sequence[Mapping[int, int]], *, relevance: int = 1
) -> list[int | None]:
    """For each ranking the rank, from 1, of its first relevant passage; None where it has none.

    Example:
        >>> first_relevant_ranks([Ranking.of([4, 2], [0.9, 0.5]), Ranking.of([4], [0.9])], [{2: 1}, {2: 1}])
        [2, None]
    """
    ranks: list[int | None] = []
    for ranking, grades in zip(rankings, judgements, strict=True):
        places = (rank for rank, id_ in enumerate(ranking.ids.tolist(), 1) if grades.get(id_, 0) >= relevance)
        ranks.append(next(places, None))
    return ranks

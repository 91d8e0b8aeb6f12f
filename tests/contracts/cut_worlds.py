"""Rankings with judgements out of a known world: scores of relevant passages lie higher, by more for easy queries."""

from dataclasses import dataclass

import numpy as np

from spaniel.retrieval.types import Ranking

__all__ = ["World", "world"]


@dataclass(frozen=True)
class World:
    """Queries of a world; passages that were not found have negative numbers."""

    rankings: list[Ranking]
    judgements: list[dict[int, int]]


def world(n: int, *, seed: int, depth: int = 60, missing: float = 0.1) -> World:
    """n queries with 1 to 3 relevant passages among `depth`; a share `missing` of them was not found."""
    rng = np.random.default_rng(seed)
    rankings, judgements = [], []
    for _ in range(n):
        n_relevant, ease = int(rng.integers(1, 4)), rng.exponential(2.0)
        scores = rng.normal(0, 1, depth)
        scores[:n_relevant] += ease
        lost = rng.random(n_relevant) < missing
        grades = {(-1 - i if lost[i] else i): 1 for i in range(n_relevant)}
        kept = [i for i in range(depth) if not (i < n_relevant and lost[i])]
        rankings.append(Ranking.sorted(kept, scores[kept]))
        judgements.append(grades)
    return World(rankings, judgements)

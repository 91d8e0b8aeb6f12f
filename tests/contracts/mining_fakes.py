"""A retriever over given scores, a store of given texts, and the plain definition of what is mined."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spaniel.retrieval.protocols import Exclude, Where
from spaniel.retrieval.types import Passage, QueryLike, Ranking, as_queries
from spaniel.training.examples import Example
from spaniel.training.mining.settings import MiningSettings


@dataclass
class Texts:
    """Passage n says `texts[n]`."""

    texts: Sequence[str]
    identity: str = "texts:1"
    read: list[int] = field(default_factory=list)

    def get(self, ordinals: Sequence[int] | Any) -> list[Passage]:
        self.read += [int(n) for n in ordinals]
        return [Passage(f"p{n}", f"p{n}", 0, len(self.texts[n]), self.texts[n]) for n in ordinals]


@dataclass
class Scores:
    """Finds passages by the scores written down for a question; `searched` is how often each was asked."""

    scores: Mapping[str, Mapping[int, float]]
    passages: Texts
    name: str = "scores"
    depth: int = 1000
    searched: list[str] = field(default_factory=list)

    def search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
    ) -> list[Ranking]:
        asked = as_queries(queries)
        self.searched += [query.id for query in asked]
        found = [self.scores[query.id] for query in asked]
        return [Ranking.sorted(list(each), list(each.values()))[: k or self.depth] for each in found]


def plain_negatives(example: Example, scores: Mapping[int, float], settings: MiningSettings) -> list[int]:
    """What `mine` gives with sampling "top" and no judge, by the definition; all texts differ."""
    shown = {n: float(np.float32(score)) for n, score in scores.items()}
    order = sorted(shown, key=lambda n: (-shown[n], n))
    known = {*example.positives, *example.negatives}
    others = [n for n in order if n not in known][settings.rank_range[0] : settings.rank_range[1]]
    of_positives = [shown[n] for n in example.positives if n in shown]
    if settings.has_margin:
        named = {"best": 1, "worst": len(example.positives)}
        place = named[settings.against] if isinstance(settings.against, str) else settings.against
        place = min(place, len(example.positives))
        if len(of_positives) < place:
            return []
        positive = sorted(of_positives)[-place]
        if settings.relative_margin is not None:
            others = [n for n in others if shown[n] <= positive - abs(positive) * settings.relative_margin]
        if settings.absolute_margin is not None:
            others = [n for n in others if shown[n] <= positive - settings.absolute_margin]
    return others[: settings.n]

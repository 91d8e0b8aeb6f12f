"""A retriever small enough to be obviously right; other parts are tested on top of it."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import Stage
from spaniel.retrieval.protocols import Exclude, Where
from spaniel.retrieval.types import Passage, QueryLike, Ranking, as_queries

__all__ = ["ListStore", "WordCount"]


class ListStore:
    """Passages in a list; the ordinal is the place. Each is a document of its own unless `documents` names others."""

    def __init__(self, texts: Sequence[str], documents: Sequence[str] | None = None) -> None:
        named = documents or [f"p{i}" for i in range(len(texts))]
        self.passages = [Passage(f"p{i}", named[i], 0, len(text), text) for i, text in enumerate(texts)]

    def get(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> list[Passage]:
        return [self.passages[int(i)] for i in ordinals]

    def ids(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> list[str]:
        return [self.passages[int(i)].id for i in ordinals]

    def doc_ids(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> list[str]:
        return [self.passages[int(i)].doc_id for i in ordinals]

    def ordinals_of(self, ids: Iterable[str]) -> dict[str, int]:
        places = {passage.id: i for i, passage in enumerate(self.passages)}
        return {id_: places[id_] for id_ in ids if id_ in places}


class WordCount(Stage):
    """Score: how often the query's words stand in the passage; passages without any are not found."""

    def __init__(self, texts: Sequence[str], *, depth: int = 100, name: str = "words", weight: float = 1.0) -> None:
        self.texts, self.depth, self.name, self.weight = list(texts), depth, name, weight
        self.passages: ListStore | None = ListStore(texts)

    def search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
    ) -> list[Ranking]:
        k = self.depth if k is None else k
        if k < 1:
            raise InvalidInput("search", f"k is {k}; it must be at least 1")
        if where:
            raise InvalidInput("search", "no filters here")
        if exclude is not None and len(exclude) != len(queries):
            raise InvalidInput("search", f"{len(queries)} queries and {len(exclude)} lists of ordinals to exclude")
        rankings = []
        for place, query in enumerate(as_queries(queries)):
            hidden = set(exclude[place]) if exclude else set()
            counts = {
                i: sum(text.split().count(word) for word in query.text.split()) for i, text in self._shown(hidden)
            }
            kept = {i: n for i, n in counts.items() if n}
            rankings.append(Ranking.sorted(list(kept), [self.weight * n for n in kept.values()])[:k])
        return rankings

    def _shown(self, hidden: set[int]) -> list[tuple[int, str]]:
        return [(i, text) for i, text in enumerate(self.texts) if i not in hidden]

"""Where relevant documents are lost: how many are still there after each stage, and which stage dropped which.

A stage that searches adds documents; a later one orders, joins or cuts what came before. So a document that was found
and is not in the result was dropped by the first stage that does not search after the last one that still had it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .qrels import Qrels
from .run import Run

__all__ = ["NEVER_FOUND", "Losses"]

NEVER_FOUND = "retrieval"


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """What became of the relevant documents of a run's queries.

    Attributes:
        stages: in order of the pipeline.
        queries: id of the query of each relevant document.
        documents: its id, parallel to `queries`.
        kept: bool (n_stages, n_relevant), whether the stage's ranking holds it.
        sources: bool (n_stages,), whether the stage searches.
    """

    stages: tuple[str, ...]
    queries: tuple[str, ...]
    documents: tuple[str, ...]
    kept: NDArray[np.bool_]
    sources: NDArray[np.bool_]

    @classmethod
    def of(cls, run: Run, qrels: Qrels, *, sources: Sequence[str] = (), relevance: int = 1) -> "Losses":
        """Look at every document judged `relevance` or better, for all queries of the judgements.

        Args:
            sources: stages that search; the first stage always does.
        """
        pairs = [(q, d) for q, grades in qrels.items() for d, grade in grades.items() if grade >= relevance]
        numbers = {id_: number for number, id_ in enumerate(run.document_ids)}
        # A query that was not run, or a document that no stage found, gets a key that no row has.
        keys = np.array([_key(run.place(q), numbers.get(d), len(numbers)) for q, d in pairs], np.int64)
        relevant = np.zeros(len(numbers), np.bool_)
        relevant[[numbers[d] for _, d in pairs if d in numbers]] = True
        kept = np.zeros((len(run.stages), len(pairs)), np.bool_)
        for place, columns in enumerate(run.stages.values()):
            rows = np.flatnonzero(relevant[columns.ids])  # few: most rows are of documents relevant to no query
            kept[place] = np.isin(
                keys, columns.query_of_rows()[rows].astype(np.int64) * len(numbers) + columns.ids[rows]
            )
        searches = np.array([name in sources for name in run.stages], np.bool_)
        searches[0] = True
        queries, documents = zip(*pairs, strict=True) if pairs else ((), ())
        return cls(tuple(run.stages), queries, documents, kept, searches)

    def counts(self) -> list[tuple[str, int]]:
        """Each stage and how many relevant documents its rankings hold."""
        return [(name, int(row.sum())) for name, row in zip(self.stages, self.kept, strict=True)]

    def dropped(self) -> list[int]:
        """For each stage: relevant documents it did not find, if it searches, else those it was the one to drop."""
        losers = Counter(stage for gone in self.lost().values() for _, stage in gone)
        return [
            len(self.documents) - int(row.sum()) if searches else losers[name]
            for name, row, searches in zip(self.stages, self.kept, self.sources.tolist(), strict=True)
        ]

    def lost(self) -> dict[str, list[tuple[str, str]]]:
        """Query -> (document, stage that lost it) of each relevant document that the result does not hold."""
        found: dict[str, list[tuple[str, str]]] = {}
        for place in np.flatnonzero(~self.kept[-1]).tolist():
            found.setdefault(self.queries[place], []).append((self.documents[place], self._loser(place)))
        return found

    def _loser(self, place: int) -> str:
        held = np.flatnonzero(self.kept[:, place])
        if not len(held):
            return NEVER_FOUND
        later = [stage for stage in range(int(held[-1]) + 1, len(self.stages)) if not self.sources[stage]]
        return self.stages[later[0]] if later else self.stages[-1]


def _key(query: int | None, document: int | None, n_documents: int) -> int:
    return -1 if query is None or document is None else query * n_documents + document

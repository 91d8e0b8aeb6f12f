"""nDCG of rankings of passages by documents, as `spaniel eval` measures it: a document stands where its best passage
does and has the best grade of its passages, so that one of many passages is worth no more than one of one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.documents import Documents
from spaniel.eval.measures.score import score
from spaniel.eval.run import Run
from spaniel.retrieval.protocols import NamedPassages
from spaniel.retrieval.types import Ranking

from .examples import Example

__all__ = ["ByDocument", "first_of_each"]


class ByDocument:
    """Measures rankings over a store's passages.

    Args:
        store: names the documents that passages come from.

    Attributes:
        documents: the numbers that documents have here.
    """

    def __init__(self, store: NamedPassages) -> None:
        self.documents = Documents(store)

    def ndcg(self, rankings: Sequence[Ranking], examples: Sequence[Example], *, k: int = 10) -> NDArray[np.float64]:
        """nDCG@k of each example, float64 (n,); 0 where nothing answers it.

        Args:
            rankings: of passages, one an example; deep enough for k documents.
        """
        values = np.zeros(len(examples))
        asked = [place for place, each in enumerate(examples) if each.positives]
        if not asked:
            return values
        names = [str(place) for place in asked]
        found = [self._by_document(rankings[place]) for place in asked]
        qrels = {name: self.grades(examples[place]) for name, place in zip(names, asked, strict=True)}
        ids = self.documents.ids
        run = Run.from_ordinals(names, {"dense": found}, lambda codes: [ids[n] for n in codes.tolist()], name="dev")
        values[asked] = score(run, qrels, [f"nDCG@{k}"]).values[f"nDCG@{k}"]
        return values

    def grades(self, example: Example) -> dict[str, int]:
        """Document -> its best grade."""
        known = np.fromiter(example.positives, np.int32, len(example.positives))
        codes = self.documents.codes(known).tolist()
        ids = self.documents.ids
        graded: dict[str, int] = {}
        for code, grade in zip(codes, example.positives.values(), strict=True):
            graded[ids[code]] = max(grade, graded.get(ids[code], 0))
        return graded

    def _by_document(self, ranking: Ranking) -> Ranking:
        """Numbers of documents in place of ordinals of passages, each where its best passage stands."""
        codes = self.documents.codes(ranking.ids)
        first = first_of_each(codes)
        return Ranking(codes[first].astype(np.int32), ranking.scores[first])


def first_of_each(codes: NDArray[np.int32]) -> NDArray[np.int64]:
    """The place of the first of each value, ascending: int64."""
    return np.sort(np.unique(codes, return_index=True)[1]).astype(np.int64)

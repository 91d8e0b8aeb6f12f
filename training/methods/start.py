"""What the start finds: searches of an index, before any training, that hard negatives and dev pools are made of.

The questions are encoded by the tower where the index holds vectors of the same model; else they are asked by words, as
STAR's first model was trained with BM25's negatives.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from spaniel.index.dense.of_index import chosen_name
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import Exclude, PassageStore, Retriever, Where
from spaniel.retrieval.types import JSON, Query, QueryLike, Ranking, as_queries
from spaniel.training.examples import examples_sha256
from spaniel.training.vectors import vectors_state

if TYPE_CHECKING:
    from spaniel.index.index import Index
    from spaniel.models.card import ModelCard
    from spaniel.training.examples import TrainingSet
    from spaniel.training.tower import Tower

__all__ = ["Start", "data_of", "start_of"]


class Start:
    """A retriever over one set's index.

    Args:
        query: encodes questions.
        vectors: name of the index's vectors; None for those added first.
    """

    def __init__(self, training_set: "TrainingSet", query: "Tower", vectors: str | None) -> None:
        index, self._query = training_set.index, query
        self.vectors = _vectors_of(index, query, vectors)
        """The name of those that are searched; None where the search is by words."""
        self._retriever: Retriever = index.bm25() if self.vectors is None else index.dense(self.vectors)
        self.name, self.depth = self._retriever.name, self._retriever.depth
        self.passages: PassageStore | None = index.passages

    def search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
    ) -> list[Ranking]:
        """As the index's own, for questions encoded by the tower."""
        asked = as_queries(queries)
        if self.vectors is not None:
            encoded = self._query.encode([query.text for query in asked])
            asked = [Query(query.id, query.text, vector=row) for query, row in zip(asked, encoded, strict=True)]
        return self._retriever.search(asked, k=k, exclude=exclude, where=where)


def _vectors_of(index: "Index", query: "Tower", name: str | None) -> str | None:
    """The vectors that the tower's questions can be asked of; None where there are none."""
    known = index.settings.dense
    names = [name] if name is not None else list(known)
    fit = (each for each in names if each in known and not known[each].model.differences(query.card, queries=False))
    return next(fit, None)


def start_of(sets: "Sequence[TrainingSet]", vectors: str | None) -> "ModelCard":
    """The card of the model that all the sets' indexes hold vectors of.

    Raises:
        InvalidInput: an index without vectors, or vectors of different models.
    """
    first: ModelCard | None = None
    for each in sets:
        if not each.index.settings.dense:
            raise InvalidInput("model", f"the index of {each.name} has no vectors", hint="say where to start: --model")
        known = each.index.settings.dense
        card = known[chosen_name(known, vectors)].model
        first = first or card
        differing = first.differences(card)
        if differing:
            said = f"the models of {sets[0].name} and {each.name} differ: {'; '.join(differing)}"
            raise InvalidInput("model", said, hint="give --model")
    if first is None:
        raise InvalidInput("training sets", "there is none")
    return first


def data_of(sets: "Sequence[TrainingSet]", vectors: "Sequence[str | None]") -> dict[str, JSON]:
    """What training depends on of its data: index identities, and a hash of questions, answers and negatives.

    Args:
        vectors: of each index, those that are searched or trained against; None where the search is by words.
    """
    found: dict[str, JSON] = {}
    for each, name in zip(sets, vectors, strict=True):
        found[f"index of {each.name}"] = str(each.index.manifest.index_id)
        found[f"generation of {each.name}"] = each.index.generation
        found[f"vectors of {each.name}"] = vectors_state(each.index, name) if name is not None else "none: words"
        found[f"questions of {each.name}"] = examples_sha256(each.train)
        found[f"held out of {each.name}"] = examples_sha256(each.dev)
        found[f"texts of {each.name}"] = hashlib.sha256(json.dumps(list(each.texts)).encode()).hexdigest()
    return found

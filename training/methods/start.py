"""What the start finds: searches of an index, before any training, that hard negatives and dev pools are made of.

The questions are encoded by the tower, all at once, where the index holds vectors of the same model; else they are
asked by words, as STAR's first model was trained with BM25's negatives.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spaniel.index.dense.of_index import chosen_name
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, Query, Ranking

if TYPE_CHECKING:
    from spaniel.index.index import Index
    from spaniel.training.examples import Example, TrainingSet
    from spaniel.training.tower import Tower

__all__ = ["Start", "data_of", "live_ordinals", "start_of"]


class Start:
    """Searches of one set's index.

    Args:
        query: encodes questions.
        vectors: name of the index's vectors; None for those added first.
    """

    def __init__(self, training_set: "TrainingSet", query: "Tower", vectors: str | None) -> None:
        self.index, self.query = training_set.index, query
        self.name = _vectors_of(self.index, query, vectors)
        """Of the vectors that are searched; None where the search is by words."""

    def find(self, examples: "Sequence[Example]", depth: int) -> list[Ranking]:
        """The best `depth` passages for each question."""
        if self.name is None:
            return self.index.bm25(depth).search([example.text for example in examples])
        retriever = self.index.dense(self.name, depth)
        encoded = self.query.encode([example.text for example in examples])
        asked = [Query(example.id, example.text, vector=row) for example, row in zip(examples, encoded, strict=True)]
        return retriever.search(asked)


def live_ordinals(index: "Index") -> NDArray[np.int64]:
    """The ordinals of an index's passages that are not deleted: int64, ascending."""
    return index.passages.matching({})


def _vectors_of(index: "Index", query: "Tower", name: str | None) -> str | None:
    """The vectors that the tower's questions can be asked of; None where there are none."""
    known = index.settings.dense
    names = [name] if name is not None else list(known)
    return next((each for each in names if each in known and not known[each].model.differences(query.card)), None)


def start_of(sets: "Sequence[TrainingSet]", vectors: str | None) -> Any:
    """The card of the model that all the sets' indexes hold vectors of.

    Raises:
        InvalidInput: an index without vectors, or vectors of different models.
    """
    cards = []
    for each in sets:
        if not each.index.settings.dense:
            raise InvalidInput("model", f"the index of {each.name} has no vectors", hint="say where to start: --model")
        known = each.index.settings.dense
        cards.append(known[chosen_name(known, vectors)].model)
    differing = cards[0].differences(cards[-1])
    if differing:
        raise InvalidInput("model", f"the indexes' models differ: {'; '.join(differing)}", hint="give --model")
    return cards[0]


def data_of(sets: "Sequence[TrainingSet]") -> dict[str, JSON]:
    """What training depends on of its data: index identities, and a hash of questions, answers and negatives."""
    found: dict[str, JSON] = {}
    for each in sets:
        digest = hashlib.sha256()
        for part in (each.train, each.dev):
            for example in part:
                answers = sorted(example.positives.items())
                digest.update(repr((example.text, answers, example.negatives)).encode())
            digest.update(b"|")
        digest.update(repr(list(each.texts)).encode())
        found[f"index of {each.name}"] = str(each.index.manifest.index_id)
        found[f"generation of {each.name}"] = each.index.generation
        found[f"questions of {each.name}"] = digest.hexdigest()
    return found

"""What is known of the right answers: the strings, whether there is one at all, and where it stands.

A collection of questions and answers has `answers.jsonl` beside its queries: `{"_id", "answers": [...]}`, and
`"answerable": false` for a question that the documents do not answer, as in SQuAD 2.0 (Rajpurkar et al., ACL 2018).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from spaniel.eval.collections.load import UNJUDGED
from spaniel.retrieval.errors import InvalidInput

if TYPE_CHECKING:
    from spaniel.eval.collections import Collection

__all__ = ["Gold", "gold_of", "questions_of"]


@dataclass(frozen=True, slots=True)
class Gold:
    """What is right for one question.

    Attributes:
        answers: any of them will do; `("",)` where there is none to give.
        answerable: whether the documents hold an answer.
        relevant: ids of the documents that hold it, by the judgements; empty where nobody judged.
    """

    answers: tuple[str, ...]
    answerable: bool
    relevant: frozenset[str]


def gold_of(collection: "Collection") -> dict[str, Gold]:
    """Question id -> what is right, of the questions that can be scored, in the collection's order.

    Those are the questions of the split that have an answer, and those that the collection says have none.

    Raises:
        InvalidInput: the collection has no answers.
    """
    if collection.load_parts is not None:
        names = ", ".join(collection.info.parts[:8])
        raise InvalidInput(collection.name, f"has several parts, each a collection of its own: {names}", "name one")
    found: dict[str, Gold] = {}
    for query_id in collection.queries:
        known = collection.query_meta.get(query_id, {})
        answers = known.get("answers")
        strings = tuple(each for each in answers if isinstance(each, str)) if isinstance(answers, list) else ()
        grades = collection.qrels.get(query_id, {})
        relevant = frozenset(id_ for id_, grade in grades.items() if grade >= collection.info.relevance)
        if known.get("answerable") is False:
            found[query_id] = Gold(("",), False, frozenset())
        elif strings and query_id in collection.qrels:
            found[query_id] = Gold(strings, True, relevant)
    if not found:
        hint = 'put answers.jsonl beside queries.jsonl: a line {"_id": ..., "answers": [...]} for each question'
        raise InvalidInput(collection.name, "has no answers to compare with", hint=hint)
    return found


def questions_of(
    collection: "Collection", gold: Mapping[str, Gold], *, limit: int | None = None, seed: int = 0
) -> "Collection":
    """The collection with the questions that can be scored and no others, or with a sample of them.

    Args:
        limit: how many, drawn with `seed`, in the collection's order; all by default.

    Raises:
        InvalidInput: a limit below 1.
    """
    if limit is not None and limit < 1:
        raise InvalidInput("questions", f"{limit} must be at least 1")
    ids = list(gold)
    if limit is not None and limit < len(ids):
        drawn = np.random.default_rng(seed).choice(len(ids), limit, replace=False)
        ids = [ids[place] for place in sorted(drawn.tolist())]
    return replace(
        collection,
        queries={query_id: collection.queries[query_id] for query_id in ids},
        qrels={query_id: collection.qrels.get(query_id, {}) for query_id in ids},
        # Here questions without judgements do count: those that have no answer.
        warnings=tuple(each for each in collection.warnings if not each.endswith(UNJUDGED)),
    )

"""Relevance judgements: which documents people found relevant for which query, and how much."""

from collections.abc import Mapping
from typing import TypeAlias

from spaniel.retrieval.errors import InvalidInput

__all__ = ["Qrels", "checked_qrels", "judged_queries"]

_LARGEST = 2**31 - 1

Qrels: TypeAlias = Mapping[str, Mapping[str, int]]
"""Query id -> document id -> grade. Grades above 0 are relevant, 0 and below judged and not relevant."""


def checked_qrels(qrels: Qrels) -> Qrels:
    """The judgements as they are, once their ids and grades have been looked at.

    Raises:
        InvalidInput: an id that is not text, a grade that is not an int (also NumPy's integers, floats and booleans,
            which other tools refuse or take for something else), or no judgement at all.

    Cost: one look at each judgement.
    """
    for query_id, judged in qrels.items():
        if type(query_id) is not str or not isinstance(judged, Mapping):
            raise InvalidInput(
                "qrels", f"{query_id!r}: {type(judged).__name__}; qrels are {{query id: {{document id: grade}}}}"
            )
        if set(map(type, judged)) <= {str} and set(map(type, judged.values())) <= {int}:
            _check_size(query_id, judged)
            continue
        id_, grade = next((d, g) for d, g in judged.items() if type(d) is not str or type(g) is not int)
        raise InvalidInput(
            "qrels",
            f"query {query_id!r}, document {id_!r} ({type(id_).__name__}): the grade is {grade!r} "
            f"({type(grade).__name__}); ids must be str and grades int",
            hint="convert them first: str(id), int(grade)",
        )
    if not any(qrels.values()):
        raise InvalidInput("qrels", "there is not one judgement", hint="is this the right file and split?")
    return qrels


def _check_size(query_id: str, judged: Mapping[str, int]) -> None:
    """Grades fit into 32 bits."""
    grade = max(judged.values(), key=abs, default=0)
    if abs(grade) > _LARGEST:
        raise InvalidInput("qrels", f"query {query_id!r}: a grade of {grade}; the largest is {_LARGEST}")


def judged_queries(qrels: Qrels) -> tuple[str, ...]:
    """The queries that count: those with at least one judgement of any grade, in the order of the qrels.

    A query whose entry is empty was not judged, so nothing can be said about it; one whose grades are all 0 was.
    """
    return tuple(query_id for query_id, judged in qrels.items() if judged)

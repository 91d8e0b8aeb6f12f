"""Whether retrieval follows instructions: p-MRR (FollowIR) and Robustness@k (InstructIR)."""

from collections.abc import Iterable, Mapping

import numpy as np

from spaniel.eval.run import Run
from spaniel.retrieval.errors import InvalidInput

__all__ = ["p_mrr", "robustness"]


def p_mrr(original: Run, changed: Run, affected: Mapping[str, Iterable[str]]) -> dict[str, float]:
    """Pairwise MRR: how far documents fall that a changed instruction has made irrelevant.

    Weller et al., "FollowIR" (NAACL 2025), sec. 4: for each such document with ranks r before and r' after the change,
    r'/r - 1 if it rose or stayed (r >= r'), else 1 - r/r'; the mean over a query's documents. 1 is best, 0 means that
    nothing moved, -1 that the change was taken the wrong way round.

    Args:
        original: results under the original instruction.
        changed: results under the changed one, under the same query ids.
        affected: query id -> the documents whose relevance the change took away.

    Returns:
        The value of each query that has affected documents, in [-1, 1]; the collection's figure is their mean.

    A document that a run does not hold stands one below its last result, so the depth of the runs changes the figure.
    """
    return {
        query_id: float(np.mean([_moved(_rank(original, query_id, d), _rank(changed, query_id, d)) for d in documents]))
        for query_id, given in affected.items()
        if (documents := list(given))
    }


def _moved(before: int, after: int) -> float:
    return after / before - 1.0 if before >= after else 1.0 - before / after


def _rank(run: Run, query_id: str, document_id: str) -> int:
    """A document's rank, from 1; one below the last result if it was not found."""
    found = [id_ for id_, _ in run.ranking(query_id)]
    return found.index(document_id) + 1 if document_id in found else len(found) + 1


def robustness(values: Mapping[str, float], group_of: Mapping[str, str]) -> dict[str, float]:
    """The worst value of each group: Robustness@k over nDCG@k (Oh et al., "InstructIR", 2024, sec. 3).

    A group holds the instances of one query under several instructions. The collection's figure is the mean of the
    groups.

    Args:
        values: instance id -> its value, such as nDCG@10.
        group_of: instance id -> its query.

    Raises:
        InvalidInput: an instance without a group.
    """
    worst: dict[str, float] = {}
    for instance, value in values.items():
        if instance not in group_of:
            raise InvalidInput("robustness", f"instance {instance!r} has no group")
        group = group_of[instance]
        worst[group] = min(value, worst.get(group, value))
    return worst

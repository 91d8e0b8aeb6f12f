"""What is odd about a run and its judgements, in sentences with counts; each has changed published figures."""

import numpy as np

from spaniel.eval.run import Run

from .judging import Judging
from .names import Measure

__all__ = ["oddities"]

_FEW_JUDGED = 0.5
_TIE_SHARE = 0.2
_TOP = 10


def oddities(run: Run, judging: Judging, deepest: Measure | None, *, relevance: int = 1) -> tuple[str, ...]:
    """One sentence for each thing that is odd; () when nothing is.

    Args:
        deepest: the measure that looks furthest down.
    """
    found = [
        _missing(run, judging),
        _unjudged_queries(run, judging),
        _without_relevant(judging, relevance),
        _finds_itself(run),
        _shallow(judging, deepest),
        _ties(run),
        _few_judged(judging),
    ]
    return tuple(sentence for sentence in found if sentence)


def _missing(run: Run, judging: Judging) -> str:
    wanted = judging.judgements.query_ids
    missing = [query_id for query_id in wanted if query_id not in run]
    if not missing:
        return ""
    return f"{len(missing)} of {len(wanted)} judged queries are not in the run and count 0, such as {missing[0]!r}"


def _unjudged_queries(run: Run, judging: Judging) -> str:
    judged = set(judging.judgements.query_ids)
    unjudged = [query_id for query_id in run.query_ids if query_id not in judged]
    if not unjudged:
        return ""
    return f"{len(unjudged)} queries of the run have no judgements and are left out, such as {unjudged[0]!r}"


def _without_relevant(judging: Judging, relevance: int) -> str:
    n_without = int((judging.judgements.relevant(relevance) == 0).sum())
    if not n_without:
        return ""
    return (
        f"{n_without} of {judging.n_queries} judged queries have no document of grade {relevance} or more "
        "and can only score 0"
    )


def _finds_itself(run: Run) -> str:
    """Queries with a result of their own id, if that result is the first of most of them.

    Where both are merely numbered from 1 (Cranfield, CISI), such a result is a document like any other.
    """
    columns = run.final
    places = {id_: place for place, id_ in enumerate(run.query_ids)}
    own = np.fromiter((places.get(id_, -1) for id_ in run.document_ids), np.int32, len(run.document_ids))
    rows = np.flatnonzero(own[columns.ids] == columns.query_of_rows())
    n_first = int((columns.ranks()[rows] == 1).sum())
    if not n_first or 2 * n_first < len(rows):
        return ""
    return f"{len(rows)} queries find a document with their own id; Run.without_self drops it"


def _shallow(judging: Judging, deepest: Measure | None) -> str:
    depth = int(judging.retrieved.max(initial=0))
    if deepest is None or deepest.cutoff is None or depth >= deepest.cutoff:
        return ""
    return f"{deepest.text} looks at {deepest.cutoff} results, the run has at most {depth} a query"


def _ties(run: Run) -> str:
    """Equal scores across rank 10: other tools would choose other documents."""
    columns = run.final
    longer = np.flatnonzero(columns.lengths() > _TOP)
    last = columns.offsets[longer] + _TOP - 1
    n_tied = int((columns.scores[last] == columns.scores[last + 1]).sum())
    if n_tied <= _TIE_SHARE * max(run.final.n_queries, 1):
        return ""
    return (
        f"{n_tied} of {columns.n_queries} queries have equal scores at ranks {_TOP} and {_TOP + 1}; "
        "tools with another rule for ties will report other figures"
    )


def _few_judged(judging: Judging) -> str:
    shown = int(np.minimum(judging.retrieved, _TOP).sum())
    judged = int((judging.ranks <= _TOP).sum())
    if not shown or judged >= _FEW_JUDGED * shown:
        return ""
    return f"only {judged / shown:.0%} of the top {_TOP} results are judged; the others count as not relevant"

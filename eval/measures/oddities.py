"""What is odd about a run and its judgements, in sentences with counts; each has changed published figures."""

from typing import NamedTuple

import numpy as np

from spaniel.eval.run import Run

from .judging import Judging
from .names import Measure

__all__ = ["TOP", "Facts", "facts_of", "oddities"]

_FEW_JUDGED = 0.5
_TIE_SHARE = 0.2
TOP = 10


class Facts(NamedTuple):
    """What is told of a run beside its judged results.

    Attributes:
        query_ids: the queries that were asked.
        n_own: queries that found a document with their own id.
        n_own_first: those of them that found it first.
        n_tied: queries with equal scores at ranks `TOP` and `TOP` + 1.
    """

    query_ids: tuple[str, ...]
    n_own: int
    n_own_first: int
    n_tied: int


def facts_of(run: Run) -> Facts:
    """The facts of a run's last stage."""
    columns = run.final
    longer = np.flatnonzero(columns.lengths() > TOP)
    last = columns.offsets[longer] + TOP - 1
    n_tied = int((columns.scores[last] == columns.scores[last + 1]).sum())
    top = run.cut(1)
    n_own, n_first = (len(r.final) - len(r.without_self().final) for r in (run, top))
    return Facts(run.query_ids, n_own, n_first, n_tied)


def oddities(facts: Facts, judging: Judging, deepest: Measure | None, *, relevance: int = 1) -> tuple[str, ...]:
    """One sentence for each thing that is odd; () when nothing is.

    Args:
        deepest: the measure that looks furthest down.
    """
    found = [
        _missing(facts, judging),
        _unjudged_queries(facts, judging),
        _without_relevant(judging, relevance),
        _finds_itself(facts),
        _shallow(judging, deepest),
        _ties(facts),
        _few_judged(judging),
    ]
    return tuple(sentence for sentence in found if sentence)


def _missing(facts: Facts, judging: Judging) -> str:
    wanted = judging.judgements.query_ids
    asked = set(facts.query_ids)
    missing = [query_id for query_id in wanted if query_id not in asked]
    if not missing:
        return ""
    return f"{len(missing)} of {len(wanted)} judged queries are not in the run and count 0, such as {missing[0]!r}"


def _unjudged_queries(facts: Facts, judging: Judging) -> str:
    judged = set(judging.judgements.query_ids)
    unjudged = [query_id for query_id in facts.query_ids if query_id not in judged]
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


def _finds_itself(facts: Facts) -> str:
    """Queries with a result of their own id, if that result is the first of most of them.

    Where both are merely numbered from 1 (Cranfield, CISI), such a result is a document like any other.
    """
    if not facts.n_own_first or 2 * facts.n_own_first < facts.n_own:
        return ""
    return f"{facts.n_own} queries find a document with their own id; Run.without_self drops it"


def _shallow(judging: Judging, deepest: Measure | None) -> str:
    depth = int(judging.retrieved.max(initial=0))
    if deepest is None or deepest.cutoff is None or depth >= deepest.cutoff:
        return ""
    return f"{deepest.text} looks at {deepest.cutoff} results, the run has at most {depth} a query"


def _ties(facts: Facts) -> str:
    """Equal scores across the usual cut: other tools would choose other documents."""
    n_queries = len(facts.query_ids)
    if facts.n_tied <= _TIE_SHARE * n_queries:
        return ""
    return (
        f"{facts.n_tied} of {n_queries} queries have equal scores at ranks {TOP} and {TOP + 1}; "
        "tools with another rule for ties will report other figures"
    )


def _few_judged(judging: Judging) -> str:
    shown = int(np.minimum(judging.retrieved, TOP).sum())
    judged = int((judging.ranks <= TOP).sum())
    if not shown or judged >= _FEW_JUDGED * shown:
        return ""
    return f"only {judged / shown:.0%} of the top {TOP} results are judged; the others count as not relevant"

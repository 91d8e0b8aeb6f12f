"""Score a run: every measure for every judged query, and what is odd about the run.

One rule for all measures, whoever computes them: the order of results is the run's; the queries that count are those
with at least one judgement; one that the run lacks counts 0; run queries without judgements are left out; results
without a judgement are not relevant. Nothing of this is silent: `Scores.warnings` counts each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.qrels import Qrels, checked_qrels
from spaniel.eval.run import Run
from spaniel.retrieval.errors import InvalidInput

from . import external, fast
from .judging import Judgements, Judging, judge
from .names import Measure, parse
from .oddities import facts_of, oddities
from .streams import OutOfOrder, from_columns, from_file, judge_found

__all__ = ["Scores", "score", "score_file", "score_lists"]


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Values of measures, query by query.

    Attributes:
        query_ids: the judged queries, in the order of the qrels.
        values: measure as it was named -> float64 (n_queries,).
        warnings: what should be known before the figures are believed; () when nothing is odd.
    """

    query_ids: tuple[str, ...]
    values: Mapping[str, NDArray[np.float64]]
    warnings: tuple[str, ...] = ()

    def mean(self, measure: str) -> float:
        """The mean over all judged queries.

        Raises:
            InvalidInput: a measure that was not asked for.
        """
        if measure not in self.values:
            raise InvalidInput("Scores.mean", f"{measure!r} was not computed; there are {', '.join(self.values)}")
        return float(self.values[measure].mean())

    def of(self, query_id: str) -> dict[str, float]:
        """One query's value of each measure."""
        if query_id not in self.query_ids:
            raise InvalidInput("Scores.of", f"query {query_id!r} has no judgements")
        place = self.query_ids.index(query_id)
        return {measure: float(values[place]) for measure, values in self.values.items()}


def score(
    run: Run,
    qrels: Qrels,
    measures: Sequence[str],
    *,
    judged_only: bool = False,
    relevance: int = 1,
) -> Scores:
    """Score the last stage of a run.

    Args:
        measures: names as ir_measures writes them, such as "nDCG@10", "R@100", "AP(rel=2)", "RR@10", "Judged@10".
        judged_only: leave out results without a judgement before ranks are counted, for measures whose name does not
            say `judged_only=`. Judged@k is never condensed.
        relevance: grade from which binary measures count a document as relevant, where the name does not say `rel=`;
            2 for TREC Deep Learning. nDCG uses the grades themselves.

    Returns:
        nDCG, AP, RR, R, P, Success, Rprec and Judged computed by NumPy (`fast.py`), all others by ir_measures.

    Raises:
        InvalidInput: an unknown measure or parameter, none at all, unusable qrels.
        MissingExtra: a measure that needs ir_measures, which is not installed.

    Cost: about 20 ns a result, whatever the number of fast measures.

    Example:
        >>> run = Run.from_rankings({"q1": [("a", 2.0), ("b", 1.0)]}, name="toy")
        >>> found = score(run, {"q1": {"b": 1}, "q2": {"c": 1}}, ["RR@10", "R@10"])
        >>> found.query_ids, found.values["RR@10"].tolist(), found.mean("R@10")
        (('q1', 'q2'), [0.5, 0.0], 0.5)
    """
    parsed = _parsed(measures)
    judgements = Judgements.of(checked_qrels(qrels))
    judging = judge(run, judgements, qrels)
    values = _fast_values(parsed, judging, relevance=relevance, judged_only=judged_only)
    if others := [measure for measure in parsed if not measure.is_fast]:
        query_ids = judgements.query_ids
        values |= external.compute(
            others, run, qrels, query_ids=query_ids, relevance=relevance, judged_only=judged_only
        )
    warnings = oddities(facts_of(run), judging, _deepest(parsed), relevance=relevance)
    return _scores(parsed, judgements, values, warnings)


def score_lists(
    queries: Sequence[str],
    documents: Sequence[str],
    scores: Sequence[float] | NDArray[Any],
    qrels: Qrels,
    measures: Sequence[str],
    *,
    judged_only: bool = False,
    relevance: int = 1,
    trusted: bool = False,
) -> Scores:
    """Score parallel columns, one row a result, without making a run of them: same values, a third of the time.

    Args:
        queries, documents, scores: as for `Run.from_lists`. Where the rows of a query do not stand together, a run is
            made after all.
        trusted: do not look whether a document stands twice under a query, which takes a third of the time; results of
            a retriever cannot.

    Returns, raises: as `score`; measures that only ir_measures computes are an InvalidInput.
    """
    parsed = _only_fast(measures)
    judgements = Judgements.of(checked_qrels(qrels))
    try:
        judging, facts = judge_found(from_columns(queries, documents, scores), judgements, qrels, trusted=trusted)
    except OutOfOrder:
        run = Run.from_lists(queries, documents, scores, name="lists")
        return score(run, qrels, measures, judged_only=judged_only, relevance=relevance)
    values = _fast_values(parsed, judging, relevance=relevance, judged_only=judged_only)
    return _scores(parsed, judgements, values, oddities(facts, judging, _deepest(parsed), relevance=relevance))


def score_file(
    path: str | Path, qrels: Qrels, measures: Sequence[str], *, judged_only: bool = False, relevance: int = 1
) -> Scores:
    """Score a TREC run file, plain or .gz, without holding it in memory.

    A file whose lines of one query do not stand together, or among equal scores not in the order of their ranks, is
    read whole after all.

    Returns, raises: as `score` of `Run.read(path)`; measures that only ir_measures computes are an InvalidInput.
    """
    parsed = _only_fast(measures)
    judgements = Judgements.of(checked_qrels(qrels))
    try:
        judging, facts = judge_found(from_file(path), judgements, qrels)
    except (OutOfOrder, ValueError):
        # Reading the whole names the line of what is wrong.
        return score(Run.read(path), qrels, measures, judged_only=judged_only, relevance=relevance)
    values = _fast_values(parsed, judging, relevance=relevance, judged_only=judged_only)
    return _scores(parsed, judgements, values, oddities(facts, judging, _deepest(parsed), relevance=relevance))


def _parsed(measures: Sequence[str]) -> list[Measure]:
    """Each once."""
    if isinstance(measures, str) or not measures:
        raise InvalidInput("score", f"measures is {measures!r}; pass a list of names such as ['nDCG@10', 'R@100']")
    return list({measure.text: measure for measure in map(parse, measures)}.values())


def _only_fast(measures: Sequence[str]) -> list[Measure]:
    parsed = _parsed(measures)
    for measure in parsed:
        if not measure.is_fast:
            raise InvalidInput("measure", f"{measure.text!r} needs a run", hint="use score(Run.from_lists(...), ...)")
    return parsed


def _fast_values(
    measures: Sequence[Measure], judging: Judging, *, relevance: int, judged_only: bool
) -> dict[str, NDArray[np.float64]]:
    return {
        measure.text: fast.compute(measure, judging, relevance=relevance, judged_only=judged_only)
        for measure in measures
        if measure.is_fast
    }


def _scores(
    measures: Sequence[Measure],
    judgements: Judgements,
    values: Mapping[str, NDArray[np.float64]],
    warnings: tuple[str, ...],
) -> Scores:
    """In the order the measures were named, read-only."""
    for column in values.values():
        column.setflags(write=False)
    return Scores(judgements.query_ids, {measure.text: values[measure.text] for measure in measures}, warnings)


def _deepest(measures: Sequence[Measure]) -> Measure | None:
    """The measure that looks deepest, of those with a cutoff."""
    cut = [measure for measure in measures if measure.is_fast and measure.at]
    return max(cut, key=lambda measure: measure.at or 0, default=None)

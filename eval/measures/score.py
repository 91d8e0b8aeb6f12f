"""Score a run: every measure for every judged query, and what is odd about the run.

One rule for all measures, whoever computes them: the order of results is the run's; the queries that count are those
with at least one judgement; one that the run lacks counts 0; run queries without judgements are left out; results
without a judgement are not relevant. Nothing of this is silent: `Scores.warnings` counts each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.qrels import Qrels, checked_qrels
from spaniel.eval.run import Run
from spaniel.retrieval.errors import InvalidInput

from . import external, fast
from .judging import Judgements, judge
from .names import Measure, parse
from .oddities import oddities

__all__ = ["Scores", "score"]


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
    if isinstance(measures, str) or not measures:
        raise InvalidInput("score", f"measures is {measures!r}; pass a list of names such as ['nDCG@10', 'R@100']")
    parsed = list({measure.text: measure for measure in map(parse, measures)}.values())
    judgements = Judgements.of(checked_qrels(qrels))
    judging = judge(run, judgements)
    values = {
        measure.text: fast.compute(measure, judging, relevance=relevance, judged_only=judged_only)
        for measure in parsed
        if measure.is_fast
    }
    if others := [measure for measure in parsed if not measure.is_fast]:
        query_ids = judgements.query_ids
        values |= external.compute(
            others, run, qrels, query_ids=query_ids, relevance=relevance, judged_only=judged_only
        )
    for column in values.values():
        column.setflags(write=False)
    values = {measure.text: values[measure.text] for measure in parsed}
    return Scores(judgements.query_ids, values, oddities(run, judging, _deepest(parsed), relevance=relevance))


def _deepest(measures: Sequence[Measure]) -> Measure | None:
    """The measure that looks deepest, of those with a cutoff."""
    cut = [measure for measure in measures if measure.is_fast and measure.at]
    return max(cut, key=lambda measure: measure.at or 0, default=None)

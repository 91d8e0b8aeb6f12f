"""The common measures in NumPy, over the judged results only; equal to trec_eval's on the same order of results.

All take a `Judging` and give float64 (n_queries,), in the order of the judged queries. Definitions are trec_eval's
(usnistgov/trec_eval, m_*.c): a document is relevant from grade `rel`, unjudged ones are not; negative grades gain
nothing; a query without relevant documents scores 0.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput

from .judging import Judging, ranks_within
from .names import Measure

__all__ = ["compute"]

Values = NDArray[np.float64]
_LARGEST_EXPONENT = 1000.0  # sums of 2^grade stay finite


def compute(measure: Measure, judging: Judging, *, relevance: int, judged_only: bool) -> Values:
    """The value of a fast measure for each judged query.

    Args:
        relevance: the grade from which a document counts as relevant, unless the name says `rel=`.
        judged_only: leave out results without a judgement, unless the name says `judged_only=`.
    """
    if measure.params.get("judged_only", judged_only) and measure.name != "Judged":
        judging = judging.condensed()
    if measure.name == "nDCG":
        return _ndcg(judging, measure)
    if measure.name == "Judged":
        return _judged(judging, measure.cutoff)
    return _BINARY[measure.name](judging, measure.cutoff, measure.params.get("rel", relevance))


def _within(judging: Judging, cutoff: int | None) -> NDArray[np.bool_]:
    """bool (n_hits,): which stand at the cutoff or above."""
    return np.ones(len(judging.ranks), np.bool_) if cutoff is None else judging.ranks <= cutoff


def _ratio(above: NDArray[np.float64], below: NDArray[np.int64] | NDArray[np.float64]) -> Values:
    """above / below, 0 where below is 0."""
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)


def _ndcg(judging: Judging, measure: Measure) -> Values:
    """Jarvelin and Kekalainen, TOIS 2002: sum of gain / log2(rank + 1), over that of the best order of all judged.

    The gain is the grade ("log2", trec_eval's) or 2^grade - 1 ("exp-log2"; Burges et al., ICML 2005), `gains` replaces
    grades before that.
    """
    judgements = judging.judgements
    gain = _gains(measure)
    found, top = gain(judging.grades), _within(judging, measure.cutoff)
    dcg = judging.add_up(top, (found / np.log2(judging.ranks + 1.0))[top])
    gains, ranks = gain(judgements.grades), judgements.ranks()
    if "gains" in measure.params:  # replaced ones need not fall with the grade, as all others do
        gains = gains[np.lexsort((-gains, judgements.queries))]
    kept = ranks <= (measure.cutoff or len(ranks))
    ideal_gains = (gains / np.log2(ranks + 1.0))[kept]
    return _ratio(dcg, np.bincount(judgements.queries[kept], ideal_gains, judging.n_queries))


def _gains(measure: Measure) -> Callable[[NDArray[np.int64]], Values]:
    """What a grade is worth, as a function over arrays."""
    replaced: Mapping[int, int] = measure.params.get("gains", {})
    exponential = measure.params.get("dcg", "log2") == "exp-log2"

    def gain(grades: NDArray[np.int64]) -> Values:
        values = grades.copy()
        for grade, worth in replaced.items():
            values[grades == grade] = worth
        worths = np.maximum(values, 0).astype(np.float64)
        if exponential and worths.max(initial=0.0) > _LARGEST_EXPONENT:
            raise InvalidInput(measure.text, f"a grade of {worths.max():.0f} is too large for a gain of 2^grade - 1")
        return np.exp2(worths) - 1.0 if exponential else worths

    return gain


def _judged(judging: Judging, cutoff: int | None) -> Values:
    """Share of the top `cutoff` results, or of all that there are if fewer, with a judgement of any grade."""
    shown = judging.retrieved if cutoff is None else np.minimum(judging.retrieved, cutoff)
    return _ratio(judging.add_up(_within(judging, cutoff)), shown)


def _average_precision(judging: Judging, cutoff: int | None, rel: int) -> Values:
    """Mean over all relevant documents of the precision at the rank of each one found."""
    chosen = (judging.grades >= rel) & _within(judging, cutoff)
    precision = ranks_within(judging.queries[chosen]) / judging.ranks[chosen]
    return _ratio(judging.add_up(chosen, precision), judging.judgements.relevant(rel))


def _reciprocal_rank(judging: Judging, cutoff: int | None, rel: int) -> Values:
    """1 / rank of the first relevant result (Kantor and Voorhees, 2000)."""
    chosen = (judging.grades >= rel) & _within(judging, cutoff)
    values = np.zeros(judging.n_queries)
    np.maximum.at(values, judging.queries[chosen], 1.0 / judging.ranks[chosen])
    return values


def _found(judging: Judging, cutoff: int | None, rel: int) -> NDArray[np.float64]:
    """Relevant results at the cutoff or above."""
    return judging.add_up((judging.grades >= rel) & _within(judging, cutoff))


def _recall(judging: Judging, cutoff: int | None, rel: int) -> Values:
    """Share of the relevant documents found."""
    return _ratio(_found(judging, cutoff, rel), judging.judgements.relevant(rel))


def _precision(judging: Judging, cutoff: int | None, rel: int) -> Values:
    """Relevant results over the cutoff, however many were retrieved."""
    return _found(judging, cutoff, rel) / float(cutoff or 1)


def _success(judging: Judging, cutoff: int | None, rel: int) -> Values:
    """1 if anything relevant was found, else 0."""
    return (_found(judging, cutoff, rel) > 0).astype(np.float64)


def _r_precision(judging: Judging, _cutoff: int | None, rel: int) -> Values:
    """Precision at the rank that equals the number of relevant documents."""
    n_relevant = judging.judgements.relevant(rel)
    chosen = (judging.grades >= rel) & (judging.ranks <= n_relevant[judging.queries])
    return _ratio(judging.add_up(chosen), n_relevant)


_BINARY: Mapping[str, Callable[[Judging, int | None, int], Values]] = {
    "AP": _average_precision,
    "RR": _reciprocal_rank,
    "R": _recall,
    "P": _precision,
    "Success": _success,
    "Rprec": _r_precision,
}

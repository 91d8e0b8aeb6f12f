"""From the scores of several pipelines to the figures of a report: means with intervals, and paired comparisons.

Comparisons are one family for each measure: Holm's correction runs over the systems compared with the baseline, MaxT
over all pairs. Measures are not one family with each other, since they are read as views of one ranking, not as
chances to find something.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from math import isfinite

import numpy as np

from .measures import Scores
from .measures.names import is_share
from .results_format import ComparisonFigures, MeasureFigure
from .statistics import Interval, Paired, holm, max_t, mean_interval, paired_difference

__all__ = ["bounded", "comparison", "comparisons", "finite", "measure_figure", "measure_figures"]


def measure_figures(scores: Scores, *, confidence: float, seed: int) -> dict[str, MeasureFigure]:
    """Measure -> its mean over the judged queries, and the interval."""
    return {
        name: measure_figure(mean_interval(values, confidence=confidence, seed=seed), name)
        for name, values in scores.values.items()
    }


def measure_figure(interval: Interval, measure: str) -> MeasureFigure:
    """As it stands in results.json; an interval ends where the measure does.

    Student's t knows nothing of a measure's range: over few queries it reaches beyond 1. What lies out there cannot be
    the mean, so leaving it out costs no coverage.
    """
    low, high = interval.low, interval.high
    if is_share(measure):
        low, high = float(np.clip(low, 0.0, 1.0)), float(np.clip(high, 0.0, 1.0))
    return MeasureFigure(mean=interval.mean, low=finite(low), high=finite(high), n=interval.n, method=interval.method)


def bounded(paired: Paired, measure: str) -> Paired:
    """With an interval that ends at -1 and 1, where the measure lies between 0 and 1."""
    if not is_share(measure):
        return paired
    return replace(paired, low=float(np.clip(paired.low, -1.0, 1.0)), high=float(np.clip(paired.high, -1.0, 1.0)))


def comparisons(
    scores: Mapping[str, Scores],
    baseline: str,
    *,
    all_pairs: bool,
    confidence: float,
    alpha: float,
    seed: int,
    resamples: int = 10_000,
) -> list[ComparisonFigures]:
    """Every pipeline against the baseline (Holm), or each pair in the order given (MaxT), measure by measure."""
    names = [baseline, *(name for name in scores if name != baseline)]
    if len(names) < 2:
        return []
    found = []
    for measure in scores[baseline].values:
        pairs = list(combinations(names, 2)) if all_pairs else [(baseline, name) for name in names[1:]]
        paired = [
            paired_difference(
                scores[system].values[measure],
                scores[base].values[measure],
                confidence=confidence,
                seed=seed,
                resamples=resamples,
                alpha=alpha,
            )
            for base, system in pairs
        ]
        if all_pairs:
            table = max_t([scores[name].values[measure] for name in names], resamples=resamples, seed=seed)
            adjusted = [float(table[names.index(base), names.index(system)]) for base, system in pairs]
        else:
            adjusted = holm([each.p for each in paired]).tolist()
        correction = "max_t" if all_pairs else "holm"
        found += [
            comparison(base, system, measure, each, p, correction=correction, alpha=alpha)
            for (base, system), each, p in zip(pairs, paired, adjusted, strict=True)
        ]
    return found


def comparison(
    baseline: str, system: str, measure: str, paired: Paired, p_adjusted: float, *, correction: str, alpha: float
) -> ComparisonFigures:
    """As it stands in results.json; the interval of a difference ends at -1 and 1 where the measure does at 0 and 1."""
    paired = bounded(paired, measure)
    return ComparisonFigures(
        baseline=baseline,
        system=system,
        measure=measure,
        difference=paired.difference,
        low=finite(paired.low),
        high=finite(paired.high),
        p=paired.p,
        p_adjusted=p_adjusted,
        correction=correction,
        significant=p_adjusted <= alpha,
        wins=paired.wins,
        ties=paired.ties,
        losses=paired.losses,
        mde=finite(paired.mde),
        alpha=alpha,
        resamples=paired.resamples,
        seed=paired.seed,
    )


def finite(value: float) -> float | None:
    """The value; None for NaN, which says that nobody knows."""
    return float(value) if isfinite(value) else None

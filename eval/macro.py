"""Several collections as one figure: the mean of their means, each collection counting once.

Intervals resample the queries inside each collection: they say how far the mean over these collections can be trusted,
not what another choice of collections would give.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from spaniel.retrieval.errors import InvalidInput

from .card import now
from .results import machine_figures, published_figures, version
from .results_format import ComparisonFigures, MacroFigures, MacroPipeline, MacroResults
from .scoring import comparison, measure_figure
from .statistics import holm, macro_difference, macro_mean

if TYPE_CHECKING:
    from .collections import Published
    from .evaluation import Evaluation

__all__ = ["macro_results"]


def macro_results(
    evaluations: "Sequence[Evaluation]",
    *,
    baseline: str | None = None,
    all_pairs: bool = False,
    published: Sequence["Published"] = (),
    confidence: float | None = None,
    alpha: float | None = None,
    seed: int | None = None,
    command: Sequence[str] = (),
) -> MacroResults:
    """Over evaluations of the same pipelines; on the measures that all of them have.

    Args:
        baseline: what the others are compared with; the first pipeline by default.
        all_pairs: compare every pair instead; Holm's correction runs over all of them.
        published: what others report for this macro mean (`info.published` of a collection of several parts).
        confidence, alpha, seed: those of the first evaluation by default.

    Raises:
        InvalidInput: no evaluation, two of one collection, other pipelines in one than in the first, or an unknown
            baseline.
    """
    names = [each.collection.name for each in evaluations]
    if not evaluations or len(set(names)) < len(names):
        raise InvalidInput("macro", f"collections {', '.join(names) or '(none)'}; each must be there once")
    pipelines = list(evaluations[0].scores)
    for each in evaluations:
        if list(each.scores) != pipelines:
            raise InvalidInput("macro", f"{each.collection.name} was run with other pipelines than {names[0]}")
    settings = evaluations[0].settings
    confidence = settings.confidence if confidence is None else confidence
    alpha = settings.alpha if alpha is None else alpha
    seed = settings.seed if seed is None else seed
    measures = [m for m in evaluations[0].results.measures if all(m in each.results.measures for each in evaluations)]

    def values(pipeline: str, measure: str):  # type: ignore[no-untyped-def]
        return [each.scores[pipeline].values[measure] for each in evaluations]

    means = [
        MacroPipeline(
            name=name,
            measures={
                m: measure_figure(macro_mean(values(name, m), confidence=confidence, seed=seed), m) for m in measures
            },
        )
        for name in pipelines
    ]
    first = baseline or pipelines[0]
    if first not in pipelines:
        raise InvalidInput("macro", f"no pipeline is called {first!r}; there are {', '.join(pipelines)}")
    ordered = [first, *(name for name in pipelines if name != first)]
    pairs = list(combinations(ordered, 2)) if all_pairs else [(first, name) for name in ordered[1:]]
    compared: list[ComparisonFigures] = []
    for m in measures if pairs else []:
        paired = [
            macro_difference(values(name, m), values(base, m), confidence=confidence, seed=seed, alpha=alpha)
            for base, name in pairs
        ]
        adjusted = holm([each.p for each in paired]).tolist()
        compared += [
            comparison(base, name, m, each, p, correction="holm", alpha=alpha)
            for (base, name), each, p in zip(pairs, paired, adjusted, strict=True)
        ]
    return MacroResults(
        spaniel=version(),
        created=now(),
        command=list(command),
        machine=machine_figures(),
        collections=names,
        measures=measures,
        macro=MacroFigures(pipelines=means, comparisons=compared),
        confidence=confidence,
        published=published_figures(published),
    )

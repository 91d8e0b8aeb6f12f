"""Several collections as one figure: the mean of their means, each collection counting once.

Intervals resample the queries inside each collection: they say how far the mean over these collections can be trusted,
not what another choice of collections would give.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spaniel.retrieval.errors import InvalidInput

from .card import now
from .results import machine_figures, version
from .results_format import ComparisonFigures, MacroFigures, MacroPipeline, MacroResults
from .scoring import comparison, measure_figure
from .statistics import holm, macro_difference, macro_mean

if TYPE_CHECKING:
    from .evaluation import Evaluation

__all__ = ["macro_results"]


def macro_results(
    evaluations: "Sequence[Evaluation]",
    *,
    baseline: str | None = None,
    confidence: float = 0.95,
    alpha: float = 0.05,
    seed: int = 0,
    command: Sequence[str] = (),
) -> MacroResults:
    """Over evaluations of the same pipelines; on the measures that all of them have.

    Args:
        baseline: what the others are compared with; the first pipeline by default.

    Raises:
        InvalidInput: no evaluation, two of one collection, or other pipelines in one than in the first.
    """
    names = [each.collection.name for each in evaluations]
    if not evaluations or len(set(names)) < len(names):
        raise InvalidInput("macro", f"collections {', '.join(names) or '(none)'}; each must be there once")
    pipelines = list(evaluations[0].scores)
    for each in evaluations:
        if list(each.scores) != pipelines:
            raise InvalidInput("macro", f"{each.collection.name} was run with other pipelines than {names[0]}")
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
    compared: list[ComparisonFigures] = []
    others = [name for name in pipelines if name != first]
    for m in measures if others else []:
        paired = [
            macro_difference(values(name, m), values(first, m), confidence=confidence, seed=seed, alpha=alpha)
            for name in others
        ]
        adjusted = holm([each.p for each in paired]).tolist()
        compared += [
            comparison(first, name, m, each, p, correction="holm", alpha=alpha)
            for name, each, p in zip(others, paired, adjusted, strict=True)
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
    )

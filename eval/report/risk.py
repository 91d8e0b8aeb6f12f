"""Risk against coverage, a drawing an answerer: what is wrong among the surest answers, as more are accepted."""

from collections.abc import Sequence
from itertools import pairwise

from spaniel.eval.results_format import AbstentionFigures, CollectionResults

from .markup import Markup, joined, tag
from .numbers import fraction
from .svg import Scale, across, axes, clipped, down, drawing

__all__ = ["risk_plots"]

_HEIGHT, _AXIS, _MOST = 180, 46, 8


def risk_plots(results: CollectionResults) -> Markup | None:
    """The curves of the first eight answerers on one scale; None where no answers were evaluated."""
    found = [(one.name, one.abstention) for one in results.pipelines if one.abstention is not None][:_MOST]
    if not found:
        return None
    risks = [risk for _, figures in found for _, risk in figures.curve]
    y = Scale.linear(risks, include=[0.0, *(figures.random for _, figures in found)])
    return joined(_plot(place, name, figures, y) for place, (name, figures) in enumerate(found))


def _plot(place: int, name: str, figures: AbstentionFigures, y: Scale) -> Markup:
    x = Scale.linear([0.0, 1.0])
    said = f"{name}: risk {fraction(figures.random)} when every answer is accepted, AURC {fraction(figures.aurc)}"
    level = _down(y, figures.random)
    plot = drawing(
        f"risk-{place}", said, _HEIGHT + _AXIS, axes(x, y, _HEIGHT, above="↑ risk (1 - F1)", below="coverage →"),
        tag("line", x1="0", x2="100%", y1=level, y2=level, class_="whisker thin"),
        _line(figures.curve, x, y), class_="framed",
    )  # fmt: skip
    caption = "The curve, and the thin line that confidences without meaning would give."
    heading = tag("h3", clipped(name, 60))
    return tag("figure", heading, tag("div", plot, class_="with-axis"), tag("figcaption", caption))


def _line(curve: Sequence[tuple[float, float]], x: Scale, y: Scale) -> list[Markup]:
    """From point to point; places across are percentages, which only lines take, not paths."""
    return [
        tag("line", x1=across(x.at(a[0])), x2=across(x.at(b[0])), y1=_down(y, a[1]), y2=_down(y, b[1]), class_="front")
        for a, b in pairwise(curve)
    ]


def _down(y: Scale, value: float) -> float:
    return down(y, value, _HEIGHT)

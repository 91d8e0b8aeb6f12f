"""Dot and whisker: the mean of each pipeline with its interval, a panel a measure, the baseline's mean dashed."""

from collections.abc import Mapping, Sequence

from spaniel.eval.results_format import MeasureFigure

from .markup import Markup, joined, tag
from .numbers import fraction, interval
from .svg import Scale, across, clipped, drawing, label
from .table import BETTER, WORSE
from .tables import Results, baseline_of, figures_of, mark_of

__all__ = ["interval_plots"]

_ROW, _AXIS, _NAME = 46, 22, 34


def interval_plots(results: Results) -> Markup:
    """A figure for each measure."""
    figures = [_panel(results, measure, place) for place, measure in enumerate(results.measures)]
    return tag("div", figures, class_="panels")


def _panel(results: Results, measure: str, place: int) -> Markup:
    rows = [(name, figures[measure]) for name, figures in figures_of(results)]
    scale = _scale([figure for _, figure in rows])
    height = _ROW * len(rows)
    baseline = baseline_of(results) if len(rows) > 1 else None
    said = "; ".join(f"{name} {fraction(one.mean)} ({interval(one.low, one.high)})" for name, one in rows)
    body = [_axis(scale, height), _line_of_baseline(dict(rows), baseline, scale, height)]
    for row, (name, figure) in enumerate(rows):
        sign = {"": "", "better": f" {BETTER}", "worse": f" {WORSE}"}[mark_of(results, name, measure)]
        body.append(_row(name, figure, scale, row * _ROW, sign, name == baseline))
    plot = drawing(f"interval-{place}", f"{measure}: {said}", height + _AXIS, body)
    return tag("figure", tag("figcaption", tag("h3", measure)), plot)


def _scale(figures: Sequence[MeasureFigure]) -> Scale:
    values = [value for one in figures for value in (one.mean, one.low, one.high) if value is not None]
    return Scale.linear(values, n_ticks=4)


def _row(name: str, figure: MeasureFigure, scale: Scale, top: int, sign: str, is_baseline: bool) -> Markup:
    """Name and mean above, the interval below."""
    line = top + 32
    low = figure.mean if figure.low is None else figure.low
    high = figure.mean if figure.high is None else figure.high
    parts = [
        label(clipped(name, _NAME), "0", top + 16, class_="name"),
        label(f"{fraction(figure.mean)}{sign}", "100%", top + 16, class_="value", anchor="end"),
        tag("line", x1="0", x2="100%", y1=line, y2=line, class_="track"),
        tag("line", x1=across(scale.at(low)), x2=across(scale.at(high)), y1=line, y2=line, class_="whisker"),
        tag("circle", cx=across(scale.at(figure.mean)), cy=line, r=5, class_="dot hollow" if is_baseline else "dot"),
    ]
    return tag("g", tag("title", f"{name}: {fraction(figure.mean)} ({interval(low, high)})"), parts)


def _axis(scale: Scale, height: int) -> list[Markup]:
    """Ticks along the lower edge; those at the ends keep inside the drawing."""
    marks = []
    for tick in scale.ticks:
        place = scale.at(tick)
        anchor = "start" if place < 0.02 else "end" if place > 0.98 else "middle"
        marks.append(tag("line", x1=across(place), x2=across(place), y1=height - 2, y2=height + 3, class_="tick"))
        marks.append(label(scale.written(tick), across(place), height + 17, class_="tick", anchor=anchor))
    return marks


def _line_of_baseline(
    rows: Mapping[str, MeasureFigure], baseline: str | None, scale: Scale, height: int
) -> Markup | None:
    if baseline is None:
        return None
    place = across(scale.at(rows[baseline].mean))
    pieces = [
        tag("line", x1=place, x2=place, y1=row * _ROW + 24, y2=row * _ROW + 40, class_="baseline")
        for row in range(height // _ROW)
    ]
    return joined(pieces)

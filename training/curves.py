"""Curves of a training as drawings: loss, learning rate, and held-out questions with their intervals."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from spaniel.eval.report.markup import Child, Markup, joined, tag
from spaniel.eval.report.numbers import amount, fraction, interval
from spaniel.eval.report.svg import Scale, across, axes, clipped, down, drawing

__all__ = ["Point", "dev_plots", "loss_plot", "rate_plot", "thinned"]

_HEIGHT, _AXIS, _POINTS = 200, 46, 300


class Point(NamedTuple):
    """A place of a curve: a step, or the middle of several, and the mean of what was measured there."""

    step: float
    value: float


def thinned(points: Sequence[Point], most: int = _POINTS) -> list[Point]:
    """At most so many points: neighbours are put together, as many in each but the last, by their means.

    Example:
        >>> thinned([Point(1, 4.0), Point(2, 2.0), Point(3, 1.0)], most=2)
        [Point(step=1.5, value=3.0), Point(step=3.0, value=1.0)]
    """
    each = max(-(-len(points) // most), 1)
    pieces = [points[start : start + each] for start in range(0, len(points), each)]
    return [Point(*(sum(column) / len(piece) for column in zip(*piece, strict=True))) for piece in pieces]


def loss_plot(steps: Sequence[Mapping[str, Any]]) -> Markup:
    """The loss of each step; of several together where there are many."""
    points = [Point(row["step"], row["loss"]) for row in steps]
    said = f"Loss: {amount(points[0].value)} in the first step, {amount(points[-1].value)} in the last"
    return _curve("loss", "Loss", said, points, "↑ loss")


def rate_plot(steps: Sequence[Mapping[str, Any]]) -> Markup:
    """The learning rate of each step, in millionths, so that its numbers are short."""
    points = [Point(row["step"], row["learning_rate"] * 1e6) for row in steps]
    highest = max(point.value for point in points)
    return _curve(
        "rate", "Learning rate", f"Learning rate: {amount(highest)} millionths at most", points, "↑ rate, 1e-6"
    )


def dev_plots(evaluations: Sequence[Mapping[str, Any]], best: int, blended: Mapping[str, Mapping[str, Any]]) -> Child:
    """A figure for each set: the mean after so many steps, its interval, the start dashed, what was kept filled: the
    best step, or what it became when it was blended with the start (set -> figures)."""
    names = list(dict.fromkeys(name for row in evaluations for name in row["dev"]))
    figures = []
    for place, name in enumerate(names):
        found = [(int(row["step"]), row["dev"][name]) for row in evaluations if name in row["dev"]]
        figures.append(_dev_panel(place, name, found, best, blended.get(name)))
    return tag("div", figures, class_="panels wide") if figures else None


def _curve(name: str, title: str, said: str, points: Sequence[Point], above: str) -> Markup:
    shown = thinned(points)
    x = Scale.linear([0.0, *(point.step for point in points)])
    y = Scale.linear([point.value for point in shown], include=[0.0])
    body = joined(axes(x, y, _HEIGHT, above=above, below="step →"), _line(shown, x, y))
    each = -(-len(points) // _POINTS)
    note = tag("figcaption", f"Means of {each} steps.") if each > 1 else None
    plot = drawing(f"curve-{name}", said, _HEIGHT + _AXIS, body, class_="framed")
    return tag("figure", tag("h3", title), tag("div", plot, class_="with-axis"), note, class_="block")


def _line(points: Sequence[Point], x: Scale, y: Scale, class_: str = "curve") -> list[Markup]:
    """From point to point; places across are percentages, which only lines take, not paths. One point is a dot."""
    places = [(across(x.at(point.step)), down(y, point.value, _HEIGHT)) for point in points]
    if len(places) == 1:
        return [tag("circle", cx=places[0][0], cy=places[0][1], r=4, class_="dot")]
    return [tag("line", x1=a[0], x2=b[0], y1=a[1], y2=b[1], class_=class_) for a, b in pairwise(places)]


def _dev_panel(
    place: int,
    name: str,
    found: Sequence[tuple[int, Mapping[str, Any]]],
    best: int,
    blended: Mapping[str, Any] | None,
) -> Markup:
    dots = [(step, one, blended is None and step == best) for step, one in found]
    dots += [] if blended is None else [(best, blended, True)]
    x = Scale.linear([0.0, *(float(step) for step, _ in found)])
    y = Scale.linear(
        [v for _, one, _ in dots for v in (one["mean"], one["low"], one["high"]) if v is not None], n_ticks=5
    )
    measure, start = found[0][1]["measure"], down(y, found[0][1]["mean"], _HEIGHT)
    said = "; ".join(f"step {step} {fraction(one['mean'])}" for step, one in found)
    said += f"; blended with the start {fraction(blended['mean'])}" if blended else ""
    plot = drawing(
        f"dev-{place}", f"{measure} on held-out questions of {name}: {said}", _HEIGHT + _AXIS,
        axes(x, y, _HEIGHT, above=f"↑ {measure}", below="step →"),
        tag("line", x1="0", x2="100%", y1=start, y2=start, class_="baseline"),
        _line([Point(step, one["mean"]) for step, one in found], x, y) if len(found) > 1 else None,
        (_evaluation(step, one, x, y, kept) for step, one, kept in dots), class_="framed",
    )  # fmt: skip
    caption = "Dashed: the start. Filled: the weights that were kept. Whiskers: the intervals of the means."
    return tag("figure", tag("h3", clipped(name, 60)), tag("div", plot, class_="with-axis"), tag("figcaption", caption))


def _evaluation(step: int, one: Mapping[str, Any], x: Scale, y: Scale, kept: bool) -> Markup:
    at, level = across(x.at(step)), down(y, one["mean"], _HEIGHT)
    low, high = (level if one[end] is None else down(y, one[end], _HEIGHT) for end in ("low", "high"))
    said = f"step {step:,}: {fraction(one['mean'])} {interval(one['low'], one['high'])}".rstrip()
    return tag(
        "g", tag("title", said), tag("line", x1=at, x2=at, y1=low, y2=high, class_="whisker thin"),
        tag("circle", cx=at, cy=level, r=5, class_="dot" if kept else "dot hollow"),
    )  # fmt: skip

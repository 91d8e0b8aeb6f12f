"""Quality against latency: each pipeline a point, time on a logarithmic scale, the Pareto front a stepped line.

A pipeline is on the front when none is both at least as good and at least as fast, and better in one of the two.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from spaniel.eval.results_format import CollectionResults

from .facts import main_measure
from .markup import Markup, tag
from .numbers import amount, fraction
from .svg import Scale, across, axes, clipped, down, drawing, label

__all__ = ["Point", "pareto_front", "scatter_plot"]

_HEIGHT, _AXIS, _LINE = 300, 46, 16


Box: TypeAlias = tuple[float, float, float]  # start and width of a name as fractions, and its line in pixels


class Point(NamedTuple):
    """One pipeline: milliseconds of a median query, and quality with its interval."""

    name: str
    ms: float
    quality: float
    low: float | None
    high: float | None


def pareto_front(points: Sequence[Point]) -> list[Point]:
    """Those that nothing dominates, fastest first.

    Example:
        >>> a, b, c = (Point(n, ms, q, None, None) for n, ms, q in (("a", 1, 0.5), ("b", 2, 0.4), ("c", 3, 0.6)))
        >>> [point.name for point in pareto_front([c, b, a])]
        ['a', 'c']
    """
    front: list[Point] = []
    for point in sorted(points, key=lambda one: (one.ms, -one.quality)):
        tie = bool(front) and (point.ms, point.quality) == (front[-1].ms, front[-1].quality)
        if not front or point.quality > front[-1].quality or tie:
            front.append(point)
    return front


def scatter_plot(results: CollectionResults) -> Markup | None:
    """The figure; None when fewer than two pipelines have a latency."""
    measure = main_measure(results)
    if measure is None:
        return None
    points = [
        Point(one.name, one.latency_ms.p50, figure.mean, figure.low, figure.high)
        for one in results.pipelines
        if one.latency_ms and one.latency_ms.p50 > 0 and (figure := one.measures[measure])
    ]
    if len(points) < 2:
        return None
    absent = [one.name for one in results.pipelines if one.name not in {point.name for point in points}]
    front = pareto_front(points)
    x = Scale.logarithmic(point.ms for point in points)
    y = Scale.linear((value for p in points for value in (p.quality, p.low, p.high) if value is not None), n_ticks=5)
    said = "; ".join(f"{p.name} {fraction(p.quality)} at {amount(p.ms)} ms" for p in points)
    plot = drawing(
        "scatter", f"{measure} against median latency: {said}", _HEIGHT + _AXIS,
        axes(x, y, _HEIGHT, above=f"↑ {measure}", below="median latency of a query, ms (log) →", marks=True),
        _front_line(front, x, y), _points(points, front, x, y), class_="framed",
    )  # fmt: skip
    return tag("figure", tag("div", plot, class_="with-axis"), tag("figcaption", _caption(front, absent)))


def _caption(front: Sequence[Point], absent: Sequence[str]) -> str:
    words = (
        f"Filled points and the stepped line: the Pareto front ({', '.join(one.name for one in front)}); no pipeline "
    )
    words += "is both faster and better than these. Hollow points: dominated. Whiskers: the intervals of the means."
    return words + (f" Not shown, latency was not measured: {', '.join(absent)}." if absent else "")


def _down(y: Scale, value: float) -> float:
    return down(y, value, _HEIGHT)


def _front_line(front: Sequence[Point], x: Scale, y: Scale) -> list[Markup]:
    """Steps: the best quality for at most so much time."""
    steps = []
    for point, after in zip(front, [*front[1:], None], strict=True):
        start, level = x.at(point.ms), _down(y, point.quality)
        end = x.at(after.ms) if after else 1.0
        steps.append(tag("line", x1=across(start), x2=across(end), y1=level, y2=level, class_="front"))
        if after:
            rise = _down(y, after.quality)
            steps.append(tag("line", x1=across(end), x2=across(end), y1=level, y2=rise, class_="front"))
    return steps


def _points(points: Sequence[Point], front: Sequence[Point], x: Scale, y: Scale) -> list[Markup]:
    """Points with their whiskers, and their names in the first place near them that no other name has."""
    parts, taken = [], list[Box]()
    for point in sorted(points, key=lambda one: -one.quality):
        place, level = x.at(point.ms), _down(y, point.quality)
        name = clipped(point.name, 24)
        left, text = _label_place(name, place, level, taken)
        low, high = (level if v is None else _down(y, v) for v in (point.low, point.high))
        parts += [
            tag("line", x1=across(place), x2=across(place), y1=low, y2=high, class_="whisker thin"),
            tag("circle", tag("title", f"{point.name}: {fraction(point.quality)}, {amount(point.ms)} ms"),
                cx=across(place), cy=level, r=5.5, class_="dot" if point in front else "dot hollow"),
            label(name, across(place), text, class_="name", dx=-11 if left else 11, anchor="end" if left else "start"),
        ]  # fmt: skip
    return parts


def _label_place(name: str, place: float, level: float, taken: list[Box]) -> tuple[bool, float]:
    """Whether a name stands left of its point, and how far down; what it takes up is noted in `taken`.

    Widths are guessed for a drawing of 480 pixels; on a narrower one names may touch.
    """
    width, gap = len(name) * 7 / 480, 11 / 480
    sides = (True, False) if place > 0.6 else (False, True)
    ways = [(left, level + down) for down in (-9, 18, -25, 34) for left in sides]
    boxes = [(place - gap - width if left else place + gap, width, text) for left, text in ways]
    free = [
        way for way, (start, _, text) in zip(ways, boxes, strict=True)
        if start >= 0 and start + width <= 1
        and not any(start < at + wide and at < start + width and abs(text - other) < _LINE for at, wide, other in taken)
    ]  # fmt: skip
    chosen = free[0] if free else ways[0]
    taken.append(boxes[ways.index(chosen)])
    return chosen

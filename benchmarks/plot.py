"""Line plots as SVG, log-log or with a linear y, without a plotting library, readable on light and dark pages."""

import html
import itertools
import math
from collections.abc import Mapping, Sequence

__all__ = ["log_log", "log_x"]

WIDTH, HEIGHT = 720, 420
BESIDE = 340  # for labels beside the plot
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 20, 50
COLOURS = ("#1f77b4", "#d95f02", "#1b9e77", "#9467bd", "#c51b7d", "#7f7f7f")


def log_log(lines: Mapping[str, Sequence[tuple[float, float]]], *, x: str, y: str, numbered: bool = False) -> str:
    """SVG text. lines: label -> points with both coordinates above 0; x, y: names of the axes; numbered: labels stand
    beside the plot with numbers, and the numbers at the points."""
    points = [point for line in lines.values() for point in line]
    x_axis = _Axis([p[0] for p in points], LEFT, WIDTH - RIGHT)
    y_axis = _Axis([p[1] for p in points], _height(lines, numbered) - BOTTOM, TOP)
    return _drawn(lines, x_axis, y_axis, x=x, y=y, numbered=numbered)


def log_x(lines: Mapping[str, Sequence[tuple[float, float]]], *, x: str, y: str) -> str:
    """SVG text with a linear y axis: label -> points whose first coordinate is above 0; labels stand beside it."""
    points = [point for line in lines.values() for point in line]
    x_axis = _Axis([p[0] for p in points], LEFT, WIDTH - RIGHT)
    y_axis = _Linear([p[1] for p in points], _height(lines, numbered=True) - BOTTOM, TOP)
    return _drawn(lines, x_axis, y_axis, x=x, y=y, numbered=True)


def _height(lines: Mapping[str, object], numbered: bool) -> int:
    """Labels beside the plot make it as high as they need."""
    return max(HEIGHT, TOP + 18 + 16 * len(lines)) if numbered else HEIGHT


def _drawn(
    lines: Mapping[str, Sequence[tuple[float, float]]],
    x_axis: "_Axis",
    y_axis: "_Axis | _Linear",
    *,
    x: str,
    y: str,
    numbered: bool,
) -> str:
    width, height = WIDTH + BESIDE * numbered, _height(lines, numbered)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for tick in x_axis.ticks():
        at = x_axis.place(tick)
        parts.append(_line(at, TOP, at, height - BOTTOM) + _text(at, height - BOTTOM + 16, _short(tick), "middle"))
    for tick in y_axis.ticks():
        at = y_axis.place(tick)
        parts.append(_line(LEFT, at, WIDTH - RIGHT, at) + _text(LEFT - 6, at + 4, _short(tick), "end"))
    places = [[(x_axis.place(a), y_axis.place(b)) for a, b in line] for line in lines.values()]
    numbers = _numbers(places) if numbered else []
    for i, label in enumerate(lines):
        colour = COLOURS[i % len(COLOURS)]
        parts += _curve(places[i], colour, dashed=i // len(COLOURS) % 2 == 1)
        if numbered:
            parts.append(_text(*numbers[i], str(i + 1), "start", colour))
        legend = (WIDTH, f"{i + 1}  {label}") if numbered else (LEFT + 12, label)
        parts.append(_text(legend[0], TOP + 18 + 16 * i, legend[1], "start", colour))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, height - 12, x, "middle"))
    middle = (TOP + height - BOTTOM) / 2
    parts.append(f'<g transform="rotate(-90 16 {middle})">{_text(16, middle, y, "middle")}</g>')
    return "\n".join([*parts, "</svg>\n"])


def _curve(places: Sequence[tuple[float, float]], colour: str, *, dashed: bool) -> list[str]:
    """A line with its points; dashes tell the lines apart that share a colour."""
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
    dashes = ' stroke-dasharray="7 4"' if dashed else ""
    line = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'
    return [line, *(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in places)]


def _numbers(curves: Sequence[Sequence[tuple[float, float]]]) -> list[tuple[float, float]]:
    """Where the number of each line begins: beside its end, where it covers least of the lines and of other numbers."""
    taken = [_around(a, b) for curve in curves for a, b in _along(curve)]
    starts = []
    for i, curve in enumerate(curves):
        (a, b), wide = curve[-1], 7 * len(str(i + 1))
        beside = [(a + side * 5 - wide * (side < 0), b + down) for down in (-4, 4, 13, -15, 22) for side in (1, -1)]
        boxes = [(left, low - 10, left + wide, low) for left, low in beside]
        others = [box for box in taken if box != _around(a, b)]
        best = min(range(len(boxes)), key=lambda at: sum(_shared(boxes[at], other) for other in others))
        taken.append(boxes[best])
        starts.append(beside[best])
    return starts


def _around(a: float, b: float) -> tuple[float, float, float, float]:
    return a - 5, b - 5, a + 5, b + 5


def _along(curve: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points of a line and some in between."""
    pairs = itertools.pairwise(curve)
    between = [(a + (c - a) * part / 8, b + (d - b) * part / 8) for (a, b), (c, d) in pairs for part in range(8)]
    return [*between, curve[-1]]


def _shared(one: tuple[float, ...], two: tuple[float, ...]) -> float:
    """Area that two boxes (left, top, right, bottom) have in common."""
    wide, high = min(one[2], two[2]) - max(one[0], two[0]), min(one[3], two[3]) - max(one[1], two[1])
    return max(wide, 0.0) * max(high, 0.0)


class _Axis:
    """Places of values on one logarithmic axis, from `start` to `stop` pixels."""

    def __init__(self, values: Sequence[float], start: float, stop: float) -> None:
        self.low, self.high = min(values) / 1.25, max(values) * 1.25
        self.start, self.stop = start, stop

    def place(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.stop - self.start)

    def ticks(self) -> list[float]:
        """1, 2 and 5 times powers of ten inside the axis."""
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        every = [m * 10.0**p for p in powers for m in (1, 2, 5)]
        return [t for t in every if self.low <= t <= self.high]


class _Linear:
    """Places of values on one linear axis, from `start` to `stop` pixels."""

    def __init__(self, values: Sequence[float], start: float, stop: float) -> None:
        margin = (max(values) - min(values)) * 0.05 or 0.01
        self.low, self.high = min(values) - margin, max(values) + margin
        self.start, self.stop = start, stop

    def place(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.stop - self.start)

    def ticks(self) -> list[float]:
        """Some 5 to 10 multiples of 1, 2 or 5 times a power of ten inside the axis."""
        step = 10.0 ** math.floor(math.log10((self.high - self.low) / 4))
        step *= max(m for m in (1, 2, 5) if m * step <= (self.high - self.low) / 4)
        first = math.ceil(self.low / step)
        return [i * step for i in range(first, math.floor(self.high / step) + 1)]


def _short(value: float) -> str:
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:g}{letter}"
    return f"{value:g}"


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{html.escape(text)}</text>'

"""Line plots as SVG, log-log or with a linear y, without a plotting library, readable on light and dark pages."""

import html
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
    y_axis = _Axis([p[1] for p in points], HEIGHT - BOTTOM, TOP)
    return _drawn(lines, x_axis, y_axis, x=x, y=y, numbered=numbered)


def log_x(lines: Mapping[str, Sequence[tuple[float, float]]], *, x: str, y: str) -> str:
    """SVG text with a linear y axis: label -> points whose first coordinate is above 0; labels stand beside it."""
    points = [point for line in lines.values() for point in line]
    x_axis = _Axis([p[0] for p in points], LEFT, WIDTH - RIGHT)
    y_axis = _Linear([p[1] for p in points], HEIGHT - BOTTOM, TOP)
    return _drawn(lines, x_axis, y_axis, x=x, y=y, numbered=True)


def _drawn(
    lines: Mapping[str, Sequence[tuple[float, float]]],
    x_axis: "_Axis",
    y_axis: "_Axis | _Linear",
    *,
    x: str,
    y: str,
    numbered: bool,
) -> str:
    width, height = WIDTH, HEIGHT
    if numbered:
        width, height = WIDTH + BESIDE, max(HEIGHT, TOP + 18 + 16 * len(lines))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for tick in x_axis.ticks():
        at = x_axis.place(tick)
        parts.append(_line(at, TOP, at, HEIGHT - BOTTOM) + _text(at, HEIGHT - BOTTOM + 16, _short(tick), "middle"))
    for tick in y_axis.ticks():
        at = y_axis.place(tick)
        parts.append(_line(LEFT, at, WIDTH - RIGHT, at) + _text(LEFT - 6, at + 4, _short(tick), "end"))
    for i, (label, line) in enumerate(lines.items()):
        colour = COLOURS[i % len(COLOURS)]
        places = [(f"{x_axis.place(a):.1f}", f"{y_axis.place(b):.1f}") for a, b in line]
        path = " ".join(f"{a},{b}" for a, b in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{x_axis.place(a):.1f}" cy="{y_axis.place(b):.1f}" r="3" fill="{colour}"/>' for a, b in line
        ]
        if numbered:
            a, b = line[-1]
            parts.append(_text(x_axis.place(a) + 5, y_axis.place(b) - 4, str(i + 1), "start", colour))
        legend = (WIDTH, f"{i + 1}  {label}") if numbered else (LEFT + 12, label)
        parts.append(_text(legend[0], TOP + 18 + 16 * i, legend[1], "start", colour))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x, "middle"))
    parts.append(f'<g transform="rotate(-90 16 {HEIGHT / 2})">{_text(16, HEIGHT / 2, y, "middle")}</g>')
    return "\n".join([*parts, "</svg>\n"])


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

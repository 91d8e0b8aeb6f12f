"""What all plots share: scales, ticks, and a frame that keeps letters at their size on any screen.

Places across are percentages of the drawing's width and places down are pixels, so that a plot fits a telephone and a
sheet of paper without a script and without scaling its text. Colours are classes of `style.css`, for light, dark and
print alike.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .markup import Child, Markup, joined, tag

__all__ = ["Scale", "across", "axes", "clipped", "down", "drawing", "label"]


@dataclass(frozen=True, slots=True)
class Scale:
    """Values to places between 0 and 1, linear or logarithmic; `ticks` lie inside."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    @classmethod
    def linear(cls, values: Iterable[float], *, n_ticks: int = 4, include: Sequence[float] = ()) -> "Scale":
        """From the round number at or below the least value to that at or above the greatest."""
        found = [*values, *include]
        low, high = min(found), max(found)
        if high - low < 1e-9:
            low, high = low - 0.05, high + 0.05
        step = _round_step((high - low) / n_ticks)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        return cls(first * step, last * step, tuple(round(place * step, 12) for place in range(first, last + 1)))

    @classmethod
    def logarithmic(cls, values: Iterable[float]) -> "Scale":
        """Values above 0, with some to spare; ticks at 1, 2, 5, or at powers of ten over a wide range."""
        found = list(values)
        low, high = min(found) / 1.6, max(found) * 1.6
        steps = (1, 2, 5) if high / low < 1000 else (1,)
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = (step * 10.0**decade for decade in decades for step in steps)
        return cls(low, high, tuple(tick for tick in ticks if low <= tick <= high), log=True)

    def written(self, tick: float, *, sign: bool = False) -> str:
        """A tick in words, with as many decimals as the others need."""
        if self.log:
            return f"{tick:g}"
        decimals = max(len(f"{one:g}".partition(".")[2]) for one in self.ticks)
        return "0" if sign and not tick else f"{tick:{'+' if sign else ''}.{decimals}f}".replace("-", "−")

    def at(self, value: float) -> float:
        """Where the value lies, 0 at the low end."""
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)


def _round_step(step: float) -> float:
    """The least of 1, 2, 2.5, 5 times a power of ten that is not below the step."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= step * (1 - 1e-9))


def across(fraction: float) -> str:
    """A place or width across the drawing."""
    return f"{100 * fraction:.2f}%".replace(".00%", "%")


def down(y: Scale, value: float, height: int) -> float:
    """A place in a drawing whose scale stands on `height` pixels: 0 is at the top."""
    return round(height * (1 - y.at(value)), 1)


def axes(x: Scale, y: Scale, height: int, *, above: str, below: str, marks: bool = False) -> Markup:
    """Lines across for the ticks of y, numbers for those of both, and what they count; marks: at the ticks of x too."""
    parts = []
    for tick in y.ticks:
        level = down(y, tick, height)
        parts.append(tag("line", x1="0", x2="100%", y1=level, y2=level, class_="grid"))
        parts.append(label(y.written(tick), "0", level + 4, class_="tick", anchor="end", dx=-8))
    for tick in x.ticks:
        place = across(x.at(tick))
        if marks:
            parts.append(tag("line", x1=place, x2=place, y1=height, y2=height + 5, class_="tick"))
        parts.append(label(x.written(tick), place, height + 20, class_="tick", anchor="middle"))
    parts.append(label(above, "0", -10, class_="tick"))
    parts.append(label(below, "100%", height + 40, class_="tick", anchor="end"))
    return joined(parts)


def drawing(name: str, title: str, height: int, *children: Child, class_: str = "") -> Markup:
    """An image as wide as its place, with a title for those who do not see it; `name` is its id."""
    said = tag("title", title, id=f"{name}-title")
    return tag(
        "svg", said, *children,
        class_=f"plot {class_}".strip(), width="100%", height=height, role="img", aria_labelledby=f"{name}-title",
    )  # fmt: skip


def label(text: str, x: str, y: float, *, class_: str = "", anchor: str = "start", dx: float = 0) -> Markup:
    """Words in a drawing."""
    return tag("text", text, x=x, y=y, dx=dx or None, class_=class_ or None, text_anchor=anchor)


def clipped(text: str, n: int) -> str:
    """At most n characters."""
    return text if len(text) <= n else text[: n - 1].rstrip() + "…"

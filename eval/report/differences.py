"""Per-query differences: a bar a query, sorted, gains above the line and losses below.

A mean difference says little about where it comes from; this shows whether many queries move a little or few a lot.
"""

from collections.abc import Sequence

from spaniel.eval.results_format import ComparisonFigures, QueryResults

from .markup import Markup, joined, tag
from .numbers import count, fraction, interval, p_value, p_words, signed
from .svg import Scale, across, clipped, drawing, label

__all__ = ["MAX_BARS", "difference_plot"]

MAX_BARS = 400
_HEIGHT = 190


def difference_plot(comparison: ComparisonFigures, queries: Sequence[QueryResults], place: int) -> Markup:
    """The figure of one comparison; a sentence where no query changed. Of many queries `MAX_BARS` evenly spaced."""
    changes = sorted(((_change(comparison, query), query) for query in queries), key=lambda one: -one[0])
    n_all = len(changes)
    shown = changes
    if n_all > MAX_BARS:
        shown = [changes[round(rank * (n_all - 1) / (MAX_BARS - 1))] for rank in range(MAX_BARS)]
    if not any(change for change, _ in changes):
        return tag("p", f"No query of {n_all:,} changed.", class_="caption")
    reach = max(max(abs(change) for change, _ in shown), 1e-9)
    scale = Scale.linear([-reach, reach], n_ticks=4, include=[0.0])
    title = f"{comparison.system} minus {comparison.baseline}, {comparison.measure} of each query, sorted"
    plot = drawing(
        f"differences-{place}", f"{title}: {_summary(comparison)}", _HEIGHT,
        _axes(scale), _bars(shown, scale, titled=n_all <= MAX_BARS), _counts(comparison), class_="framed",
    )  # fmt: skip
    said = f"{n_all:,} queries, sorted by difference" + (f"; {MAX_BARS} evenly spaced ones drawn" * (n_all > MAX_BARS))
    return tag(
        "figure",
        tag("div", plot, class_="with-axis"),
        tag("figcaption", f"{_summary(comparison)} ({said}.)"),
    )


def _change(comparison: ComparisonFigures, query: QueryResults) -> float:
    system, baseline = (query.pipelines[name].measures for name in (comparison.system, comparison.baseline))
    return system[comparison.measure] - baseline[comparison.measure]


def _summary(one: ComparisonFigures) -> str:
    """Difference, interval, p, counts and what could have been seen, in words."""
    words = f"Mean difference {signed(one.difference)}"
    if found := interval(one.low, one.high, sign=True):
        words += f" ({found})"
    if one.p is not None:
        words += f", {p_words(one.p)}"
    if one.p_adjusted is not None:
        words += f", adjusted {p_value(one.p_adjusted)}"
    if one.wins is not None:
        words += f"; {count(one.wins)} wins, {count(one.ties)} ties, {count(one.losses)} losses"
    if one.mde is not None:
        words += f"; smallest difference these queries can show: {fraction(one.mde)}"
    return words + "."


def _down(scale: Scale, value: float) -> float:
    return round(8 + (_HEIGHT - 16) * (1 - scale.at(value)), 2)


def _axes(scale: Scale) -> Markup:
    parts = []
    for tick in scale.ticks:
        level = _down(scale, tick)
        parts.append(tag("line", x1="0", x2="100%", y1=level, y2=level, class_="grid" if tick else "zero"))
        parts.append(label(scale.written(tick, sign=True), "0", level + 4, class_="tick", anchor="end", dx=-8))
    return joined(parts)


def _bars(shown: Sequence[tuple[float, QueryResults]], scale: Scale, *, titled: bool) -> list[Markup]:
    """Gains upwards, losses downwards; queries without a change leave a gap."""
    bars, width, zero = [], 1 / len(shown), _down(scale, 0)
    for place, (change, query) in enumerate(shown):
        if change:
            end = _down(scale, change)
            title = tag("title", f"{signed(change)} {clipped(query.text or query.query_id, 80)}") if titled else None
            bars.append(
                tag("rect", title, x=across(place * width), y=min(end, zero), width=across(width * 0.82),
                    height=round(max(abs(end - zero), 0.8), 2), class_="gain" if change > 0 else "loss")
            )  # fmt: skip
    return bars


def _counts(one: ComparisonFigures) -> Markup | None:
    """In the corners that sorted bars leave empty."""
    if one.wins is None:
        return None
    return joined(
        label(f"▼ {count(one.losses)} losses", "0", _HEIGHT - 16, class_="name loss", dx=4),
        label(f"▲ {count(one.wins)} wins", "100%", 26, class_="name gain", anchor="end", dx=-4),
    )

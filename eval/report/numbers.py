"""How numbers are written in reports: the same in every notation, so that a figure can be searched for."""

__all__ = [
    "NOTHING",
    "amount",
    "count",
    "fraction",
    "interval",
    "ms",
    "p_value",
    "p_words",
    "seconds",
    "signed",
    "size",
]

NOTHING = "–"
"""What stands where nothing was measured."""


def fraction(value: float) -> str:
    """A measure, with the four decimals that trec_eval prints."""
    return f"{value:.4f}"


def signed(value: float) -> str:
    """A difference of two measures; its sign is always there, and a true minus.

    Example:
        >>> signed(0.02134), signed(-0.5), signed(-0.00001)
        ('+0.0213', '−0.5000', '0.0000')
    """
    text = f"{value:+.4f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def interval(low: float | None, high: float | None, *, sign: bool = False) -> str:
    """`0.635–0.722`, or with signs `−0.010 to +0.021`; nothing when a bound is missing."""
    if low is None or high is None:
        return ""
    if sign:
        return f"{low:+.4f} to {high:+.4f}".replace("-", "−")
    return f"{low:.3f}–{high:.3f}".replace("-", "−")


def p_value(value: float | None) -> str:
    """Four decimals; what would be written as 0.0000 is below that."""
    if value is None:
        return NOTHING
    return "<0.0001" if value < 0.00005 else f"{value:.4f}"


def count(value: int | None) -> str:
    """Whole numbers with thousands apart."""
    return NOTHING if value is None else f"{value:,}"


def p_words(value: float | None) -> str:
    """`p = 0.0123`, or `p < 0.0001`."""
    written = p_value(value)
    return f"p < {written[1:]}" if written.startswith("<") else f"p = {written}"


def amount(value: float | None) -> str:
    """Three significant digits, whole from a hundred on: `0.312`, `4.70`, `5,121`."""
    if value is None:
        return NOTHING
    if value == 0 or abs(value) >= 99.95:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")


def ms(value: float | None) -> str:
    """Milliseconds."""
    return amount(value)


def seconds(value: float | None) -> str:
    """Seconds, with their unit."""
    return NOTHING if value is None else f"{amount(value)} s"


def size(value: int | None) -> str:
    """Bytes in powers of 1000: `812 B`, `3.40 MB`."""
    if value is None:
        return NOTHING
    scaled, unit = float(value), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if scaled < 999.5 or unit == "TB":
            break
        scaled /= 1000
    return f"{scaled:.0f} {unit}" if unit == "B" else f"{amount(scaled)} {unit}"

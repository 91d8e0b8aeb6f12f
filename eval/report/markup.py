"""HTML and SVG as values: text is escaped unless it is `Markup`, which only `tag` and `joined` make.

So what comes from data cannot become markup by being forgotten.
"""

import html
import re
from collections.abc import Iterable
from typing import TypeAlias

__all__ = ["Child", "Markup", "clean", "joined", "tag"]


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


Child: TypeAlias = "str | Iterable[Child] | None"
Value: TypeAlias = str | int | float | bool | None

_VOID = {"br", "hr", "img", "meta"}
# What XML and HTML forbid, and lone surrogates, which have no UTF-8.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """The text with characters that may not stand in a page replaced by U+FFFD."""
    return _FORBIDDEN.sub("\ufffd", text)


def joined(*children: Child) -> Markup:
    """Children one after another; text among them is escaped, None is nothing.

    Example:
        >>> joined("a < b", tag("br"), None, ["c"])
        'a &lt; b<br>c'
    """
    parts: list[str] = []
    for child in children:
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, str):
            parts.append(html.escape(clean(child)))
        elif child is not None:
            parts.append(joined(*child))
    return Markup("".join(parts))


def tag(name: str, /, *children: Child, **attributes: Value) -> Markup:
    """An element.

    Args:
        attributes: `class_` is class, `stroke_width` is stroke-width; None and False are left out, True stands alone.

    Example:
        >>> tag("p", "1 & 2", class_="x", hidden=True)
        '<p class="x" hidden>1 &amp; 2</p>'
    """
    words = [name]
    for key, value in attributes.items():
        written = key.rstrip("_").replace("_", "-")
        if value is True:
            words.append(written)
        elif value is not None and value is not False:
            text = f"{value:.6g}" if isinstance(value, float) else str(value)
            words.append(f'{written}="{html.escape(clean(text))}"')
    opening = f"<{' '.join(words)}>"
    return Markup(opening if name in _VOID else f"{opening}{joined(*children)}</{name}>")

"""What all pages share: the head with its style, warnings first, contents, sections, footer; tables and lists of facts.

One HTML file, no scripts, no other files. Everything that comes from data is escaped (`markup`).
"""

from collections.abc import Sequence
from importlib import resources

from .html_table import html_table
from .markup import Child, Markup, joined, tag
from .table import Table

__all__ = ["Section", "fact_list", "framed", "table_block"]

Section = tuple[str, str, Child]
"""Its id, its heading, what stands in it; one without content is left out."""

# Hatching for what is lost, so that it does not depend on colour; drawn once, used by all plots of the page.
_HATCH = (
    '<svg width="0" height="0" class="defs" aria-hidden="true"><defs><pattern id="hatch" width="5" height="5" '
    'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="2.2" height="5" class="hatch"></rect>'
    "</pattern></defs></svg>"
)


def framed(
    kicker: str, title: str, *, finding: str, warnings: Sequence[str], sections: Sequence[Section], footer: str
) -> str:
    """The whole page.

    Args:
        kicker: what kind of page it is, above the title.
        finding: one sentence, below it.
        footer: with what and when it was made.
    """
    shown = [(name, heading, content) for name, heading, content in sections if content]
    body = [
        Markup(_HATCH),
        tag("header", tag("p", kicker, class_="kicker"), tag("h1", title), tag("p", finding, class_="finding"),
            _warnings(warnings), _contents(shown)),
        tag("main", (_section(*section) for section in shown)),
        tag("footer", footer),
    ]  # fmt: skip
    head = joined(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title}: {kicker[:1].lower()}{kicker[1:]}"),
        tag("style", Markup(_style())),
    )
    return f"<!doctype html>\n{tag('html', tag('head', head), tag('body', body), lang='en')}\n"


def table_block(table: Table) -> Markup:
    """A table that scrolls by itself where the screen is narrow, with the keyboard too; its caption stays in view."""
    caption = tag("p", table.caption, class_="caption") if table.caption else None
    bare = Table(table.name, table.title, table.columns, table.rows)
    region = tag("div", html_table(bare), class_="scroll", role="region", tabindex=0, aria_label=table.title)
    return joined(region, caption)


def fact_list(facts: Sequence[tuple[str, str]], class_: str = "facts") -> Markup | None:
    """Names and values; None without any."""
    items = [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts]
    return tag("dl", items, class_=class_) if items else None


def _style() -> str:
    return (resources.files(__package__) / "style.css").read_text(encoding="utf-8")


def _section(name: str, heading: str, content: Child) -> Markup:
    return tag("section", tag("h2", heading, id=f"{name}-heading"), content, id=name, aria_labelledby=f"{name}-heading")


def _contents(sections: Sequence[Section]) -> Markup:
    links = [tag("li", tag("a", heading, href=f"#{name}")) for name, heading, _ in sections]
    return tag("nav", tag("ul", links), aria_label="Contents")


def _warnings(found: Sequence[str]) -> Markup | None:
    if not found:
        return None
    head = tag("h2", f"{len(found)} warning{'s' * (len(found) > 1)}", id="warnings-heading")
    return tag("aside", head, tag("ul", (tag("li", one) for one in found)), class_="warnings",
               aria_labelledby="warnings-heading")  # fmt: skip

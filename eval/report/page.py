"""The report as one HTML page: no scripts, no other files, readable on disk, on paper, in the dark, on a telephone.

Warnings come first, then the finding, the figures with their intervals, comparisons, costs, where relevant passages are
lost, queries to read, run cards, and the command that makes it all again. Everything that comes from data is escaped
(`markup`).
"""

import json
from collections.abc import Mapping, Sequence
from importlib import resources

from spaniel.eval.results_format import CollectionResults, MacroResults, QueryResults, part_folder

from .differences import difference_plot
from .facts import all_warnings, command_of, facts_of, finding, hashes_of, main_measure, origin_of, title_of
from .html_table import html_table
from .intervals import interval_plots
from .markup import Child, Markup, joined, tag
from .queries import MAX_SYSTEMS, N_EACH, N_HITS, query_sections
from .risk import risk_plots
from .scatter import scatter_plot
from .table import Table
from .tables import Results, abstention_table, baseline_of, comparisons_table, costs_table, figures_table, parts_table
from .waterfall import waterfall_plots

__all__ = ["render_page"]

# Hatching for what is lost, so that it does not depend on colour; drawn once, used by all plots of the page.
_HATCH = (
    '<svg width="0" height="0" class="defs" aria-hidden="true"><defs><pattern id="hatch" width="5" height="5" '
    'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="2.2" height="5" class="hatch"></rect>'
    "</pattern></defs></svg>"
)


def render_page(
    results: Results,
    queries: Sequence[QueryResults] = (),
    parts: Mapping[str, CollectionResults] | None = None,
) -> str:
    """The whole page.

    Args:
        queries: of one collection; without them the page has no per-query parts.
        parts: of several collections, each one's results by name.
    """
    title = title_of(results)
    sections = _of_one(results, queries) if isinstance(results, CollectionResults) else _of_many(results, parts or {})
    shown = [(name, heading, content) for name, heading, content in sections if content]
    body = [
        Markup(_HATCH),
        tag("header", tag("p", "Retrieval evaluation", class_="kicker"), tag("h1", title),
            tag("p", finding(results), class_="finding"),
            _warnings(all_warnings(results, parts or {})), _contents(shown)),
        tag("main", (_section(*section) for section in shown)),
        tag("footer", " · ".join(part for part in (f"Spaniel {results.spaniel}".strip(), results.created) if part)),
    ]  # fmt: skip
    head = joined(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title}: retrieval evaluation"),
        tag("style", Markup(_style())),
    )
    return f"<!doctype html>\n{tag('html', tag('head', head), tag('body', body), lang='en')}\n"


def _style() -> str:
    return (resources.files(__package__) / "style.css").read_text(encoding="utf-8")


Section = tuple[str, str, Child]


def _of_one(results: CollectionResults, queries: Sequence[QueryResults]) -> list[Section]:
    return [
        ("results", "Results", joined(_table(figures_table(results)), interval_plots(results))),
        ("comparisons", "Against the baseline", _comparisons(results, queries)),
        ("confidence", "When it answers", _confidence(results)),
        ("costs", "Quality and cost", _costs(results)),
        ("waterfall", "Where relevant passages are lost", _waterfall(results)),
        ("queries", "Queries to read", _queries(results, queries)),
        ("collection", "Collection", _collection(results)),
        ("cards", "Run cards", _cards(results)),
        ("reproduce", "How to reproduce", _reproduce(results)),
    ]


def _of_many(results: MacroResults, parts: Mapping[str, CollectionResults]) -> list[Section]:
    comparisons = comparisons_table(results)
    return [
        ("results", "Macro means", joined(_table(figures_table(results)), interval_plots(results))),
        ("comparisons", "Against the baseline", _table(comparisons) if comparisons.rows else None),
        ("collections", "Collections", _parts(parts)),
        ("reproduce", "How to reproduce", _reproduce(results)),
    ]


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


def _table(table: Table) -> Markup:
    """A table that scrolls by itself where the screen is narrow, with the keyboard too; its caption stays in view."""
    caption = tag("p", table.caption, class_="caption") if table.caption else None
    bare = Table(table.name, table.title, table.columns, table.rows)
    region = tag("div", html_table(bare), class_="scroll", role="region", tabindex=0, aria_label=table.title)
    return joined(region, caption)


def _comparisons(results: CollectionResults, queries: Sequence[QueryResults]) -> Child:
    table = comparisons_table(results)
    if not table.rows:
        return None
    measure, baseline = main_measure(results), baseline_of(results)
    plots = []
    if queries:
        shown = [one for one in results.comparisons if one.measure == measure and one.baseline == baseline]
        for place, one in enumerate(shown):
            heading = tag("h3", f"{one.system} − {one.baseline}, {one.measure}")
            plots.append(tag("div", heading, difference_plot(one, queries, place), class_="block"))
    return joined(_table(table), plots)


def _confidence(results: CollectionResults) -> Child:
    table = abstention_table(results)
    return joined(_table(table), risk_plots(results)) if table.rows else None


def _costs(results: CollectionResults) -> Child:
    table, plot = costs_table(results), scatter_plot(results)
    return joined(plot, _table(table) if table.rows else None) or None


def _waterfall(results: CollectionResults) -> Child:
    plots = waterfall_plots(results)
    if plots is None:
        return None
    said = "Solid: relevant passages in the rankings of a stage. Hatched: those it lost or, where it searches, did not "
    said += "find. Empty: lost before, or found by another source only."
    return joined(plots, tag("p", said, class_="caption"))


def _queries(results: CollectionResults, queries: Sequence[QueryResults]) -> Child:
    folds = query_sections(results, queries)
    if not folds:
        return None
    compared = len(results.pipelines) - (baseline_of(results) is not None)
    said = f"At most {N_EACH} queries each way and {N_HITS} results a pipeline are shown"
    said += f", for the first {MAX_SYSTEMS} of {compared} pipelines" if compared > MAX_SYSTEMS else ""
    said += f"; all {len(queries):,} queries stand in per-query.jsonl. What is open here is what is printed."
    return joined(folds, tag("p", said, class_="caption"))


def _facts(facts: Sequence[tuple[str, str]], class_: str = "facts") -> Markup | None:
    items = [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts]
    return tag("dl", items, class_=class_) if items else None


def _collection(results: CollectionResults) -> Child:
    hashes = [(f"SHA-256 of {part}", value) for part, value in hashes_of(results)]
    return joined(_facts(facts_of(results)), _facts(hashes, "facts hashes"))


def _cards(results: CollectionResults) -> Child:
    folds = []
    for pipeline in results.pipelines:
        stages = tag("p", " → ".join(pipeline.stages), class_="note") if pipeline.stages else None
        card = json.dumps(pipeline.card, indent=2, ensure_ascii=False)
        content = tag("pre", tag("code", card)) if pipeline.card else tag("p", "No card.", class_="note")
        folds.append(tag("details", tag("summary", pipeline.name), stages, content, class_="fold card"))
    return joined(folds)


def _parts(parts: Mapping[str, CollectionResults]) -> Child:
    """A row a collection with a link to its own report."""
    if not parts:
        return None
    links = [
        tag("li", tag("a", name, href=f"{part_folder('', name).as_posix().replace('%', '%25')}/report.html"))
        for name in parts
    ]
    return joined(
        _table(parts_table(parts)), tag("p", "The report of each collection:", class_="more"), tag("ul", links)
    )


def _reproduce(results: Results) -> Child:
    command = command_of(results)
    return joined(tag("pre", tag("code", command)) if command else None, _facts(origin_of(results)))

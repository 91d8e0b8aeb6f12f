"""The report as one HTML page: no scripts, no other files, readable on disk, on paper, in the dark, on a telephone.

Warnings come first, then the finding, the figures with their intervals, comparisons, costs, where relevant passages are
lost, queries to read, run cards, and the command that makes it all again. Everything that comes from data is escaped
(`markup`).
"""

import json
from collections.abc import Mapping, Sequence

from spaniel.eval.results_format import CollectionResults, MacroResults, QueryResults, part_folder

from .differences import difference_plot
from .facts import all_warnings, command_of, facts_of, finding, hashes_of, main_measure, origin_of, title_of
from .frame import Section, fact_list, framed, table_block
from .intervals import interval_plots
from .markup import Child, joined, tag
from .queries import MAX_SYSTEMS, N_EACH, N_HITS, query_sections
from .risk import risk_plots
from .scatter import scatter_plot
from .tables import Results, abstention_table, baseline_of, comparisons_table, costs_table, figures_table, parts_table
from .waterfall import waterfall_plots

__all__ = ["render_page"]


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
    sections = _of_one(results, queries) if isinstance(results, CollectionResults) else _of_many(results, parts or {})
    return framed(
        "Retrieval evaluation",
        title_of(results),
        finding=finding(results),
        warnings=all_warnings(results, parts or {}),
        sections=sections,
        footer=" · ".join(part for part in (f"Spaniel {results.spaniel}".strip(), results.created) if part),
    )


def _of_one(results: CollectionResults, queries: Sequence[QueryResults]) -> list[Section]:
    return [
        ("results", "Results", joined(table_block(figures_table(results)), interval_plots(results))),
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
        ("results", "Macro means", joined(table_block(figures_table(results)), interval_plots(results))),
        ("comparisons", "Against the baseline", table_block(comparisons) if comparisons.rows else None),
        ("collections", "Collections", _parts(parts)),
        ("reproduce", "How to reproduce", _reproduce(results)),
    ]


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
    return joined(table_block(table), plots)


def _confidence(results: CollectionResults) -> Child:
    table = abstention_table(results)
    return joined(table_block(table), risk_plots(results)) if table.rows else None


def _costs(results: CollectionResults) -> Child:
    table, plot = costs_table(results), scatter_plot(results)
    return joined(plot, table_block(table) if table.rows else None) or None


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


def _collection(results: CollectionResults) -> Child:
    hashes = [(f"SHA-256 of {part}", value) for part, value in hashes_of(results)]
    return joined(fact_list(facts_of(results)), fact_list(hashes, "facts hashes"))


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
        table_block(parts_table(parts)), tag("p", "The report of each collection:", class_="more"), tag("ul", links)
    )


def _reproduce(results: Results) -> Child:
    command = command_of(results)
    return joined(tag("pre", tag("code", command)) if command else None, fact_list(origin_of(results)))

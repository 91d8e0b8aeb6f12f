"""Write the tables of docs/collections.md from the registry; a test compares the two.

python tools/collection_docs.py
"""

from collections.abc import Iterator
from pathlib import Path

from spaniel.eval.collections.registry import Entry, entries, published

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "collections.md"

_MARK = "<!-- tables: written by tools/collection_docs.py -->\n"
_FAMILIES = {"beir": "BEIR", "bright": "BRIGHT", "xquad": "XQuAD"}


def page(before: str) -> str:
    """The page with what stands below the mark made anew."""
    lines = ["## The registry", ""]
    for family, title in _FAMILIES.items():
        lines += [f"### {title}", "", "| name | documents | queries | splits | rules |", "|---|--:|--:|---|---|"]
        lines += [_row(entry) for entry in entries().values() if entry.family == family] + [""]
    lines += ["## Published figures", "", _FIGURES, ""]
    for measure in ("nDCG@10", "R@100"):
        lines += [f"### {measure}", "", *_figures(measure), ""]
    lines += ["### Their sources", "", *_sources(), ""]
    return before.partition(_MARK)[0] + _MARK + "\n" + "\n".join(lines)


_FIGURES = (
    "Times 100, as exact as the source gives them. A report shows them beside ours only for the corpus, the split\n"
    "and the number of queries they are for."
)


def _row(entry: Entry) -> str:
    name = f"`{entry.name}`" + ("" if entry.url or entry.part_of else " (by hand)")
    return f"| {name} | {entry.documents:,} | {entry.queries:,} | {', '.join(entry.splits)} | {_rules(entry)} |"


def _rules(entry: Entry) -> str:
    """What differs from nDCG@10 over all judgements of one English corpus."""
    rules = []
    if entry.parts:
        rules.append(f"macro mean of its {len(entry.parts)} parts")
    if entry.drop_self:
        rules.append("the query's own document is dropped")
    if entry.language != "english":
        rules.append(f"analyser `{entry.language}`")
    for split, rule in (entry.rules or {}).items():
        grade = f", grade {rule['relevance']} and up for binary measures" if "relevance" in rule else ""
        rules.append(f"{split} ({rule['title']}, {rule['queries']:,} queries): {rule['official_measure']}{grade}")
    return "; ".join(rules)


def _figures(measure: str) -> list[str]:
    """A table with one row a collection and one column a system."""
    rows = [(name, values) for name, entry, split in _splits() if (values := _values(entry, split, measure))]
    systems = [system for system in _systems() if any(system in values for _, values in rows)]
    lines = [f"| | {' | '.join(systems)} |", f"|---|{'--:|' * len(systems)}"]
    for name, values in rows:
        cells = [f"{100 * values[system]:.4g}" if system in values else "" for system in systems]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _splits() -> Iterator[tuple[str, Entry, str]]:
    """(title of a row, entry, split) of everything that may have figures."""
    for entry in entries().values():
        for split in entry.rules or ("test",):
            yield (entry.name if split == "test" else f"{entry.name} {split}"), entry, split


def _values(entry: Entry, split: str, measure: str) -> dict[str, float]:
    return {figure.system: figure.value for figure in published(entry.name, split) if figure.measure == measure}


def _systems() -> dict[str, str]:
    """System -> source, in the order of the data."""
    splits = sorted(_splits(), key=lambda row: row[1].family)
    return {figure.system: figure.source for _, entry, split in splits for figure in published(entry.name, split)}


def _sources() -> list[str]:
    return ["| system | source |", "|---|---|", *(f"| {system} | {source} |" for system, source in _systems().items())]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

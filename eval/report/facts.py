"""What a report says in words: its title, its finding, warnings, facts about collection and machine, the command."""

import shlex
from collections.abc import Mapping

from spaniel.eval.results_format import CollectionResults

from .numbers import amount, count, fraction, p_words, signed, size
from .tables import Results, baseline_of, comparisons_of, figures_of, relevance_of

__all__ = [
    "all_warnings",
    "command_of",
    "facts_of",
    "finding",
    "hashes_of",
    "main_measure",
    "origin_of",
    "title_of",
    "warnings_of",
]


def title_of(results: Results) -> str:
    """The collection and its split, or all collections."""
    if isinstance(results, CollectionResults):
        split = results.collection.split
        return f"{results.collection.name} ({split})" if split else results.collection.name
    names = results.collections
    return ", ".join(names) if len(names) <= 4 else f"{len(names)} collections"


def warnings_of(results: Results) -> list[str]:
    """Those of the evaluation, then each pipeline's with its name."""
    pipelines = results.pipelines if isinstance(results, CollectionResults) else []
    return [*results.warnings, *(f"{one.name}: {warning}" for one in pipelines for warning in one.warnings)]


def all_warnings(results: Results, parts: Mapping[str, CollectionResults]) -> list[str]:
    """Those of the results, then those of each part with its name."""
    return [*warnings_of(results), *(f"{name}: {one}" for name, part in parts.items() for one in warnings_of(part))]


def main_measure(results: Results) -> str | None:
    """The collection's official measure when it was computed, else the first; None without measures."""
    official = results.collection.official_measure if isinstance(results, CollectionResults) else None
    return official if official in results.measures else next(iter(results.measures), None)


def finding(results: Results) -> str:
    """One sentence: what is best by the main measure, and what is known of its lead over the baseline."""
    measure, figures = main_measure(results), figures_of(results)
    if measure is None or not figures:
        return "Nothing was measured."
    name, best = max(((name, found[measure]) for name, found in figures), key=lambda one: one[1].mean)
    if len(figures) == 1:
        return f"{name} reaches {measure} {fraction(best.mean)}."
    equal = [one for one, found in figures if round(found[measure].mean, 4) == round(best.mean, 4)]
    if len(equal) > 1:
        others = f"the highest {measure}, {fraction(best.mean)}"
        if len(equal) == len(figures):
            others = f"the same {measure}, {fraction(best.mean)}"
        return f"{', '.join(equal[:-1])} and {equal[-1]} have {others}."
    said = f"{name} has the highest {measure}, {fraction(best.mean)}"
    baseline = baseline_of(results)
    if name == baseline:
        return f"{said}; it is the baseline."
    for one in comparisons_of(results):
        if (one.baseline, one.system, one.measure) == (baseline, name, measure):
            lead = f"{said}: {signed(one.difference)} over {baseline}"
            p = one.p if one.p_adjusted is None else one.p_adjusted
            if one.significant:
                return f"{lead}, a significant difference ({p_words(p)})."
            return f"{lead}, which is not significant ({p_words(p)})."
    return f"{said}."


def facts_of(results: Results) -> list[tuple[str, str]]:
    """(what, how much) of the collection, as a reader wants to check it; absent facts are left out."""
    if not isinstance(results, CollectionResults):
        return [("Collections", count(len(results.collections)))]
    one = results.collection
    found = [
        ("Documents", None if one.documents is None else count(one.documents)),
        ("Queries", None if one.queries is None else count(one.queries)),
        ("Judgements", None if one.judgements is None else count(one.judgements)),
        ("Relevant per query", None if one.relevant_per_query is None else amount(one.relevant_per_query)),
        ("Official measure", one.official_measure),
        ("Binary measures", relevance_of(one).partition(": ")[2] or None),
        ("Self-retrieval", "dropped" if one.drop_self else "kept"),
    ]
    found += [(name.replace("_", " ").capitalize(), count(n)) for name, n in one.counts.items() if n]
    known = {"documents", "queries", "judgements"}
    return [(name, value) for name, value in dict(found).items() if value is not None and name not in known]


def hashes_of(results: Results) -> list[tuple[str, str]]:
    """(part, SHA-256) of what was evaluated on."""
    return list(results.collection.sha256.items()) if isinstance(results, CollectionResults) else []


def origin_of(results: Results) -> list[tuple[str, str]]:
    """When, with what and where it ran."""
    machine = results.machine
    hardware = [
        machine.cpu,
        f"{machine.cores} cores" if machine.cores else None,
        size(machine.memory_bytes) if machine.memory_bytes else None,
    ]
    found = [
        ("Date", results.created),
        ("Spaniel", results.spaniel),
        ("Machine", ", ".join(part for part in hardware if part)),
        ("Python", machine.python),
        ("Platform", machine.platform),
    ]
    return [(name, value) for name, value in found if value]


def command_of(results: Results) -> str:
    """The command that made these results, quoted for a shell; "" when it is not known."""
    return shlex.join(results.command)

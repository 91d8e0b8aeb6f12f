"""The tables of an evaluation: figures with published ones beside them, comparisons, costs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from spaniel.eval.results_format import (
    CollectionFacts,
    CollectionResults,
    ComparisonFigures,
    MacroResults,
    MeasureFigure,
    PipelineResults,
    PublishedFigure,
)

from .numbers import NOTHING, amount, count, fraction, interval, p_value, seconds, signed, size
from .table import BETTER, WORSE, Cell, Column, Mark, Row, Table

__all__ = [
    "Results",
    "abstention_table",
    "all_tables",
    "baseline_of",
    "comparisons_table",
    "costs_table",
    "figures_table",
    "mark_of",
    "method_words",
    "parts_table",
    "relevance_of",
]

Results: TypeAlias = CollectionResults | MacroResults

_METHODS = {
    "bca": "BCa bootstrap",
    "beta": "Beta posterior",
    "t": "Student's t",
    "wilson": "Wilson",
    "clopper_pearson": "Clopper-Pearson",
    "hierarchical": "bootstrap within each collection",
}


def all_tables(results: Results) -> list[Table]:
    """Those that have something to show, in the order a reader wants them."""
    tables = [figures_table(results), comparisons_table(results)]
    if isinstance(results, CollectionResults):
        tables += [costs_table(results), abstention_table(results)]
    return [table for table in tables if table.rows]


def comparisons_of(results: Results) -> Sequence[ComparisonFigures]:
    """All comparisons; of several collections, those of the macro means."""
    return results.comparisons if isinstance(results, CollectionResults) else results.macro.comparisons


def figures_of(results: Results) -> list[tuple[str, Mapping[str, MeasureFigure]]]:
    """(pipeline, its figures), in order."""
    pipelines = results.pipelines if isinstance(results, CollectionResults) else results.macro.pipelines
    return [(pipeline.name, pipeline.measures) for pipeline in pipelines]


def baseline_of(results: Results) -> str | None:
    """The pipeline that most comparisons are made with (of equals, the one listed first); None without comparisons."""
    used = [comparison.baseline for comparison in comparisons_of(results)]
    return max((name for name, _ in figures_of(results)), key=used.count) if used else None


def mark_of(results: Results, system: str, measure: str) -> Mark:
    """Whether a pipeline differs significantly from the baseline, and which way; a comparison may stand either way."""
    baseline = baseline_of(results)
    for found in comparisons_of(results):
        if found.measure == measure and found.significant and {found.baseline, found.system} == {baseline, system}:
            gain = found.difference if found.system == system else -found.difference
            return "better" if gain > 0 else "worse"
    return ""


def figures_table(results: Results) -> Table:
    """A row a pipeline: mean, interval and mark of every measure; then what others have published."""
    rows, measures, baseline = figures_of(results), results.measures, baseline_of(results)
    best = {name: max(round(figures[name].mean, 4) for _, figures in rows) for name in measures if rows}
    body = []
    for name, figures in rows:
        cells = [Cell(name, "baseline" if name == baseline and len(rows) > 1 else "")]
        for measure in measures:
            figure = figures[measure]
            strong = len(rows) > 1 and round(figure.mean, 4) == best[measure]
            detail = interval(figure.low, figure.high)
            cells.append(Cell(fraction(figure.mean), detail, mark_of(results, name, measure), strong))
        body.append(Row(tuple(cells)))
    published = results.collection.published if isinstance(results, CollectionResults) else results.published
    body += _published_rows(published, measures)
    columns = [Column("Pipeline", numeric=False), *map(Column, measures)]
    return Table("results", "Results", columns, body, _figures_caption(results, bool(published)))


def _published_rows(published: Iterable[PublishedFigure], measures: Sequence[str]) -> list[Row]:
    """A row a system and source; figures of measures that were not computed here are left out."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for figure in published:
        if figure.measure in measures:
            found.setdefault((figure.system, figure.source), {})[figure.measure] = figure.value
    return [
        Row(
            (Cell(system, source), *(Cell(_published(values[m])) if m in values else Cell(NOTHING) for m in measures)),
            group="Published",
        )
        for (system, source), values in found.items()
    ]


def _published(value: float) -> str:
    """As many decimals as somebody else gave, at least three: 0.679 is not 0.6790."""
    return f"{value:.4f}" if round(value, 3) != round(value, 6) else f"{value:.3f}"


def method_words(results: Results) -> str:
    """How the intervals were made, in words."""
    used = {figure.method for _, figures in figures_of(results) for figure in figures.values() if figure.method}
    return ", ".join(sorted(_METHODS.get(method, method) for method in used))


def confidence_of(results: Results) -> str:
    """The level of the intervals: "95%"; older results do not say theirs, and then the word is "confidence"."""
    return "confidence" if results.confidence is None else f"{100 * results.confidence:g}%"


def relevance_of(collection: CollectionFacts) -> str:
    """From which grade documents are relevant to binary measures, where it is not the usual 1."""
    return "" if collection.relevance == 1 else f"binary measures: grade >= {collection.relevance}"


def _figures_caption(results: Results, published: bool) -> str:
    rows = figures_of(results)
    ns = {figure.n for _, figures in rows for figure in figures.values()}
    queries = f"{min(ns):,}" if len(ns) == 1 else f"{min(ns):,} to {max(ns):,}" if ns else "no"
    method = method_words(results)
    what = "Means" if isinstance(results, CollectionResults) else "Macro means: every collection counts the same;"
    queries += " query" if queries == "1" else " queries"
    made = f" ({method})" if method else ""
    words = [f"{what} over {queries} with {confidence_of(results)} intervals{made}."]
    if isinstance(results, CollectionResults) and (rule := relevance_of(results.collection)):
        words.append(f"{rule[0].upper()}{rule[1:]}.")
    if comparisons_of(results):
        words.append(f"{BETTER} better, {WORSE} worse than {baseline_of(results)}: {_test_words(results)}.")
    if len(rows) > 1:
        words.append("Bold: the best mean of each column.")
    if published:
        words.append("Published figures are as their sources give them.")
    return " ".join(words)


def _test_words(results: Results) -> str:
    """The test, its correction and its level."""
    found = comparisons_of(results)
    first = found[0]
    drawn = {one.resamples for one in found if one.resamples and not _is_exact(one)}
    resamples = f" of {max(drawn):,} resamples" if drawn else ""
    seed = f", seed {first.seed}" if drawn and first.seed is not None else ""
    exact = any(map(_is_exact, found))
    all_signs = "exact, over all sign patterns" if not drawn else "exact where there are fewer sign patterns"
    correction = (first.correction or "").lower()
    names = {
        "holm": ", p-values adjusted by Holm's method over the comparisons of each measure",
        "max_t": ", p-values adjusted by MaxT over all pairs of each measure",
    }
    adjusted = (
        names.get(correction, f", p-values adjusted ({first.correction})") if correction not in ("", "none") else ""
    )
    said = f" ({all_signs})" if exact else ""
    return f"paired randomisation test{resamples}{said}{seed}{adjusted}, at {first.alpha:g}"


def _is_exact(one: ComparisonFigures) -> bool:
    """Whether every sign pattern of the queries that differ was counted, and none drawn."""
    if one.wins is None or one.losses is None or one.resamples is None:
        return False
    return one.wins + one.losses < 63 and one.resamples == 1 << (one.wins + one.losses)


def comparisons_table(results: Results) -> Table:
    """A row a comparison: paired difference with interval, p, wins, ties and losses, and what could have been seen."""
    found = comparisons_of(results)
    columns = [
        Column("System", numeric=False), Column("Against", numeric=False), Column("Measure", numeric=False),
        Column("Difference"), Column("p"), Column("p adjusted"), Column("Wins"), Column("Ties"), Column("Losses"),
        Column("MDE"), Column("Verdict", numeric=False),
    ]  # fmt: skip
    caption = (
        f"Mean of the per-query differences, system minus baseline, with {confidence_of(results)} interval. "
        f"{_test_words(results)[0].upper()}{_test_words(results)[1:]}. "
        "The adjusted p decides what is called significant; an interval is not adjusted and may exclude 0 without it. "
        "MDE: the smallest true difference that these queries would show with 80% power."
        if found
        else ""
    )
    return Table("comparisons", "Paired comparisons", columns, [_comparison_row(one) for one in found], caption)


def verdict(comparison: ComparisonFigures) -> tuple[str, Mark]:
    """In a word, and as a mark."""
    if not comparison.significant:
        return "not significant", ""
    return ("better", "better") if comparison.difference > 0 else ("worse", "worse")


def _comparison_row(one: ComparisonFigures) -> Row:
    word, mark = verdict(one)
    return Row(
        (
            Cell(one.system), Cell(one.baseline), Cell(one.measure),
            Cell(signed(one.difference), interval(one.low, one.high, sign=True)),
            Cell(p_value(one.p)), Cell(p_value(one.p_adjusted), strong=one.significant),
            Cell(count(one.wins)), Cell(count(one.ties)), Cell(count(one.losses)),
            Cell(NOTHING if one.mde is None else fraction(one.mde)), Cell(word, mark=mark),
        )
    )  # fmt: skip


def parts_table(parts: Mapping[str, CollectionResults]) -> Table:
    """A row a collection, a column a pipeline: the mean of each collection's main measure."""
    names = list(dict.fromkeys(pipeline.name for part in parts.values() for pipeline in part.pipelines))
    rows = []
    for collection, part in parts.items():
        official = part.collection.official_measure
        measure = official if official in part.measures else part.measures[0]
        means = {pipeline.name: round(pipeline.measures[measure].mean, 4) for pipeline in part.pipelines}
        cells = [
            Cell(fraction(means[name]), strong=len(names) > 1 and means[name] == max(means.values()))
            if name in means
            else Cell(NOTHING)
            for name in names
        ]
        rows.append(Row((Cell(collection), Cell(measure), *cells)))
    columns = [Column("Collection", numeric=False), Column("Measure", numeric=False), *map(Column, names)]
    rules = [f"{name}: {rule}." for name, part in parts.items() if (rule := relevance_of(part.collection))]
    caption = " ".join(["Means over the queries of each collection.", *rules])
    return Table("collections", "Collections", columns, rows, caption)


def abstention_table(results: CollectionResults) -> Table:
    """A row an answerer: how much it answers at what risk, and whether its confidence means something."""
    columns = [Column(name) for name in ("Answered", "F1 of silence", "Risk", "AURC", "Excess", "Random")]
    rows = [
        Row(
            (
                Cell(pipeline.name),
                Cell(f"{found.answered:,} of {found.n:,}"),
                Cell(fraction(found.silence)),
                Cell(NOTHING if found.risk is None else fraction(found.risk)),
                Cell(fraction(found.aurc), f"{fraction(found.low)}–{fraction(found.high)}"),
                Cell(fraction(found.excess)),
                Cell(fraction(found.random)),
            )
        )
        for pipeline in results.pipelines
        if (found := pipeline.abstention) is not None
    ]
    caption = (
        "F1 of silence: of never answering. Loss is 1 - F1, and 1 for silence. Risk: mean loss of what was "
        "answered. AURC: area under the risk-coverage "
        "curve, lower is better; excess: above that of the best confidences for these losses; random: of confidences "
        "without meaning."
    )
    return Table("abstention", "Confidence", [Column("Pipeline", numeric=False), *columns], rows, caption)


Value: TypeAlias = Callable[[PipelineResults], Cell | None]


def costs_table(results: CollectionResults) -> Table:
    """A row a pipeline: time, space and calls; columns that nobody measured are left out and named."""
    columns = [Column("Pipeline", numeric=False)]
    cells: list[list[Cell]] = []
    absent = []
    answered = any(pipeline.abstention for pipeline in results.pipelines)
    for column, value in [*_COSTS, *(_OF_ANSWERS if answered else [])]:
        found = [value(pipeline) for pipeline in results.pipelines]
        if any(found):
            columns.append(column)
            cells.append([cell or Cell(NOTHING) for cell in found])
        else:
            absent.append(column.name)
    rows = [
        Row((Cell(pipeline.name), *(column[place] for column in cells)))
        for place, pipeline in enumerate(results.pipelines)
    ]
    caption = "Latency is of single queries on one thread after a warm-up; throughput of a batch, with its threads."
    if answered:
        caption = "Latency is of every question, answered under the load of all threads, without a warm-up."
    if absent:
        caption += f" Not measured: {', '.join(absent)}."
    return Table("costs", "Costs", columns, rows if cells else [], caption)


def _latency(quantile: str) -> Value:
    def value(pipeline: PipelineResults) -> Cell | None:
        return Cell(amount(getattr(pipeline.latency_ms, quantile))) if pipeline.latency_ms else None

    return value


def _throughput(pipeline: PipelineResults) -> Cell | None:
    found = pipeline.throughput
    return Cell(amount(found.queries_per_s), f"{found.threads} threads") if found else None


def _index_size(pipeline: PipelineResults) -> Cell | None:
    if not pipeline.index or not pipeline.index.bytes:
        return None
    parts = pipeline.index.bytes
    return Cell(size(sum(parts.values())), "\n".join(f"{part} {size(value)}" for part, value in parts.items()))


def _of_index(name: str, write: Callable[[float], str]) -> Value:
    def value(pipeline: PipelineResults) -> Cell | None:
        found = getattr(pipeline.index, name, None)
        return None if found is None else Cell(write(found))

    return value


def _of_cost(name: str) -> Value:
    def value(pipeline: PipelineResults) -> Cell | None:
        found = getattr(pipeline.cost, name, None)
        return None if found is None else Cell(count(found))

    return value


def _mean_cost(name: str) -> Value:
    def value(pipeline: PipelineResults) -> Cell | None:
        found = getattr(pipeline.cost, name, None)
        return None if found is None else Cell(amount(found))

    return value


def _memory(pipeline: PipelineResults) -> Cell | None:
    return None if pipeline.peak_rss_bytes is None else Cell(size(pipeline.peak_rss_bytes))


_COSTS: list[tuple[Column, Value]] = [
    (Column("p50", unit="ms"), _latency("p50")),
    (Column("p95", unit="ms"), _latency("p95")),
    (Column("p99", unit="ms"), _latency("p99")),
    (Column("Queries/s"), _throughput),
    (Column("Index"), _index_size),
    (Column("Bytes/passage"), _of_index("bytes_per_passage", amount)),
    (Column("Build"), _of_index("build_s", seconds)),
    (Column("Encoded/s"), _of_index("encode_per_s", amount)),
    (Column("Model calls"), _of_cost("model_calls")),
    (Column("Tokens"), _of_cost("tokens")),
    (Column("Peak memory"), _memory),
]
_OF_ANSWERS: list[tuple[Column, Value]] = [
    (Column("Tokens/question"), _mean_cost("tokens_per_query")),
    (Column("Passages/question"), _mean_cost("passages_per_query")),
    (Column("Searches/question"), _mean_cost("searches_per_query")),
]

"""Queries to read: those that gained and lost most against the baseline, with both rankings side by side.

Of one pipeline alone, those it answers best and worst. Only `N_EACH` queries each way and `N_HITS` results are shown,
so that a report stays a page; `per-query.jsonl` has all of them.
"""

from collections.abc import Callable, Iterable, Sequence

from spaniel.eval.results_format import CollectionResults, QueryResults, ShownAnswer, TopHit

from .facts import main_measure
from .markup import Markup, joined, tag
from .numbers import fraction, signed
from .svg import clipped
from .tables import baseline_of

__all__ = ["MAX_SYSTEMS", "N_EACH", "N_HITS", "query_sections"]

N_EACH, N_HITS, MAX_SYSTEMS = 5, 5, 8
_MAX_TEXT, _MAX_QUERY, _MAX_LOST, _MAX_ANSWER = 200, 400, 8, 600


def query_sections(results: CollectionResults, queries: Sequence[QueryResults]) -> list[Markup]:
    """A fold a system compared with the baseline, or one for a pipeline that stands alone."""
    measure, baseline = main_measure(results), baseline_of(results)
    if measure is None or not queries:
        return []
    names = [pipeline.name for pipeline in results.pipelines]
    if baseline is None:
        return [_fold(f"{name} by {measure}", _extremes(queries, [name], measure), place == 0)
                for place, name in enumerate(names[:MAX_SYSTEMS])]  # fmt: skip
    systems = [name for name in names if name != baseline][:MAX_SYSTEMS]
    return [
        _fold(f"{name} against {baseline} by {measure}", _extremes(queries, [baseline, name], measure), place == 0)
        for place, name in enumerate(systems)
    ]


def _fold(title: str, content: Iterable[Markup], is_open: bool) -> Markup:
    return tag("details", tag("summary", title), content, open=is_open, class_="fold")


def _extremes(queries: Sequence[QueryResults], names: Sequence[str], measure: str) -> list[Markup]:
    """The best and the worst, each under a heading; of two pipelines, by the second minus the first."""

    def key(query: QueryResults) -> float:
        values = [query.pipelines[name].measures[measure] for name in names]
        return values[-1] - values[0] if len(values) == 2 else values[0]

    ordered = sorted(queries, key=key, reverse=True)
    if len(names) == 2:
        gained = [query for query in ordered if key(query) > 0][:N_EACH]
        lost = [query for query in reversed(ordered) if key(query) < 0][:N_EACH]
        heads = ("Gained most", "Lost most")
    else:
        gained, lost = ordered[:N_EACH], ordered[::-1][: min(N_EACH, max(len(ordered) - N_EACH, 0))]
        heads = ("Answered best", "Answered worst")
    return [
        joined(
            tag("h3", head), (_query(query, names, measure, key) for query in chosen) if chosen else tag("p", "None.")
        )
        for head, chosen in zip(heads, (gained, lost), strict=True)
    ]


def _query(query: QueryResults, names: Sequence[str], measure: str, key: Callable[[QueryResults], float]) -> Markup:
    """Its text, its figures, and what each pipeline found."""
    figures = [f"{name} {fraction(query.pipelines[name].measures[measure])}" for name in names]
    change = f" ({signed(key(query))})" if len(names) == 2 else ""
    relevant = f"{query.relevant} relevant"
    if query.gold:
        relevant += f" · right: {clipped(' / '.join(query.gold) or 'no answer', _MAX_TEXT)}"
    return tag(
        "article",
        tag("h4", clipped(query.text, _MAX_QUERY) or query.query_id, dir="auto"),
        tag(
            "p", tag("code", query.query_id), f" · {measure}: {' → '.join(figures)}{change} · {relevant}", class_="note"
        ),
        tag("div", (_ranking(query, name, len(names) > 1) for name in names), class_="side-by-side"),
        class_="query",
    )


def _ranking(query: QueryResults, name: str, named: bool) -> Markup:
    """The first results of one pipeline, and the relevant documents it has lost."""
    answer = query.pipelines[name]
    hits = [_hit(hit) for hit in answer.top[:N_HITS]]
    found = tag("ol", hits) if hits else tag("p", "Nothing found.", class_="note")
    lost = [joined(tag("code", one.id), f" ({one.stage})") for one in answer.lost[:_MAX_LOST]]
    note = None
    if lost:
        more = f" and {len(answer.lost) - _MAX_LOST} more" if len(answer.lost) > _MAX_LOST else ""
        listed = [part for one in lost for part in (", ", one)][1:]
        note = tag("p", "Relevant but lost, and where: ", listed, more, class_="note")
    return tag("div", tag("h5", name) if named else None, _answer(answer.answer), found, note)


def _answer(answer: ShownAnswer | None) -> Markup | None:
    """What was said, or why nothing was."""
    if answer is None:
        return None
    said = answer.text if not answer.abstained else f"No answer: {answer.error or answer.reason or 'it abstains'}"
    return tag("p", clipped(said, _MAX_ANSWER), dir="auto")


def _hit(hit: TopHit) -> Markup:
    grade, class_ = _grade(hit.grade)
    title = hit.title or hit.id
    return tag(
        "li",
        tag("span", grade, class_=f"grade {class_}"),
        tag("span", clipped(title, 120), class_="title", dir="auto"),
        tag("code", hit.id) if hit.title else None,
        tag("p", clipped(hit.text, _MAX_TEXT), dir="auto") if hit.text else None,
    )


def _grade(grade: int | None) -> tuple[str, str]:
    """Said in words, with a sign of its own for each: filled, hollow, none."""
    if grade is None:
        return "not judged", "unjudged"
    return (f"● relevant {grade}", "relevant") if grade > 0 else ("○ not relevant", "irrelevant")

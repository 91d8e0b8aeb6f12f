"""Hits for a person on a terminal, and as tab-separated lines for anything else."""

import re
from collections.abc import Iterator, Mapping, Sequence

from spaniel.retrieval.results import Hit, Results
from spaniel.retrieval.types import JSON

from .console import printable

__all__ = ["plain_lines", "reason_lines", "show_on_terminal", "snippet"]

_SNIPPET = 240
_WORD = re.compile(r"\w+")
_RULER = re.compile(r"[-=*~^+|_#]{4,}")  # what underlines headings and draws tables


def plain_lines(results: Results, reasons: Sequence[Mapping[str, JSON]] = ()) -> Iterator[str]:
    """`rank<TAB>score<TAB>id<TAB>title<TAB>snippet` for each hit, then what `--explain` adds."""
    for place, hit in enumerate(results):
        columns = [str(hit.rank), f"{hit.score:.4f}", hit.id, hit.title, snippet(hit.text, results.query)]
        yield "\t".join(printable(column) for column in columns)
        if reasons:
            yield from (f"\t{line}" for line in reason_lines(reasons[place]))
    if reasons:
        yield results.explain()


def reason_lines(reason: Mapping[str, JSON]) -> Iterator[str]:
    """One line for each term of a score, the greatest part first, then the terms that add nothing.

    Args:
        reason: from `Index.explain_score`; or `{"stages": [{"stage", "rank", "score"}]}`, a line each.
    """
    if "stages" in reason:
        yield from _places(reason["stages"])
        return
    parts, absent = reason["parts"], reason["absent"]
    assert isinstance(parts, list)
    assert isinstance(absent, list)
    rows = [part for part in parts if isinstance(part, dict)]
    for part in sorted(rows, key=lambda part: -_number(part["score"])):
        score, weight, value = (_number(part[name]) for name in ("score", "weight", "value"))
        counts = ", ".join(f"{name} {part[name]}" for name in ("tf", "df", "length"))
        yield printable(f"{score:8.4f} = {weight:.4f} x {value:.4f}  {part['term']} in {part['field']}: {counts}")
    if absent:
        yield printable(f"  absent: {', '.join(map(str, absent))}")


def _places(stages: JSON) -> Iterator[str]:
    assert isinstance(stages, list)
    for place in stages:
        assert isinstance(place, dict)
        yield printable(f"{place['rank']:>8} {_number(place['score']):10.4f}  {place['stage']}")


def _number(value: JSON) -> float:
    assert isinstance(value, int | float)
    return float(value)


def show_on_terminal(results: Results, reasons: Sequence[Mapping[str, JSON]] = ()) -> None:
    """Titles, ids and snippets with the query's words in bold."""
    from rich.console import Console
    from rich.padding import Padding

    console = Console(highlight=False)
    for place, hit in enumerate(results):
        console.print(_heading(hit), overflow="ellipsis", no_wrap=True)
        console.print(Padding(_marked(snippet(hit.text, results.query), results.query), (0, 0, 0, 4)))
        if reasons:
            for line in reason_lines(reasons[place]):
                console.print(f"    {line}", style="dim", markup=False)
    if reasons:
        console.print(results.explain(), style="dim", markup=False)
    console.print(f"{len(results)} hits, {results.ms:.1f} ms", style="dim")


def _heading(hit: Hit):  # type: ignore[no-untyped-def]  # rich is imported late
    from rich.text import Text

    title = printable(hit.title)
    return Text.assemble(
        (f"{hit.rank:>3} ", "bold"),
        (f"{hit.score:7.3f}  ", "cyan"),
        (title, "bold") if title else (printable(hit.id), "bold"),
        (f"  {printable(hit.id)}" if title and title != hit.id else "", "dim"),
    )


def _marked(text: str, query: str):  # type: ignore[no-untyped-def]  # rich is imported late
    from rich.text import Text

    shown = Text(text)
    stems = _stems(query)
    for word in _WORD.finditer(text):
        if _is_meant(word[0], stems):
            shown.stylize("bold yellow", *word.span())
    return shown


def snippet(text: str, query: str, n: int = _SNIPPET) -> str:
    """About n characters of a text on one line, around the place where most words of the query stand together.

    Underlines and the rules of tables are left out.

    Example:
        >>> snippet("one two three four five six seven", "six", 12)
        '… six seven'
    """
    flat = " ".join(word for word in printable(text).split() if not _RULER.fullmatch(word))
    if len(flat) <= n:
        return flat
    stems = _stems(query)
    places = [(word.start(), word[0].casefold()[:4]) for word in _WORD.finditer(flat) if _is_meant(word[0], stems)]
    start = _best_start(places, n)
    if start > 0:
        # A little of what comes before, from the beginning of a word; never so much that the end runs out.
        start = max(min(start - n // 5, len(flat) - n), 0)
        start = flat.find(" ", start) + 1 if start else 0
    end = start + n
    if end < len(flat):
        end = max(flat.rfind(" ", start, end), start + n // 2)
    return ("… " if start else "") + flat[start:end] + (" …" if end < len(flat) else "")


def _best_start(places: list[tuple[int, str]], n: int) -> int:
    """Where the window of n characters begins that holds most different words; the first of several."""
    best, best_start = 0, 0
    for first, (start, _) in enumerate(places):
        held = {word for place, word in places[first : first + 50] if place < start + n * 4 // 5}
        if len(held) > best:
            best, best_start = len(held), start
    return best_start


def _stems(query: str) -> set[str]:
    """The beginnings of the query's words, enough to find them inflected."""
    return {word.casefold()[: max(4, len(word) - 2)] for word in _WORD.findall(query) if len(word) > 2}


def _is_meant(word: str, stems: set[str]) -> bool:
    folded = word.casefold()
    return any(folded.startswith(stem) for stem in stems)

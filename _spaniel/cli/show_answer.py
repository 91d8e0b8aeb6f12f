"""Answers for a person: the text, then what each number stands for; and events as they come."""

import json
import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from .console import Console, printable

if TYPE_CHECKING:
    from spaniel.rag.engine.events import Event
    from spaniel.retrieval.types import Answer

__all__ = ["answer_lines", "source_lines", "tell_abstention", "tell_events"]

_QUOTED = 160


def answer_lines(answer: "Answer", *, width: int | None = None) -> Iterator[str]:
    """The text, a blank line, and the citations; nothing where there is no answer."""
    if answer.abstained:
        return
    for paragraph in answer.text.splitlines():
        shown = printable(paragraph)
        yield shown if width is None else textwrap.fill(shown, width)
    if answer.citations:
        yield ""
    yield from source_lines(answer)


def source_lines(answer: "Answer", *, numbered: bool = True) -> Iterator[str]:
    """`[number] id start-end "text"` for each citation, by number and place.

    Args:
        numbered: begin with the number; without one where the text that was shown has none.
    """
    numbers = {passage.id: number for number, passage in reversed([*enumerate(answer.passages, 1)])}
    for each in sorted(answer.citations, key=lambda each: (numbers[each.id], each.source_span)):
        start, end = each.source_span
        number = f"[{numbers[each.id]}] " if numbered else ""
        yield f'{number}{printable(each.id)} {start}-{end} "{_short(each.text)}"'


def tell_abstention(console: Console, answer: "Answer") -> None:
    """Why there is no answer, what an answer lacks, and what was read, on stderr."""
    for note in answer.notes:
        console.warn(note)
    if not answer.abstained:
        if answer.finish == "length":
            console.note("the answer was cut at its longest; --max-tokens allows more")
        if n := sum(answer.dropped.values()):
            console.note(f"{n} citation{'s' if n > 1 else ''} did not hold and {'were' if n > 1 else 'was'} left out")
        elif not answer.citations and answer.passages:
            console.note("the answer cites nothing")
        return
    console.note(f"no answer: {printable(answer.reason)}")
    if answer.passages:
        read = ", ".join(printable(passage.id) for passage in answer.passages[:3])
        console.note(f"passages read: {read}{', ...' if len(answer.passages) > 3 else ''}")


def tell_events(console: Console, events: "Iterable[Event]") -> "Answer":
    """Show a stream as it comes, a JSON line an event under `--json`; return the answer at its end.

    Pieces have no references, so the sources below them have no numbers. What ends a stream early begins on a new line.
    """
    from spaniel.rag.engine.events import AnswerEvent, FallbackEvent, PieceEvent

    shown = False
    try:
        for event in events:
            if console.json:
                click.echo(json.dumps(_event(event), ensure_ascii=False))
            elif isinstance(event, PieceEvent):
                click.echo("\n".join(map(printable, event.text.split("\n"))), nl=False)
                shown = True
            elif isinstance(event, FallbackEvent) and shown:
                click.echo()
            if isinstance(event, AnswerEvent):
                answer = event.answer
    finally:
        if shown:
            click.echo()
    if shown and answer.citations:
        click.echo("\n" + "\n".join(source_lines(answer, numbered=False)))
    return answer


def _event(event: "Event") -> dict[str, Any]:
    from spaniel.rag.engine import events

    told: dict[str, Any] = {"event": event.kind}
    match event:
        case events.FoundEvent(results):
            told |= {"passages": [hit.id for hit in results], "ms": results.ms}
        case events.PackedEvent(packed):
            told |= {"passages": [each.passage.id for each in packed.excerpts], "tokens": packed.tokens}
        case events.PieceEvent(text):
            told["text"] = text
        case events.FallbackEvent(reason, generator):
            told |= {"reason": reason, "generator": generator}
        case events.CitationEvent(citation):
            start, end = citation.source_span
            told |= {"id": citation.id, "start": start, "end": end, "text": citation.text}
        case events.AnswerEvent(answer):
            told |= answer.to_dict()
    return told


def _short(text: str) -> str:
    flat = " ".join(printable(text).split())
    return flat if len(flat) <= _QUOTED else flat[: _QUOTED - 1].rstrip() + "…"

"""What `spaniel search --queries FILE --json` prints, read as a run.

A line for each query: `{"query_id": ID, "hits": [{"rank": 1, "score": 0.5, "id": ID}, ...]}`; other keys are passed
over. A run of one stage, whose name the lines do not say.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from spaniel.retrieval.errors import InvalidInput

from .run import Run

__all__ = ["is_search_line", "run_of_search"]


class _Hit(msgspec.Struct):
    id: str
    score: float


class _Line(msgspec.Struct):
    query_id: str
    hits: list[_Hit]


_DECODER = msgspec.json.Decoder(_Line)


def is_search_line(text: str) -> bool:
    """Whether this is a line of that kind; a line of another run is not."""
    try:
        _DECODER.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return True


def run_of_search(lines: Iterable[str], *, name: str, path: str | Path) -> Run:
    """The run; hits by descending score, equal ones in the order given.

    Raises:
        InvalidInput: a line of another shape, a query twice, a document twice under one, a score that is not finite.
    """
    found: dict[str, list[tuple[str, float]]] = {}
    for number, text in enumerate(lines, 1):
        try:
            line = _DECODER.decode(text)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise InvalidInput(f"{path}:{number}", f"not a line of `spaniel search --json`: {error}") from None
        if line.query_id in found:
            raise InvalidInput(f"{path}:{number}", f"query {line.query_id!r} stands there twice")
        found[line.query_id] = [(hit.id, hit.score) for hit in line.hits]
    return Run.from_rankings(found, name=name)

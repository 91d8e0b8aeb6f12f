"""What a model writes may not hang its reader: hostile answers of 100 kB cost what their size says, and no more."""

import time
from collections.abc import Callable

import pytest

from spaniel.rag.citations.cited import cited
from spaniel.rag.citations.finding import QuoteFinder
from spaniel.rag.citations.markers import parse_markers
from spaniel.rag.citations.sources import Source
from spaniel.rag.engine.unmarked import Unmarked
from spaniel.retrieval.prompt import Excerpt, Prompt
from spaniel.retrieval.types import Passage

SIZE = 100_000
PARTS = 8
FACTOR = 3 * PARTS
"""Times the time of an eighth: 8 where time grows in line, 64 where it grows with the square."""
LEAST_S = 0.01
STORED = "Dogs bark at night when strangers come."
PROMPT = Prompt("q", (Excerpt.whole(Passage("a", "a", 0, len(STORED), STORED)),))


def parsed(text: str) -> object:
    return parse_markers(text, 3)


def streamed(text: str, size: int = 3) -> str:
    shown = Unmarked(3)
    return "".join([*(shown.more(text[at : at + size]) for at in range(0, len(text), size)), shown.end()])


def quoted(text: str) -> object:
    return QuoteFinder().find(text, Source(STORED), 0)


def used_s(work: Callable[[str], object], text: str) -> float:
    times = []
    for _ in range(2):
        began = time.thread_time()
        work(text)
        times.append(time.thread_time() - began)
    return min(times)


def checked(text: str) -> object:
    return cited(text, PROMPT, {"a": STORED})


def cut_off(text: str) -> object:
    return parse_markers(text.removesuffix("x [1]."), 3, cut=True)


def check(work: Callable[[str], object], begin: str, unit: str) -> None:
    def text(size: int) -> str:
        return begin + unit * (size // len(unit)) + "x [1]."

    assert used_s(work, text(SIZE)) < FACTOR * max(LEAST_S, used_s(work, text(SIZE // PARTS)))


@pytest.mark.parametrize(
    ("begin", "unit"),
    [
        ("Dogs bark [1", " "),
        ("Dogs bark", " "),
        ('The loop [1: "', "]"),
        ('The loop [1: "', "x = a[i][j]\n"),
        ("", '[1 "'),
        ("", '1:"[1:";'),
        ("", "【4:0†so"),
        ("", "\\[1\\"),
        ("", 'a[1: "'),
        ("", '"a"[1]'),
        ("", "`"),
    ],
)
@pytest.mark.parametrize("work", [parsed, streamed, checked, cut_off])
def test_hostile_answers(work: Callable[[str], object], begin: str, unit: str) -> None:
    check(work, begin, unit)


@pytest.mark.parametrize("unit", [" ", " . ", "... ", "[ ", "…"])
def test_hostile_quotations(unit: str) -> None:
    check(quoted, "dogs", unit)

"""The progress line, with a clock of our own."""

import io

import pytest

from spaniel.cli.progress import ProgressLine, duration
from spaniel.cli.sizes import index_size, quantity


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def shown(stream: io.StringIO) -> list[str]:
    return [line.removesuffix("\x1b[K") for line in stream.getvalue().split("\r")[1:]]


def test_says_share_rate_and_time_left() -> None:
    stream, clock = io.StringIO(), Clock()
    with ProgressLine(stream, shown=True, clock=clock) as line:
        line.update("reading", 0, 1000, 0)
        clock.now += 10
        line.update("reading", 250, 1000, 5000)
    first, second, last = shown(stream)
    assert first == "reading     [........................]   0%"
    assert second == "reading     [######..................]  25%  5,000 documents  500/s  ETA 0:30"
    assert last == ""


def test_writes_ten_times_a_second_at_most() -> None:
    stream, clock = io.StringIO(), Clock()
    line = ProgressLine(stream, shown=True, clock=clock)
    for _ in range(1000):
        clock.now += 0.001
        line.update("reading", 1, 2)
    assert 9 <= len(shown(stream)) <= 11


def test_each_stage_has_its_own_rate() -> None:
    stream, clock = io.StringIO(), Clock()
    line = ProgressLine(stream, shown=True, clock=clock)
    line.update("reading", 0, 10, 0)
    clock.now += 100
    line.update("writing", 0, 10, 50)
    clock.now += 1
    line.update("writing", 5, 10, 60)
    assert "10/s  ETA 0:01" in shown(stream)[-1]


def test_unknown_total_has_no_bar() -> None:
    stream, clock = io.StringIO(), Clock()
    line = ProgressLine(stream, shown=True, clock=clock)
    line.update("reading", 5, 0, 5)
    assert shown(stream) == ["reading     5 documents"]


def test_silent_when_not_shown() -> None:
    stream = io.StringIO()
    with ProgressLine(stream, shown=False) as line:
        line.update("reading", 1, 2, 3)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (750, "12:30"), (3723, "1:02:03")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (3_400_000, "3.4 MB"), (999_600, "1 MB"), (5 * 10**15, "5e+03 TB")],
)
def test_quantity(size: int, text: str) -> None:
    assert quantity(size) == text


def test_index_size_adds_up_the_parts() -> None:
    assert index_size({"bytes": {"passages": 1500, "sparse": 500}}) == "2 kB"

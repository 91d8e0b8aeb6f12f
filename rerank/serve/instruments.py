"""Counters, gauges and histograms in the text format that Prometheus reads (exposition format 0.0.4).

Small on purpose: labels are given by code, never taken from requests, so that their number is bounded. Safe to use
from several threads.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from threading import Lock

__all__ = ["Counter", "Gauge", "Histogram"]

Labels = tuple[tuple[str, str], ...]


class Counter:
    """Only grows; one number for each combination of labels."""

    def __init__(self, name: str, what: str) -> None:
        self.name, self.what = name, what
        self._values: dict[Labels, float] = {}
        self._lock = Lock()

    def add(self, amount: float = 1, **labels: str) -> None:
        """Count `amount` more."""
        key = tuple(sorted(labels.items()))
        with self._lock:
            self._values[key] = self._values.get(key, 0) + amount

    def value(self, **labels: str) -> float:
        """What was counted under these labels."""
        return self._values.get(tuple(sorted(labels.items())), 0)

    def lines(self) -> Iterator[str]:
        """Of the exposition; a counter without labels shows 0 from the start."""
        yield from _head(self.name, self.what, "counter")
        with self._lock:
            values = dict(self._values) or {(): 0.0}
        for labels, value in sorted(values.items()):
            yield f"{self.name}{_braces(labels)} {_number(value)}"


class Gauge:
    """A number that is read when somebody asks."""

    def __init__(self, name: str, what: str, read: Callable[[], float]) -> None:
        self.name, self.what, self._read = name, what, read

    def lines(self) -> Iterator[str]:
        """Of the exposition."""
        yield from _head(self.name, self.what, "gauge")
        yield f"{self.name} {_number(self._read())}"


class Histogram:
    """How many values were at most each bound, their sum and number."""

    def __init__(self, name: str, what: str, bounds: Sequence[float]) -> None:
        self.name, self.what, self.bounds = name, what, tuple(bounds)
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}
        self._lock = Lock()

    def add(self, value: float, **labels: str) -> None:
        """Count one value."""
        key = tuple(sorted(labels.items()))
        with self._lock:
            counts = self._counts.setdefault(key, [0] * (len(self.bounds) + 1))
            counts[bisect_left(self.bounds, value)] += 1
            self._sums[key] = self._sums.get(key, 0.0) + value

    def count(self, **labels: str) -> int:
        """How many values there were."""
        return sum(self._counts.get(tuple(sorted(labels.items())), ()))

    def lines(self) -> Iterator[str]:
        """Of the exposition: cumulative, as the format asks."""
        yield from _head(self.name, self.what, "histogram")
        with self._lock:
            known = {labels: (list(counts), self._sums[labels]) for labels, counts in self._counts.items()}
        for labels, (counts, total) in sorted(known.items()):
            below = 0
            for bound, count in zip((*map(_number, self.bounds), "+Inf"), counts, strict=True):
                below += count
                yield f"{self.name}_bucket{_braces((*labels, ('le', bound)))} {below}"
            yield f"{self.name}_sum{_braces(labels)} {_number(total)}"
            yield f"{self.name}_count{_braces(labels)} {below}"


def _head(name: str, what: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    """Without a needless '.0', so that counts look like counts."""
    return str(int(value)) if value == int(value) and abs(value) < 1 << 53 else repr(float(value))

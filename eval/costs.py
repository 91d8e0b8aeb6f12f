"""What a run costs beside its quality: latency, memory, model calls.

Latency is that of one query at a time, on one thread, after a warm-up, over a sample of the queries; throughput (see
`execute.py`) is that of all cores over all of them. The two differ, and both are asked for.
"""

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.protocols import Metered
from spaniel.retrieval.types import JSON

__all__ = ["Latency", "PeakMemory", "measure_latencies", "usage_of", "usage_since"]

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles over the queries that were timed, in milliseconds."""

    p50: float
    p95: float
    p99: float
    n: int

    @classmethod
    def of(cls, ms: NDArray[np.float64] | None) -> "Latency | None":
        """Of float64 (n_queries,), NaN where a query was not timed; None when none was."""
        timed = ms[np.isfinite(ms)] if ms is not None else np.zeros(0)
        if not len(timed):
            return None
        p50, p95, p99 = np.percentile(timed, [50, 95, 99]).tolist()
        return cls(p50, p95, p99, len(timed))

    def to_dict(self) -> dict[str, JSON]:
        """`{"p50", "p95", "p99", "n"}`."""
        return {"p50": self.p50, "p95": self.p95, "p99": self.p99, "n": self.n}


def measure_latencies(
    ask: Callable[[int], object],
    n_queries: int,
    *,
    seed: int = 0,
    budget_s: float = 20.0,
    most: int = 1000,
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """Time single queries.

    Args:
        ask: runs the query at this place, alone.
        budget_s: seconds that timing may take; the warm-up takes a tenth as long at most, and 100 queries: those that
            the sample leaves, or where it leaves fewer, a tenth of all (at least one).
        most: how many queries are timed at most; the sample is drawn with `seed`.
        on_progress: told how many queries have been timed, of how many.

    Returns:
        Milliseconds, float64 (n_queries,); NaN where a query was not timed. One is timed whatever the budget; none that
        was part of the warm-up. A single query is timed without one.
    """
    order = np.random.default_rng(seed).permutation(n_queries)
    ms = np.full(n_queries, np.nan)
    n_warm = min(100, max(n_queries - most, n_queries // 10, 1), n_queries - 1)
    _warm_up(ask, order[n_queries - n_warm :][::-1].tolist(), time.perf_counter() + budget_s / 10)
    end = time.perf_counter() + budget_s
    sample = order[: min(most, n_queries - n_warm)].tolist()
    for done, place in enumerate(sample):
        start = time.perf_counter()
        if done and start > end:
            break
        ask(place)
        ms[place] = (time.perf_counter() - start) * 1000
        if on_progress is not None:
            on_progress(done + 1, len(sample))
    return ms


def _warm_up(ask: Callable[[int], object], places: Sequence[int], end: float) -> None:
    for place in places:
        ask(place)
        if time.perf_counter() > end:
            return


class PeakMemory:
    """The most resident memory of this process since this object was made.

    Linux can forget the earlier peak (`clear_refs`); where it cannot, the peak is that of the whole process.
    """

    def __init__(self) -> None:
        with suppress(OSError):
            _CLEAR.write_text("5", encoding="ascii")

    def size_bytes(self) -> int:
        """The peak so far."""
        with suppress(OSError, ValueError, StopIteration):
            lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
            return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def usage_of(stage: object) -> dict[str, int] | None:
    """What a metered stage has counted so far; None when nothing in it counts."""
    counted = dict(stage.usage()) if isinstance(stage, Metered) else {}
    return counted or None


def usage_since(before: Mapping[str, int] | None, after: Mapping[str, int] | None) -> dict[str, int]:
    """What came on top."""
    return {name: total - (before or {}).get(name, 0) for name, total in (after or {}).items()}

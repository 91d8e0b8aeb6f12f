"""How long each stage of an answer took: what traces show, and what spans are made of."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from spaniel.retrieval.types import StageRecord

__all__ = ["Clock", "Step"]


@dataclass(slots=True)
class Step:
    """One stage while it runs and after it; times in nanoseconds since the epoch.

    Attributes:
        inside: what the stages in it did, such as those of a pipeline.
        found: (id, score) of the passages that it found.
    """

    name: str
    n_in: int
    n_out: int = 0
    start_ns: int = 0
    end_ns: int = 0
    inside: Sequence[StageRecord] = ()
    found: Sequence[tuple[str, float]] = ()


@dataclass(slots=True)
class Clock:
    """Counts working time only: what the reader of a stream does between two events is not the engine's.

    Attributes:
        steps: the stages so far.
        ms: working time so far.
    """

    steps: list[Step] = field(default_factory=list)
    ms: float = 0.0

    @contextmanager
    def stage(self, name: str, n_in: int = 0) -> Iterator[Step]:
        """Time a stage; whoever does its work fills `n_out`, and `inside` where it has stages of its own."""
        step = Step(name, n_in, start_ns=time.time_ns())
        self.steps.append(step)
        start = time.perf_counter()
        try:
            yield step
        finally:
            spent = time.perf_counter() - start
            step.end_ns = step.start_ns + int(spent * 1e9)
            self.ms += spent * 1000

    @contextmanager
    def more(self, step: Step) -> Iterator[None]:
        """More work of a stage that was timed before; its end moves on."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            step.end_ns += int(spent * 1e9)
            self.ms += spent * 1000

    @property
    def records(self) -> tuple[StageRecord, ...]:
        """The stages in order; one that has stages inside stands there as these."""
        found: list[StageRecord] = []
        for step in self.steps:
            spent_ms = (step.end_ns - step.start_ns) / 1e6
            found += step.inside or [StageRecord(step.name, step.n_in, step.n_out, spent_ms)]
        return tuple(found)

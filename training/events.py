"""What a training tells about how far it is: events, and the time that is left."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Event", "EventKind", "OnEvent", "Pace"]

EventKind = Literal["start", "step", "evaluation", "checkpoint", "note", "done"]


@dataclass(frozen=True, slots=True)
class Event:
    """One report.

    Attributes:
        kind: "start" once (after a resume too); "step" after every step; "evaluation" after each on dev;
            "checkpoint" when one is on disk; "note" for a sentence to the user; "done" at the end.
        step, n_steps: optimiser steps made, and of the whole run.
        epoch, n_epochs: the epoch under way, from 0, and how many there are.
        loss: of this step; for other kinds of the last one; nan before the first.
        parts: the loss's terms by name.
        learning_rate: of this step.
        examples_per_s: over the last steps; 0 before the first.
        eta_s: seconds until the end if nothing stops earlier, evaluations included; 0 when nothing is known.
        dev: set -> mean over its held-out questions (of an evaluation).
        dev_mean, best, best_step: the mean over the sets, the best one so far, and its step; None without dev.
        note: the sentence.
    """

    kind: EventKind
    step: int
    n_steps: int
    epoch: int
    n_epochs: int
    loss: float = float("nan")
    parts: Mapping[str, float] = field(default_factory=dict)
    learning_rate: float = 0.0
    examples_per_s: float = 0.0
    eta_s: float = 0.0
    dev: Mapping[str, float] = field(default_factory=dict)
    dev_mean: float | None = None
    best: float | None = None
    best_step: int | None = None
    note: str = ""


OnEvent = Callable[[Event], None]

_WEIGHT_OF_NEWEST = 0.1


class Pace:
    """How fast it goes: a mean of the seconds a step takes in which the newest count most, and a plain mean for
    evaluations."""

    def __init__(self) -> None:
        self._example_s = 0.0
        self._evaluation_s, self._evaluations = 0.0, 0

    def stepped(self, seconds: float, examples: int) -> None:
        """A step of so many examples took so long."""
        each = seconds / examples
        known = self._example_s > 0
        self._example_s = each if not known else (1 - _WEIGHT_OF_NEWEST) * self._example_s + _WEIGHT_OF_NEWEST * each

    def evaluated(self, seconds: float) -> None:
        """An evaluation took so long."""
        self._evaluation_s, self._evaluations = self._evaluation_s + seconds, self._evaluations + 1

    @property
    def examples_per_s(self) -> float:
        """0 before the first step."""
        return 1 / self._example_s if self._example_s else 0.0

    def eta_s(self, examples: float, evaluations: float) -> float:
        """Seconds for so many more; 0 before the first step."""
        if not self._example_s:
            return 0.0
        each = self._evaluation_s / self._evaluations if self._evaluations else 0.0
        return self._example_s * examples + each * evaluations

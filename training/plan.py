"""What a training would do and how long it would take: a few of its own steps are timed, and nothing is changed."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spaniel.retrieval.types import JSON

if TYPE_CHECKING:
    from .job import Job

__all__ = ["Plan", "plan_of"]

_MEASURED = 3
"""Steps that are timed, after one that warms caches; the batches are those at quarters of the questions."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The counts, and seconds on this machine as it is now.

    Attributes:
        sets: name -> index, questions to learn from and held out, and whatever was left out, counted.
        notes: sentences about what was left out.
        parameters: numbers that train.
        steps, evaluations: of all epochs; early stopping may make them fewer.
        step_s, evaluation_s: the mean of a few steps, and one evaluation on dev.
        begin_s: what an epoch begins with, such as mining.
        total_s: all of it, without the writing of the model at the end; an estimate, good to a third or so.
    """

    method: str
    sets: Mapping[str, Mapping[str, JSON]]
    notes: tuple[str, ...]
    parameters: int
    steps: int
    evaluations: int
    step_s: float
    evaluation_s: float
    begin_s: float

    @property
    def total_s(self) -> float:
        """Steps, evaluations and the beginnings of epochs."""
        return self.begin_s + self.steps * self.step_s + self.evaluations * self.evaluation_s

    def to_json(self) -> dict[str, JSON]:
        """As `spaniel train --dry-run --json` prints it."""
        return {
            "method": self.method,
            "sets": {name: dict(counts) for name, counts in self.sets.items()},
            "notes": list(self.notes),
            "parameters": self.parameters,
            "steps": self.steps,
            "evaluations": self.evaluations,
            "seconds": {
                "step": round(self.step_s, 4),
                "evaluation": round(self.evaluation_s, 3),
                "begin": round(self.begin_s, 3),
                "total": round(self.total_s, 1),
            },
        }


def plan_of(job: "Job") -> Plan:
    """Count, and time some steps and one evaluation.

    Cost: four steps and an evaluation; seconds with a small model on a CPU.
    """
    method, settings = job.method, job.settings
    n_examples = method.n_examples()
    per_epoch = math.ceil(n_examples / settings.batch)
    if settings.threads:
        import torch

        torch.set_num_threads(settings.threads)
    start = time.perf_counter()
    method.begin_epoch(0)
    begin_s = time.perf_counter() - start
    return Plan(
        method=settings.method,
        sets={each.name: {"index": str(each.index.path), **each.counts} for each in job.sets},
        notes=tuple(f"{each.name}: {note}" for each in job.sets for note in each.notes),
        parameters=sum(each.numel() for each in method.module().parameters() if each.requires_grad),
        steps=settings.epochs * per_epoch,
        evaluations=settings.epochs * settings.evaluations + 1 + (settings.blend < 1),
        step_s=_step_seconds(job),
        evaluation_s=_seconds_of_evaluation(job),
        begin_s=begin_s,
    )


def _step_seconds(job: "Job") -> float:
    """Mean seconds of a forward and backward pass; weights stay, gradients are dropped."""
    n_examples, batch = job.method.n_examples(), min(job.settings.batch, job.method.n_examples())
    took = []
    for number in range(_MEASURED + 1):
        first = number * n_examples // (_MEASURED + 1)
        places = [(first + place) % n_examples for place in range(batch)]
        start = time.perf_counter()
        job.method.loss(places, 0).total.backward()  # type: ignore[no-untyped-call]
        took.append(time.perf_counter() - start)
        job.method.module().zero_grad(set_to_none=True)
    return sum(took[1:]) / _MEASURED


def _seconds_of_evaluation(job: "Job") -> float:
    start = time.perf_counter()
    job.method.evaluate()
    return time.perf_counter() - start

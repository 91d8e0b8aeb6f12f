"""What a training would do and how long it would take: a few of its own steps are timed, and nothing is changed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from spaniel.retrieval.types import JSON

from .order import batches_of, n_batches

if TYPE_CHECKING:
    from .job import Job

__all__ = ["Plan", "plan_of"]

_MEASURED = 3
"""Steps that are timed, after one that warms caches; the first of the epoch."""


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
        total_s: all of it, without the writing of the model at the end, if the machine stays as free as it was for
            these few steps; beside other work it was seen to take two and a half times as long.
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
    per_epoch = n_batches(n_examples, settings.batch)
    import torch

    from .computing import deterministic

    with deterministic(settings.threads or torch.get_num_threads(), settings.seed):
        begin_s = _seconds_of(lambda: method.begin_epoch(0))
        step_s = _step_seconds(job)
        with torch.no_grad():
            evaluation_s = _seconds_of(method.evaluate)
    return Plan(
        method=settings.method,
        sets={each.name: {"index": str(each.index.path), **each.counts} for each in job.sets},
        notes=tuple(f"{each.name}: {note}" for each in job.sets for note in each.notes),
        parameters=sum(each.numel() for each in method.module().parameters() if each.requires_grad),
        steps=settings.epochs * per_epoch,
        evaluations=settings.epochs * settings.evaluations + 1 + (settings.blend < 1),
        step_s=step_s,
        evaluation_s=evaluation_s,
        begin_s=begin_s,
    )


def _step_seconds(job: "Job") -> float:
    """Mean seconds of a step as the loop makes it; at a rate of 0, so that weights stay. Gradients are dropped."""
    import torch

    from .computing import autocast
    from .schedule import make_optimiser

    method, settings = job.method, job.settings
    module = method.module().eval()
    optimiser = make_optimiser(module, learning_rate=0.0, weight_decay=settings.weight_decay)
    parameters = [each for each in module.parameters() if each.requires_grad]
    batches = batches_of(method.n_examples(), settings.batch, seed=settings.seed, epoch=0)

    def step(places: list[int]) -> None:
        optimiser.zero_grad(set_to_none=True)
        with autocast(torch.device(settings.device), settings.bf16):
            total = method.loss(places, 0).total
        if total.requires_grad:
            total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, settings.clip or float("inf"))
        optimiser.step()

    took = []
    for number in range(_MEASURED + 1):
        places = batches[number % len(batches)].tolist()
        took.append(_seconds_of(partial(step, places)))
    optimiser.zero_grad(set_to_none=True)
    return sum(took[1:]) / _MEASURED


def _seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start

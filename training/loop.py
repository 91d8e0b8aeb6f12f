"""The loop: steps, evaluations, checkpoints, early stopping; the same for every method.

A run is a function of its settings, data and start. The order of examples comes from (seed, epoch), the rate from the
step, and everything else that a step depends on stands in the checkpoint, so a run that was stopped at any step and
resumed gives the weights of one that was not, bit for bit on a CPU (with equal numbers of threads and equal versions).

The model stays in evaluation mode, without dropout: what is trained is what will be served. The start is evaluated
like every other state, so a training that helps nothing gives back the start. What is given back otherwise may be a
blend of the start and the best state (`training/blend.py`), which is evaluated too.
"""

import math
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput

from .blend import Blend
from .checkpoint import CheckpointFolder
from .computing import autocast, check_device, deterministic, load_random_states, random_states
from .definition import definition_of
from .events import Event, EventKind, OnEvent, Pace
from .interrupts import Interrupts
from .method import DevScores, Method, dev_mean
from .order import batches_of, n_batches
from .progress import Evaluation, Outcome, Progress
from .schedule import make_optimiser, rate_factor, set_rate
from .settings import TrainSettings
from .snapshots import Snapshots, Taken
from .step import Batch, train_step
from .train_state import trained_names

__all__ = ["Outcome", "run"]


def run(
    method: Method,
    settings: TrainSettings,
    *,
    state: Path,
    resume: bool = False,
    on_event: OnEvent | None = None,
    stop: threading.Event | None = None,
) -> Outcome:
    """Train until the last step or until dev has not become better for long; the model then has the best weights.

    Args:
        state: folder of the checkpoints; made if need be, and left for the caller to remove.
        resume: go on from the newest checkpoint in `state` that is whole.
        on_event: called from this thread.
        stop: when set, or on Ctrl-C, a checkpoint is written after the step under way and KeyboardInterrupt raised.

    Raises:
        KeyboardInterrupt: as said; `resume` goes on from there.
        InvalidInput: nothing to train on; `state` holds another or an unfinished training; a checkpoint that cannot be
            written.
        ModelError: a loss or gradient that is no number; the step is named.

    Cost: besides the steps, three times the size of what trains on disk for each checkpoint (two are kept) and once
    more for the best weights; in memory the model, its gradient and two moments.
    """
    check_device(settings.device)
    if method.n_examples() < 1:
        raise InvalidInput("training", "there are no questions to train on")
    with CheckpointFolder(Path(state)) as folder, Interrupts(stop) as interrupts:
        if folder.numbers() and not resume:
            what = "an unfinished training lies there"
            raise InvalidInput(str(state), what, "go on with --resume, or begin anew with --overwrite")
        training = _Training(method, settings, folder, interrupts, on_event)
        taken = training.take_up() if resume else None
        with deterministic(training.threads, settings.seed):
            return training.go(taken)


class _Training:
    """One run under way."""

    def __init__(
        self,
        method: Method,
        settings: TrainSettings,
        folder: CheckpointFolder,
        interrupts: Interrupts,
        on_event: OnEvent | None,
    ) -> None:
        self.method, self.settings, self.interrupts = method, settings, interrupts
        self._listener = on_event
        self.device = torch.device(settings.device)
        self.module = method.module().eval()
        self.parameters = list(trained_names(self.module))
        self.n_examples = method.n_examples()
        self.per_epoch = n_batches(self.n_examples, settings.batch)
        self.n_steps = self.per_epoch * settings.epochs
        self.optimiser = make_optimiser(
            self.module, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.blend = Blend(self.module, settings.blend)  # of the start: checkpoints are taken up later
        self.definition = definition_of(method, settings)
        self.snapshots = Snapshots(folder, self.module, self.optimiser, self.definition)
        self.threads = settings.threads or torch.get_num_threads()
        self.progress, self.pace = Progress(), Pace()
        self.resumed_at: list[int] = []
        self.batches: Sequence[NDArray[np.int64]] = ()  # of the epoch under way
        self.parts: dict[str, float] = {}
        due = np.arange(1, settings.evaluations + 1) * self.per_epoch
        self.due = frozenset(np.maximum(1, np.rint(due / settings.evaluations)).astype(int).tolist())

    def take_up(self) -> Taken | None:
        """Go on from the newest whole checkpoint, if one had been written."""
        taken = self.snapshots.take_newest()
        if taken is None:
            self._tell("note", note="no checkpoint had been written yet; training begins with the first step")
            return None
        self.progress, self.threads = taken.progress, taken.threads
        self.resumed_at = [*taken.resumed_at, taken.progress.step]
        for note in taken.notes:
            self._tell("note", note=note)
        return taken

    def go(self, taken: Taken | None) -> Outcome:
        """To the end; see `run`."""
        if taken is not None:
            load_random_states(self.device, taken.random_states)
        self._tell("start", dev=_means(self.progress.curve[0].scores) if self.progress.curve else None)
        whole = True  # whether weights, moments and progress belong together
        try:
            while True:
                self._between_steps()
                if self._over():
                    break
                self._open_epoch(taken)
                whole = False
                self._step()
                whole = True
        except KeyboardInterrupt:
            if whole:
                self._save()
            raise
        self.snapshots.load_best()
        step, blended = self._blended()
        self._tell("done")
        return self._outcome(step, blended)

    @property
    def epoch(self) -> int:
        """The one that the next step belongs to; the last one at the end."""
        return min(self.progress.step // self.per_epoch, self.settings.epochs - 1)

    def _over(self) -> bool:
        patient = not self.settings.patience or self.progress.since_best < self.settings.patience
        return self.progress.step >= self.n_steps or not patient

    def _between_steps(self) -> None:
        """Whatever is due at this step: an evaluation, a checkpoint, the end because somebody asked for it."""
        self._heed()
        step = self.progress.step
        if self.progress.evaluated_at < step and (step == 0 or (step - 1) % self.per_epoch + 1 in self.due):
            self._evaluate()
            self._save()
        elif step and self.settings.checkpoint_every and step % self.settings.checkpoint_every == 0:
            self._save()
        self._heed()

    def _heed(self) -> None:
        if self.interrupts.asked:
            raise KeyboardInterrupt

    def _open_epoch(self, taken: Taken | None) -> None:
        """Before the first step of an epoch, and before the first one of a resumed run."""
        place = self.progress.step % self.per_epoch
        if self.batches and place:
            return
        began = time.monotonic()
        with self.interrupts.at_once():
            if taken is not None and not self.batches and (place or taken.method_state):
                self.method.restore(self.epoch if place else self.epoch - 1, taken.method_state)
            if not place:
                self.method.begin_epoch(self.epoch)
        self.batches = batches_of(self.n_examples, self.settings.batch, seed=self.settings.seed, epoch=self.epoch)
        self.progress.seconds += time.monotonic() - began

    def _step(self) -> None:
        began, step = time.monotonic(), self.progress.step
        places = self.batches[step % self.per_epoch]
        rate = self._rate(step)
        set_rate(self.optimiser, rate)
        mixed = autocast(self.device, self.settings.bf16)
        batch = Batch(places, step, self.settings.clip, mixed)
        loss, self.parts = train_step(self.method, self.parameters, self.optimiser, batch)
        self.progress.losses.append(loss)
        self.progress.step += 1
        took = time.monotonic() - began
        self.progress.seconds += took
        self.pace.stepped(took, len(places))
        self._tell("step")

    def _evaluate(self) -> None:
        """On dev. The generators of random numbers are as before, so that more evaluations train the same model."""
        scores = self._measured()
        self.progress.curve.append(Evaluation(self.progress.step, scores))
        self._tell("evaluation", dev=_means(scores))

    def _measured(self) -> dict[str, DevScores]:
        """Of the weights as they are."""
        began = time.monotonic()
        states = random_states(self.device)
        with self.interrupts.at_once(), torch.no_grad():
            try:
                scores = dict(self.method.evaluate())
            finally:  # Ctrl-C saves a checkpoint, in which they stand
                load_random_states(self.device, states)
        took = time.monotonic() - began
        self.progress.seconds += took
        self.pace.evaluated(took)
        return scores

    def _blended(self) -> tuple[int, dict[str, DevScores] | None]:
        """Blend the best weights, which the model has, with the start's, if that is wanted.

        On dev a blend has to be better than the start, as a step has; else the model is the start.

        Returns:
            The step whose weights are in the model, and dev scores of their blend; None where there is none.
        """
        best, share = self.progress.best, self.blend.share
        step = best.step if best else self.progress.step
        if share == 1 or step == 0:
            return step, None
        self.blend.mix()
        scores = self._measured()
        told = ", ".join(f"{name} {each.mean:.4f}" for name, each in scores.items() if len(each.values))
        self._tell("note", note=f"{share:g} of the way from the start to step {step}{told and f': dev {told}'}")
        before, after = self.progress.curve[0].mean, dev_mean(scores)
        if before is None or after is None or after > before:
            return step, scores
        self.blend.mix(0)
        self._tell("note", note="that is no better than the start, which is kept")
        return 0, None

    def _save(self) -> None:
        if self.snapshots.has(self.progress):
            return
        self.snapshots.write(
            self.progress, threads=self.threads, resumed_at=self.resumed_at, method_state=self.method.state(),
            device=self.device,
        )  # fmt: skip
        self._tell("checkpoint")

    def _rate(self, step: int) -> float:
        return self.settings.learning_rate * rate_factor(step, self.n_steps, self.settings.warmup)

    def _tell(self, kind: EventKind, *, dev: Mapping[str, float] | None = None, note: str = "") -> None:
        if self._listener is None:
            return
        progress, best = self.progress, self.progress.best
        left = (self.n_steps - progress.step) / self.n_steps * self.n_examples * self.settings.epochs
        evaluations = (self.settings.epochs - progress.step / self.per_epoch) * len(self.due)
        event = Event(
            kind, progress.step, self.n_steps, self.epoch, self.settings.epochs,
            loss=progress.losses[-1] if progress.losses else math.nan,
            parts=self.parts,
            learning_rate=self._rate(progress.step - 1) if progress.step else 0.0,
            examples_per_s=self.pace.examples_per_s,
            eta_s=self.pace.eta_s(left, evaluations),
            dev=dev or {},
            dev_mean=progress.curve[-1].mean if progress.curve else None,
            best=best.mean if best else None,
            best_step=best.step if best else None,
            note=note,
        )  # fmt: skip
        self._listener(event)

    def _outcome(self, best_step: int, blended: Mapping[str, DevScores] | None) -> Outcome:
        progress = self.progress
        return Outcome(
            ended="finished" if progress.step >= self.n_steps else "patience",
            step=progress.step,
            n_steps=self.n_steps,
            n_examples=self.n_examples,
            best_step=best_step,
            curve=tuple(progress.curve),
            losses=np.array(progress.losses, np.float64),
            learning_rates=np.array([self._rate(step) for step in range(progress.step)], np.float64),
            seconds=progress.seconds,
            threads=self.threads,
            resumed_at=tuple(self.resumed_at),
            definition=self.definition,
            blended=blended,
        )


def _means(scores: Mapping[str, DevScores]) -> dict[str, float]:
    """Of each set that has questions held out."""
    return {name: each.mean for name, each in scores.items() if len(each.values)}

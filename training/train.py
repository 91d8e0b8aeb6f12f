"""Training from Python: `spaniel train` in one call.

    sp.train([("kb", "scifact")], "better")                      # ADORE: minutes on a CPU, the index stays as it is
    kb.dense(encoder=sp.open_encoder("better")).search(["..."], k=10)

What is asked for is checked first, whatever can be checked without the first step: the place, the indexes and their
vectors, the questions, the packages, the model, the room on the disk.
"""

import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from spaniel.retrieval.errors import InvalidInput

from .events import OnEvent
from .examples import TrainingSet
from .job import Job, Pair, opened_job
from .place import clear_state, state_of
from .table import Trains
from .trained import DevGain, Trained

if TYPE_CHECKING:
    from .method import DevScores
    from .progress import Outcome

__all__ = ["Trained", "run_job", "train"]


def train(
    data: Sequence[TrainingSet | Pair],
    out: str | os.PathLike[str],
    *,
    trains: Trains = "dense",
    method: str | None = None,
    model: str | None = None,
    vectors: str | None = None,
    dev: str | float | int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    offline: bool = False,
    on_event: OnEvent | None = None,
    stop: threading.Event | None = None,
    **settings: Any,
) -> Trained:
    """Train the model of an index, and write a folder that `open_encoder` and `--dense` open.

    Args:
        data: training sets, or pairs of an index and a collection (or a JSONL file); several train one model.
        out: the folder to write, whole or not at all. While training, state is kept in `OUT.training`.
        trains: what the model is for: vectors, or codes of a bit a dimension ("binary").
        method: "adore" (the default), "star" or "in-batch"; for "binary" "adore" or "bpr".
        model: where training starts, in hub format; by default the model of the index.
        vectors: which vectors of the indexes are meant, where they hold several; those added first by default.
        dev: as in `training_set`.
        resume: go on where an interrupted call stopped; it begins anew where there is nothing to go on with.
        overwrite: replace a model that an earlier training wrote.
        on_event: is told what happens (`training/events.py`).
        stop: when set, a checkpoint is written and KeyboardInterrupt raised.
        settings: of `TrainSettings`, over the method's defaults: `epochs=3, learning_rate=1e-5`.

    Raises:
        InvalidInput: settings, place, data or state that do not fit, named.
        ModelError: the model cannot be trained so, or is not that of the index.
        MissingExtra: torch or sentence-transformers is not installed.
        KeyboardInterrupt: stopped; the same call with `resume=True` goes on.
    """
    with ExitStack() as stack:
        job = opened_job(
            data, out, stack, trains=trains, method=method, model=model, vectors=vectors, dev=dev,
            resume=resume, overwrite=overwrite, offline=offline, settings=settings,
        )  # fmt: skip
        return run_job(job, resume=resume, on_event=on_event, stop=stop)


def run_job(
    job: Job,
    *,
    resume: bool = False,
    on_event: OnEvent | None = None,
    stop: threading.Event | None = None,
    command: Sequence[str] = (),
) -> Trained:
    """Train, write the model, and remove the state.

    Args:
        command: what was typed, for the run card.

    Raises:
        InvalidInput, ModelError, MissingExtra: as `train`.
    """
    from .facts import facts_of
    from .loop import run

    if not resume:
        clear_state(job.out)
    outcome = run(job.method, job.settings, state=state_of(job.out), resume=resume, on_event=on_event, stop=stop)
    job.method.write(job.out, facts_of(job, outcome, command=command))
    with suppress(InvalidInput):  # another process has begun anew there with --overwrite: the state is its own
        clear_state(job.out)
    return _trained(job, outcome)


def _trained(job: Job, outcome: "Outcome") -> Trained:
    """The result, with the paired difference on dev of each set."""
    return Trained(
        path=job.out,
        method=job.settings.method,
        dev={name: _gain(start, outcome.best[name]) for name, start in outcome.start.items() if len(start.values)},
        steps=outcome.step,
        best_step=outcome.best_step,
        n_steps=outcome.n_steps,
        seconds=outcome.seconds,
        blend=job.settings.blend,
    )


def _gain(start: "DevScores", best: "DevScores") -> DevGain:
    from spaniel.eval.statistics.paired import paired_difference

    found = paired_difference(best.values, start.values)
    return DevGain(start.mean, best.mean, found.difference, found.low, found.high, found.p, found.n)

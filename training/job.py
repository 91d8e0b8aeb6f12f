"""What a training needs, opened and checked before the first step, in the order of what it costs to find out."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from spaniel.retrieval.errors import InvalidInput

from .examples import TrainingSet
from .place import check_free_bytes, check_place, state_of
from .settings import TrainSettings, settings_for
from .table import Trains, check_extra, check_method, load_extra, open_method
from .vectors import check_vectors, notes_on

if TYPE_CHECKING:
    from spaniel.index.index import Index

    from .method import Method

__all__ = ["Job", "Pair", "opened_job"]

Pair: TypeAlias = tuple[str | os.PathLike[str], str | os.PathLike[str]]
"""An index, and a collection (or a file of questions) to train on it with."""

_COPIES = 12
"""Of the parameters in float32, at most on the disk at once: two checkpoints of weights, two moments and the best
state, and the model twice (safetensors and ONNX), once more while an older one is replaced."""


@dataclass(slots=True)
class Job:
    """Everything opened and checked, before the first step; `notes` say what of the indexes a user may not expect."""

    out: Path
    settings: TrainSettings
    sets: Sequence[TrainingSet]
    method: "Method"
    vectors: str | None
    overwrite: bool
    notes: tuple[str, ...] = ()


def opened_job(
    data: Sequence[TrainingSet | Pair],
    out: str | os.PathLike[str],
    stack: ExitStack,
    *,
    trains: Trains,
    method: str | None,
    model: str | None,
    vectors: str | None,
    dev: str | float | int | None,
    resume: bool,
    overwrite: bool,
    offline: bool,
    settings: Mapping[str, Any],
) -> Job:
    """Everything opened and checked, in the order of what it costs to find out; `stack` closes what was opened.

    Raises:
        InvalidInput, ModelError, MissingExtra: as `train`.
    """
    chosen = settings_for(check_method(method, trains), **settings)
    if not data:
        raise InvalidInput("train", "there is nothing to train on", hint="give pairs of an index and a collection")
    _check_pairs(data)
    indexes = [Path(one.index.path) if isinstance(one, TrainingSet) else Path(one[0]) for one in data]
    target = check_place(out, resume=resume, overwrite=overwrite, indexes=indexes, model=model)
    check_extra()
    there = _opened(data, stack)
    for index in there:
        check_vectors(index, chosen.method, trains, model=model, vectors=vectors)
    sets = _sets(data, there, dev, chosen.seed)
    _check_device(chosen.device)
    with _computing(chosen, state_of(target) if resume else None):
        opened = open_method(sets, chosen, model=model, vectors=vectors, offline=offline)
    check_free_bytes(target, _COPIES * sum(each.numel() * 4 for each in opened.module().parameters()))
    said = [notes_on(index, chosen.method, trains, model=model, vectors=vectors) for index in there]
    notes = tuple(dict.fromkeys(note for notes in said for note in notes))
    return Job(target, chosen, sets, opened, vectors, overwrite, notes)


def _check_pairs(data: Sequence[TrainingSet | Pair]) -> None:
    """That each is a training set or a pair, for two paths alone look like a sequence too."""
    for one in data:
        if isinstance(one, TrainingSet):
            continue
        if isinstance(one, str | os.PathLike) or len(one) != 2:
            hint = 'give a list of pairs: [("kb", "my-collection")]'
            raise InvalidInput("train", f"{one!r} is no pair of an index and a collection", hint=hint)


def _check_device(device: str) -> None:
    """As `check_device`; torch, which it asks, is loaded when everything cheaper is known to fit."""
    load_extra()
    from .computing import check_device

    check_device(device)


def _computing(settings: TrainSettings, state: Path | None) -> AbstractContextManager[None]:
    """How the loop will compute: what a method mines or fits before the first step depends on threads too.

    Args:
        state: where a run is to be gone on with, which had its number of threads.
    """
    import torch

    from .checkpoint import newest_values
    from .computing import deterministic

    recorded = newest_values(state).get("threads", 0) if state is not None else 0
    return deterministic(settings.threads or recorded or torch.get_num_threads(), settings.seed)


def _opened(data: Sequence[TrainingSet | Pair], stack: ExitStack) -> "list[Index]":
    """The index of each, one that is named twice opened once."""
    from spaniel.index.index import open_index

    found: dict[str, Index] = {}
    opened = []
    for one in data:
        if isinstance(one, TrainingSet):
            opened.append(one.index)
            continue
        path = os.path.realpath(one[0])
        if path not in found:
            found[path] = stack.enter_context(open_index(one[0]))
        opened.append(found[path])
    return opened


def _sets(
    data: Sequence[TrainingSet | Pair], indexes: "Sequence[Index]", dev: str | float | int | None, seed: int
) -> list[TrainingSet]:
    """The questions of each, apart from what the others hold out or are tested with.

    A name that is there already gets a number, for curves and results are by name.
    """
    from .data import training_set
    from .leaks import apart_across

    sets: list[TrainingSet] = []
    for one, index in zip(data, indexes, strict=True):
        if isinstance(one, TrainingSet):
            sets.append(one)
        else:
            sets.append(training_set(index, one[1], dev=dev, seed=seed))
    sets = apart_across(sets)
    for place, each in enumerate(sets):
        taken = {other.name for other in sets[:place]}
        if each.name in taken:
            number = next(n for n in count(2) if f"{each.name}-{n}" not in taken)
            sets[place] = replace(each, name=f"{each.name}-{number}")
    return sets

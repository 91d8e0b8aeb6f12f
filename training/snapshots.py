"""A run as checkpoints hold it: what is written of model, optimiser, progress and random states, and taken up again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .checkpoint import Checkpoint, CheckpointFolder
from .computing import random_states
from .definition import differences, versions
from .progress import Progress
from .tensor_file import TensorFile, TensorReader, opened_tensors
from .train_state import changing_tensors, load_model, load_optimiser, optimiser_tensors

__all__ = ["Snapshots", "Taken"]


@dataclass(frozen=True, slots=True)
class Taken:
    """A checkpoint that was taken up; model and optimiser have been overwritten.

    Attributes:
        progress: of the run at that point.
        threads: of torch in that run.
        resumed_at: steps at which it had been taken up before.
        method_state: what the method kept (`Method.state`).
        random_states: of torch's generators.
        notes: sentences for the user: which checkpoints are damaged, which versions are others.
    """

    progress: Progress
    threads: int
    resumed_at: Sequence[int]
    method_state: Mapping[str, NDArray[Any]]
    random_states: Mapping[str, torch.Tensor]
    notes: Sequence[str]


class Snapshots:
    """Writes and takes up the checkpoints of one run.

    Args:
        folder: held by this process.
        definition: of this run; a checkpoint of another one is never taken.
    """

    def __init__(
        self,
        folder: CheckpointFolder,
        module: torch.nn.Module,
        optimiser: torch.optim.Optimizer,
        definition: Mapping[str, JSON],
    ) -> None:
        self.folder, self.module, self.optimiser, self.definition = folder, module, optimiser, definition
        self._best: TensorFile | None = None
        self._newest: tuple[int, int] | None = None

    def has(self, progress: Progress) -> bool:
        """Whether the newest checkpoint stands at this point."""
        return self._newest == _point(progress)

    def write(
        self,
        progress: Progress,
        *,
        threads: int,
        resumed_at: Sequence[int],
        method_state: Mapping[str, NDArray[Any]],
        device: torch.device,
    ) -> None:
        """Add a checkpoint. Where the best step is this one, its model file holds the best weights from now on.

        Raises:
            InvalidInput: it could not be written; those before are as they were.
        """
        values: dict[str, JSON] = {
            "definition": dict(self.definition), "progress": progress.values(), "threads": threads,
            "resumed_at": list(resumed_at), "versions": versions(),
        }  # fmt: skip
        record = {
            **progress.tensors(),
            **{f"random:{name}": state for name, state in random_states(device).items()},
            **{f"method:{name}": torch.from_numpy(np.array(array)) for name, array in method_state.items()},
        }
        tensors = {
            "model": changing_tensors(self.module),
            "optimiser": optimiser_tensors(self.module, self.optimiser),
            "record": record,
        }
        best = progress.best
        here = best is None or best.step == progress.step
        written = self.folder.write(values, tensors, None if here else self._best)
        self._best, self._newest = written.files["best"], _point(progress)

    def load_best(self) -> None:
        """Overwrite the model with the best weights written so far.

        Raises:
            InvalidInput: the file is damaged.
        """
        if self._best is not None:
            with opened_tensors(self.folder.path, self._best) as reader:
                load_model(self.module, reader)

    def take_newest(self) -> Taken | None:
        """Overwrite model and optimiser with the newest checkpoint that is whole; None when there is none at all.

        Raises:
            InvalidInput: it is of another run (what differs is named), or none can be read.
        """
        damaged: list[str] = []
        for number in self.folder.numbers():
            try:
                checkpoint = self.folder.read(number)
                self._check(checkpoint)
            except InvalidInput as error:
                damaged.append(str(error))
                continue
            self._check_same(checkpoint.values["definition"])
            self.folder.drop_after(number)
            return self._take(checkpoint, damaged)
        if damaged:
            raise InvalidInput(
                str(self.folder.path), f"no checkpoint can be read: {damaged[0]}", "begin anew with --overwrite"
            )
        return None

    def _check(self, checkpoint: Checkpoint) -> None:
        """Every byte of every file, before anything is overwritten."""
        for file in {file.name: file for file in checkpoint.files.values()}.values():
            with opened_tensors(self.folder.path, file):
                pass

    def _check_same(self, definition: Mapping[str, Any]) -> None:
        others = differences(definition, self.definition)
        if others:
            what = f"the unfinished training there is another one: {'; '.join(others[:5])}"
            hint = "give the same settings, data and model to resume it, or begin anew with --overwrite"
            raise InvalidInput(str(self.folder.path), what, hint)

    def _take(self, checkpoint: Checkpoint, damaged: Sequence[str]) -> Taken:
        values, files = checkpoint.values, checkpoint.files
        with opened_tensors(self.folder.path, files["model"]) as reader:
            load_model(self.module, reader)
        with opened_tensors(self.folder.path, files["optimiser"]) as reader:
            load_optimiser(self.module, self.optimiser, reader)
        with opened_tensors(self.folder.path, files["record"]) as reader:
            progress = Progress.restored(values["progress"], reader)
            states = _below(reader, "random:")
            kept = {name: tensor.numpy() for name, tensor in _below(reader, "method:").items()}
        self._best, self._newest = files["best"], _point(progress)
        notes = [f"a checkpoint is damaged and the one before it is taken: {what}" for what in damaged]
        others = differences(values["versions"], versions())
        if others:
            notes.append(f"the result may differ in its last bits from an uninterrupted run: {'; '.join(others)}")
        return Taken(progress, values["threads"], values["resumed_at"], kept, states, notes)


def _point(progress: Progress) -> tuple[int, int]:
    return progress.step, len(progress.curve)


def _below(reader: TensorReader, prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): reader.read(name) for name in sorted(reader.names) if name.startswith(prefix)}

"""Checkpoints of a training: numbered, checksummed, whole or not there, two kept.

The folder holds, for checkpoint number N,

    model-N.safetensors       parameters that train, and buffers
    optimiser-N.safetensors   the moments of AdamW
    record-N.safetensors      losses, dev scores, states of the generators of random numbers, what the method keeps
    checkpoint-N.json         all else, the sizes and SHA-256 of these files, and its own; written last

Each is written under another name, fsynced and renamed, the JSON last, so that a checkpoint is there as soon as its
JSON is. A number is that after the highest one in the folder, so that nothing that is there is written over. The best
weights so far are the model file of the checkpoint that followed their evaluation: the JSON names it, and it stays as
long as a kept checkpoint does so. Reading checks every byte; a damaged checkpoint is named and the one before it taken.
One process at a time writes to a folder.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from spaniel.retrieval.closing import Closing
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .lock import CHECKPOINT, FILES, locked
from .tensor_file import TensorFile, write_tensors

__all__ = ["Checkpoint", "CheckpointFolder", "newest_values"]

_FORMAT = 1
_KEPT = 2
_MAX_JSON_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One that is on disk.

    Attributes:
        number: of the checkpoint.
        values: what the loop wrote: plain values.
        files: "model", "optimiser", "record", and "best" (the model file of this or an earlier checkpoint) if there is
            a best.
    """

    number: int
    values: Mapping[str, Any]
    files: Mapping[str, TensorFile]


class CheckpointFolder(Closing):
    """The folder of one training, held by this process until it is closed; a context manager.

    Raises:
        InvalidInput: another process trains here, or the folder cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._lock = locked(path)
        except OSError as error:
            raise InvalidInput(str(path), f"checkpoints cannot be written there: {error.strerror}") from error

    def numbers(self) -> list[int]:
        """Of the checkpoints whose JSON is there, whole or not; the newest first."""
        return _numbers(self.path)

    def read(self, number: int) -> Checkpoint:
        """A checkpoint's JSON; its files are checked when they are opened (`tensor_file.opened_tensors`).

        Raises:
            InvalidInput: it is damaged, or of a later release; the path is named.
        """
        return _read(self.path, number)

    def write(
        self, values: Mapping[str, JSON], tensors: Mapping[str, Mapping[str, torch.Tensor]], best: TensorFile | None
    ) -> Checkpoint:
        """Add a checkpoint, then remove what the newest two do not name.

        Args:
            tensors: "model", "optimiser" and "record" -> tensors by name.
            best: the model file with the best weights; None when they are these.

        Raises:
            InvalidInput: it could not be written (a full disk); those before are as they were.
        """
        number = self._fresh_number()
        try:
            files = {kind: self._written(kind, number, named) for kind, named in tensors.items()}
            files["best"] = best or files["model"]
            self._commit(number, {"format": _FORMAT, "values": values, "files": _plain(files)})
        except OSError as error:
            self._remove(number)
            what = f"the checkpoint could not be written: {error.strerror}"
            hint = "free some space; those before it are whole, and --resume goes on from the last one"
            raise InvalidInput(str(self.path), what, hint) from error
        self._collect()
        return Checkpoint(number, values, files)

    def drop_after(self, number: int) -> None:
        """Remove the checkpoints after this one: they were found damaged."""
        for later in self.numbers():
            if later > number:
                self._remove(later)

    def close(self) -> None:
        """Let another process train here."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _fresh_number(self) -> int:
        numbers = [int(re.findall(r"\d+", entry.name)[0]) for entry in self._entries()]
        return max(numbers, default=0) + 1

    def _entries(self) -> list[Path]:
        return [entry for entry in self.path.iterdir() if FILES.fullmatch(entry.name)]

    def _written(self, kind: str, number: int, tensors: Mapping[str, torch.Tensor]) -> TensorFile:
        final = self.path / f"{kind}-{number:06d}.safetensors"
        pending = final.with_name(f"{final.name}.tmp")
        file = write_tensors(pending, tensors)
        pending.rename(final)
        return TensorFile(final.name, file.size_bytes, file.sha256)

    def _commit(self, number: int, body: Mapping[str, Any]) -> None:
        """The JSON, after the files it names are under their names on disk."""
        self._sync()
        final = self.path / _json_name(number)
        pending = final.with_name(f"{final.name}.tmp")
        text = _canonical(body)
        with pending.open("xb") as stream:
            stream.write(b'{"sha256": "%s", "body": %s}\n' % (hashlib.sha256(text).hexdigest().encode(), text))
            stream.flush()
            os.fsync(stream.fileno())
        pending.rename(final)
        self._sync()

    def _sync(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _remove(self, number: int) -> None:
        """What a failed checkpoint has left."""
        for entry in self._entries():
            if int(re.findall(r"\d+", entry.name)[0]) == number:
                with contextlib.suppress(OSError):
                    entry.unlink()

    def _collect(self) -> None:
        """Remove everything but the newest checkpoints that can be read, and the files they name."""
        needed: set[str] = set()
        kept = 0
        for number in self.numbers():
            if kept == _KEPT:
                break
            with contextlib.suppress(InvalidInput):
                needed |= {_json_name(number), *(file.name for file in self.read(number).files.values())}
                kept += 1
        for entry in self._entries():
            if entry.name not in needed:
                entry.unlink()


def newest_values(path: Path) -> Mapping[str, Any]:
    """What the newest checkpoint with a whole JSON says, without holding the folder; empty where there is none."""
    if path.is_dir():
        for number in _numbers(path):
            with contextlib.suppress(InvalidInput):
                return _read(path, number).values
    return {}


def _numbers(path: Path) -> list[int]:
    found = (CHECKPOINT.fullmatch(entry.name) for entry in path.iterdir())
    return sorted((int(match.group(1)) for match in found if match), reverse=True)


def _read(folder: Path, number: int) -> Checkpoint:
    path = folder / _json_name(number)
    body = _checked_body(path)
    if body.get("format") != _FORMAT:
        raise InvalidInput(str(path), f"has the format {body.get('format')!r}; this release reads {_FORMAT}")
    try:
        files = {kind: TensorFile(**file) for kind, file in body["files"].items()}
        values = dict(body["values"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InvalidInput(str(path), f"is no checkpoint: {error!r}") from error
    foreign = [file.name for file in files.values() if not FILES.fullmatch(file.name)]
    if foreign:
        raise InvalidInput(str(path), f"names {foreign[0]!r}, which is no file of a checkpoint")
    return Checkpoint(number, values, files)


def _json_name(number: int) -> str:
    return f"checkpoint-{number:06d}.json"


def _plain(files: Mapping[str, TensorFile]) -> dict[str, Any]:
    return {kind: asdict(file) for kind, file in files.items()}


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=True).encode()


def _checked_body(path: Path) -> dict[str, Any]:
    """The JSON below its checksum."""
    try:
        with path.open("rb") as stream:
            text = stream.read(_MAX_JSON_BYTES + 1)
        if len(text) > _MAX_JSON_BYTES:
            raise InvalidInput(str(path), f"is longer than {_MAX_JSON_BYTES} bytes")
        found = json.loads(text)
        body, digest = found["body"], found["sha256"]
    except OSError as error:
        raise InvalidInput(str(path), f"cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidInput(str(path), "is damaged: it is no JSON of a checkpoint") from error
    if not isinstance(body, dict) or hashlib.sha256(_canonical(body)).hexdigest() != digest:
        raise InvalidInput(str(path), "is damaged: its checksum does not fit")
    return body

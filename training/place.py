"""Where a trained model goes, looked at before the first step: a folder OUT, and OUT.training while it is made.

A model that a killed training was about to replace gets its name back here (whole.py)."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from spaniel.retrieval.errors import InvalidInput

from .lock import check_free, locked
from .whole import put_back

__all__ = ["check_free_bytes", "check_place", "clear_state", "state_of"]

_OURS = ("spaniel.json", "modules.json", "training")
"""Entries by which a folder is known for one that an earlier training wrote."""


def state_of(out: Path) -> Path:
    """The folder of checkpoints and curve while a training is under way; beside `out`, removed at its end."""
    return out.with_name(f"{out.name}.training")


def check_place(out: str | os.PathLike[str], *, resume: bool, overwrite: bool, indexes: Iterable[Path] = ()) -> Path:
    """The folder to write, as an absolute path.

    Args:
        resume: what an interrupted training left is gone on with.
        overwrite: a model that an earlier training wrote there is replaced, and what an interrupted one left is
            thrown away unless `resume`.
        indexes: folders that `out` must not be or lie in.

    Raises:
        InvalidInput: something is there that may not be replaced, an interrupted training is and nobody said what to
            do with it, another process trains there, or nothing can be written there.
    """
    if not os.fspath(out):
        raise InvalidInput("out", "is empty", hint="name the folder that the model goes to")
    target = Path(os.path.realpath(out))
    _check_around(target, indexes)
    put_back(target)
    if target.exists() or target.is_symlink():
        _check_replaced(target, overwrite)
    state = state_of(target)
    check_free(state)
    if state.exists() and not (resume or overwrite):
        hint = "--resume goes on with it; --overwrite begins anew"
        raise InvalidInput(str(out), f"an earlier training stopped on its way; its state is in {state.name}", hint=hint)
    return target


def clear_state(out: Path) -> None:
    """Throw away what an interrupted training left.

    Raises:
        InvalidInput: `OUT.training` is no such thing, or another process trains there.
    """
    state = state_of(out)
    if not state.exists():
        return
    if not state.is_dir() or state.is_symlink():
        raise InvalidInput(str(state), "is no folder of a training", hint="move it away")
    held = locked(state)
    try:
        shutil.rmtree(state)
    finally:
        os.close(held)


def check_free_bytes(out: Path, needed: int) -> None:
    """Whether the disk has room for checkpoints and model.

    Raises:
        InvalidInput: it has not.
    """
    folder = next(each for each in (out, *out.parents) if each.is_dir())
    free = shutil.disk_usage(folder).free
    if free < needed:
        wanted, there = f"{needed / 1e9:.1f} GB", f"{free / 1e9:.1f} GB"
        raise InvalidInput(str(out), f"checkpoints and model take up to {wanted}, and {there} are free there")


def _check_around(target: Path, indexes: Iterable[Path]) -> None:
    if target.parent == target:
        raise InvalidInput("out", f"{target} is the root of a file system", hint="name a folder")
    for index in indexes:
        inside = Path(os.path.realpath(index))
        if target == inside or inside in target.parents:
            raise InvalidInput(str(target), f"lies in the index {index}", hint="name a folder outside of it")
    above = next(each for each in target.parents if each.exists())
    if not above.is_dir():
        raise InvalidInput(str(target), f"{above} is no folder", hint="name another place")
    if not os.access(above, os.W_OK | os.X_OK):
        raise InvalidInput(str(target), f"nothing can be written in {above}", hint="name another place")


def _check_replaced(target: Path, overwrite: bool) -> None:
    if target.is_dir() and not any(target.iterdir()):
        return
    if not target.is_dir() or not all((target / name).exists() for name in _OURS):
        raise InvalidInput(str(target), "is there already and no trained model", hint="name another folder")
    if not overwrite:
        raise InvalidInput(str(target), "is there already", hint="--overwrite replaces it")

"""Where a trained model goes, looked at before the first step: a folder OUT, and OUT.training while it is made.

A model that a killed training was about to replace gets its name back here (whole.py)."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from spaniel.models.manifest import NAME
from spaniel.models.towers import read_towers
from spaniel.retrieval.errors import InvalidInput, ModelError

from .lock import check_free, checkpoints_in, foreign_in, removed
from .whole import put_back

__all__ = ["check_free_bytes", "check_place", "clear_state", "state_of"]

_OURS = ("spaniel.json", "modules.json", "training")
"""Entries by which a folder is known for one that an earlier training wrote."""


def state_of(out: Path) -> Path:
    """The folder of checkpoints and curve while a training is under way; beside `out`, removed at its end."""
    return out.with_name(f"{out.name}.training")


def check_place(
    out: str | os.PathLike[str],
    *,
    resume: bool,
    overwrite: bool,
    indexes: Iterable[Path] = (),
    model: str | None = None,
) -> Path:
    """The folder to write, as an absolute path.

    Args:
        resume: what an interrupted training left is gone on with.
        overwrite: a model that an earlier training wrote there is replaced, and what an interrupted one left is
            thrown away unless `resume`.
        indexes: folders that `out` must not be or lie in.
        model: where training starts; where that is a folder, it is not replaced.

    Raises:
        InvalidInput: something is there that may not be replaced, an interrupted training is and nobody said what to
            do with it, another process trains there, or nothing can be written there.
    """
    if not os.fspath(out):
        raise InvalidInput("out", "is empty", hint="name the folder that the model goes to")
    target = Path(os.path.realpath(out))
    _check_around(target, indexes)
    put_back(target)
    state = state_of(target)
    _check_state(state)
    unfinished = checkpoints_in(state)
    if target.exists() or target.is_symlink():
        _check_replaced(target, overwrite, unfinished=unfinished)
        _check_not_the_start(target, model)
    if unfinished and not (resume or overwrite):
        hint = "--resume goes on with it; --overwrite begins anew"
        raise InvalidInput(str(out), f"an earlier training stopped on its way; its state is in {state.name}", hint=hint)
    return target


def clear_state(out: Path) -> None:
    """Throw away what an interrupted training left, and nothing else.

    Raises:
        InvalidInput: `OUT.training` is no such thing, or another process trains there.
    """
    state = state_of(out)
    if state.exists():
        _check_state(state)
        removed(state)


def _check_state(state: Path) -> None:
    """That `OUT.training` is not there, or is what a training left that has ended."""
    if not state.exists() and not state.is_symlink():
        return
    foreign = foreign_in(state) if state.is_dir() and not state.is_symlink() else ""
    if foreign is not None:
        holds = f": it holds {foreign}" if foreign else ""
        raise InvalidInput(str(state), f"is no folder of a training{holds}", hint="move it away, or name another OUT")
    check_free(state)


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


def _check_replaced(target: Path, overwrite: bool, *, unfinished: bool) -> None:
    if target.is_dir() and not any(target.iterdir()):
        return
    if not target.is_dir() or not all((target / name).exists() for name in _OURS):
        raise InvalidInput(str(target), "is there already and no trained model", hint="name another folder")
    if not overwrite:
        hint = "--overwrite replaces it"
        if unfinished:
            hint = f"--resume --overwrite goes on with what {state_of(target).name} holds and replaces it at the end"
        raise InvalidInput(str(target), "is there already", hint=hint)
    if (mine := _not_written(target)) is not None:
        what = f"holds {mine}, which training did not write; nothing is replaced that holds such a thing"
        raise InvalidInput(str(target), what, hint="move it away, or name another folder")


def _not_written(target: Path) -> str | None:
    """The name of a file in a trained folder that its manifest does not list; None where there is none.

    Cost: the names of the folder, until the first such one.
    """
    try:
        towers = read_towers(target)
    except ModelError as error:
        raise InvalidInput(str(target), f"is there already and damaged: {error}", hint="move it away") from error
    known = {NAME} if towers is None else {NAME, *towers.files}
    for path in target.rglob("*"):
        if (path.is_symlink() or not path.is_dir()) and path.relative_to(target).as_posix() not in known:
            return path.relative_to(target).as_posix()
    return None


def _check_not_the_start(target: Path, model: str | None) -> None:
    if model is None:
        return
    start = Path(os.path.realpath(Path(model).expanduser()))
    if start.exists() and (start == target or target in start.parents):
        raise InvalidInput(str(target), f"is where training starts from ({model})", hint="name another folder")

"""Run as a program: trains again and again, killed at each step on disk and at each loss, then resumed.

    python killed_runs.py FOLDER FIRST EVERY

A process of its own, because a fork after a backward pass cannot make another one. Writes a line for each kill:
where it happened, and the SHA-256 of weights, losses and curve after the resume; the first line is that of a run
without a kill.
"""

import hashlib
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from small import Small, small_settings, weights

from spaniel.training.loop import run
from spaniel.training.schedule import make_optimiser

SETTINGS = {"evaluations": 2, "checkpoint_every": 2}
MINE_EVERY = 2
"""Epochs: what is mined in the first has to outlive its end."""


def trained(state: Path, resume: bool) -> str:
    """Digest of what came out."""
    method = Small(mine_every=MINE_EVERY)
    outcome = run(method, small_settings(**SETTINGS), state=state, resume=resume)
    digest = hashlib.sha256(outcome.losses.tobytes() + str(outcome.best_step).encode())
    for value in weights(method).values():
        digest.update(value)
    for one in outcome.curve:
        for each in one.scores.values():
            digest.update(each.values.tobytes())
    return digest.hexdigest()


def kill_at(place: int) -> None:
    """Every call that changes the disk, and every loss, is a place; at this one the process dies without a word."""
    left = place

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def step(*given: object, **named: object) -> object:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*given, **named)

        return step

    for owner, name in (
        (os, "fsync"), (Path, "open"), (Path, "rename"), (Path, "unlink"), (Small, "loss"), (Small, "evaluate"),
    ):  # fmt: skip
        setattr(owner, name, counted(getattr(owner, name)))


def in_child(work: Callable[[], str]) -> tuple[int, str]:
    """Status of a fork that does the work, and what it gives."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, work().encode())
            os._exit(0)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as stream:
        text = stream.read()
    return os.waitpid(child, 0)[1], text


def killed_and_resumed(state: Path, place: int) -> str | None:
    """Digest after a kill at this place and a resume; None when the run ended before."""

    def killed() -> str:
        kill_at(place)
        return trained(state, False)

    status, _ = in_child(killed)
    return in_child(lambda: trained(state, True))[1] if os.WIFSIGNALED(status) else None


def main(folder: Path, first: int, every: int) -> None:
    """See above."""
    torch.set_num_threads(1)
    make_optimiser(
        Small().module(), learning_rate=1.0, weight_decay=0.0
    )  # loads, once for all children, what takes 3 s
    sys.stdout.write(f"whole {in_child(lambda: trained(folder / 'whole', False))[1]}\n")
    place = first
    while digest := killed_and_resumed(folder / "killed", place):
        sys.stdout.write(f"{place} {digest}\n")
        shutil.rmtree(folder / "killed")
        place += every
    sys.stdout.write(f"end {place}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

"""SIGKILL at steps on disk and in the middle of a step; Ctrl-C wherever it comes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from spaniel.training.events import Event  # noqa: E402
from spaniel.training.loop import run  # noqa: E402
from spaniel.training.method import Loss  # noqa: E402

from .small import Small, small_settings, weights  # noqa: E402


def sweep(tmp_path: Path, first: int, every: int) -> list[tuple[str, str]]:
    """(where it was killed, digest after the resume) for each kill; the first is the run without."""
    program = Path(__file__).with_name("killed_runs.py")
    command = [sys.executable, "-W", "error", str(program), str(tmp_path), str(first), str(every)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=280, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    *lines, (end, last) = [tuple(line.split(" ")) for line in done.stdout.splitlines()]
    assert (end, int(last) > 100) == ("end", True)
    return lines


def test_killed_and_resumed_equals_the_uninterrupted_run(tmp_path: Path) -> None:
    (_, wanted), *found = sweep(tmp_path, 1, 11)
    assert len(found) > 9
    assert {place: digest for place, digest in found if digest != wanted} == {}


@pytest.mark.crash
@pytest.mark.timeout(600)
def test_killed_everywhere_and_resumed(tmp_path: Path) -> None:
    (_, wanted), *found = sweep(tmp_path, 1, 1)
    assert {place: digest for place, digest in found if digest != wanted} == {}


class Interrupted(Small):
    """Ctrl-C comes in a loss, an evaluation or the beginning of an epoch."""

    def __init__(self, where: str, at: int, times: int = 1) -> None:
        super().__init__()
        self.where, self.left, self.times = where, at, times

    def come(self, where: str) -> None:
        if where != self.where:
            return
        self.left -= 1
        if self.left == 0:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)

    def loss(self, places: list[int], step: int) -> Loss:
        self.come("loss")
        return super().loss(places, step)

    def evaluate(self):
        torch.rand(3)
        self.come("evaluate")
        return super().evaluate()

    def begin_epoch(self, epoch: int) -> None:
        super().begin_epoch(epoch)
        self.come("begin")


@pytest.mark.parametrize(
    ("where", "at", "times", "resumed_at"),
    [
        ("loss", 3, 1, (3,)),  # the step is ended first
        ("loss", 12, 1, (12,)),
        ("loss", 9, 2, (6,)),  # the second Ctrl-C ends it at once; the last checkpoint was that of the evaluation
        ("evaluate", 1, 1, (0,)),
        ("evaluate", 2, 1, (6,)),  # the evaluation is made anew, with the random numbers as they were before it
        ("begin", 1, 1, (0,)),
        ("begin", 2, 1, (6,)),
    ],
)
def test_ctrl_c(tmp_path: Path, where: str, at: int, times: int, resumed_at: tuple[int, ...]) -> None:
    whole, resumed = Small(), Small()
    wanted = run(whole, small_settings(), state=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(Interrupted(where, at, times), small_settings(), state=tmp_path / "s")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    found = run(resumed, small_settings(), state=tmp_path / "s", resume=True)
    assert found.resumed_at == resumed_at
    assert found.losses.tobytes() == wanted.losses.tobytes()
    assert weights(resumed) == weights(whole)


def test_ctrl_c_while_a_checkpoint_is_written_waits_for_it(tmp_path: Path) -> None:
    def at(event: Event) -> None:
        if event.kind == "checkpoint" and event.step == 6:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(Small(), small_settings(), state=tmp_path, on_event=at)
    assert run(Small(), small_settings(), state=tmp_path, resume=True).resumed_at == (6,)


def test_a_handler_of_somebody_else_stays(tmp_path: Path) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        run(Interrupted("loss", 2), small_settings(), state=tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]

"""A training that is stopped anywhere and resumed equals one that was not, to the bit."""

import threading
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from spaniel.training.events import Event  # noqa: E402
from spaniel.training.loop import Outcome, run  # noqa: E402

from .small import Small, small_settings, weights  # noqa: E402


class StopAt:
    """Sets `stop` when step N has been made."""

    def __init__(self, step: int) -> None:
        self.step, self.stop = step, threading.Event()

    def __call__(self, event: Event) -> None:
        if event.kind == "step" and event.step == self.step:
            self.stop.set()


def straight(tmp_path: Path, **given: object) -> tuple[Small, Outcome]:
    method = Small()
    return method, run(method, small_settings(**given), state=tmp_path / "straight")


def assert_equal(found: Outcome, wanted: Outcome) -> None:
    assert found.losses.tobytes() == wanted.losses.tobytes()
    assert (found.best_step, found.step, found.ended) == (wanted.best_step, wanted.step, wanted.ended)
    assert [one.step for one in found.curve] == [one.step for one in wanted.curve]
    for one, other in zip(found.curve, wanted.curve, strict=True):
        assert {name: each.values.tobytes() for name, each in one.scores.items()} == {
            name: each.values.tobytes() for name, each in other.scores.items()
        }


@pytest.mark.parametrize("step", range(1, 13))
def test_stopped_after_any_step(tmp_path: Path, step: int) -> None:
    method, wanted = straight(tmp_path, evaluations=2)
    stopper = StopAt(step)
    with pytest.raises(KeyboardInterrupt):
        run(Small(), small_settings(evaluations=2), state=tmp_path / "s", on_event=stopper, stop=stopper.stop)
    resumed = Small()
    outcome = run(resumed, small_settings(evaluations=2), state=tmp_path / "s", resume=True)
    assert_equal(outcome, wanted)
    assert outcome.resumed_at == (step,)
    assert weights(resumed) == weights(method)


def test_stopped_after_every_step_in_turn(tmp_path: Path) -> None:
    method, wanted = straight(tmp_path)
    for step in range(1, 13):
        stopper = StopAt(step)
        with pytest.raises(KeyboardInterrupt):
            run(Small(), small_settings(), state=tmp_path / "s", resume=step > 1, on_event=stopper, stop=stopper.stop)
    resumed = Small()
    outcome = run(resumed, small_settings(), state=tmp_path / "s", resume=True)
    assert_equal(outcome, wanted)
    assert outcome.resumed_at == tuple(range(1, 13))
    assert weights(resumed) == weights(method)


@pytest.mark.parametrize("step", range(1, 25))
def test_what_was_mined_outlives_the_end_of_an_epoch(tmp_path: Path, step: int) -> None:
    given = small_settings(epochs=4)
    method, stopper = Small(mine_every=2), StopAt(step)
    wanted = run(method, given, state=tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        run(Small(mine_every=2), given, state=tmp_path / "s", on_event=stopper, stop=stopper.stop)
    resumed = Small(mine_every=2)
    assert_equal(run(resumed, given, state=tmp_path / "s", resume=True), wanted)
    assert weights(resumed) == weights(method)
    assert not resumed.begun or resumed.begun[0] == -(-step // 6)


def test_what_the_constructor_made_is_that_of_the_first_start(tmp_path: Path) -> None:
    class Early(Small):
        """Has its negatives before the first epoch, and others in every process."""

        def __init__(self, first: int) -> None:
            super().__init__(mine_every=100)
            self.mined = np.roll(np.arange(self.n), first)

        def begin_epoch(self, epoch: int) -> None:
            self.begun.append(epoch)

    method, stop = Early(1), threading.Event()
    wanted = run(method, small_settings(), state=tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        run(Early(1), small_settings(), state=tmp_path / "s", stop=stop, on_event=lambda event: stop.set())
    resumed = Early(2)
    assert_equal(run(resumed, small_settings(), state=tmp_path / "s", resume=True), wanted)
    assert resumed.begun == [0, 1]


def test_a_finished_run_resumes_to_itself(tmp_path: Path) -> None:
    method, wanted = straight(tmp_path)
    again = Small()
    outcome = run(again, small_settings(), state=tmp_path / "straight", resume=True)
    assert_equal(outcome, wanted)
    assert again.seen == []
    assert weights(again) == weights(method)


def test_equal_seeds_give_equal_weights_and_others_do_not(tmp_path: Path) -> None:
    one, _ = straight(tmp_path / "a")
    two, _ = straight(tmp_path / "b")
    other, _ = straight(tmp_path / "c", seed=1)
    assert weights(one) == weights(two)
    assert weights(one) != weights(other)


def test_checkpoints_change_nothing(tmp_path: Path) -> None:
    one, _ = straight(tmp_path / "a")
    two, _ = straight(tmp_path / "b", checkpoint_every=1)
    assert weights(one) == weights(two)


def test_more_evaluations_train_the_same_model(tmp_path: Path) -> None:
    _, few = straight(tmp_path / "a")
    _, many = straight(tmp_path / "b", evaluations=6)
    np.testing.assert_array_equal(few.losses, many.losses)
    assert len(many.curve) == 13

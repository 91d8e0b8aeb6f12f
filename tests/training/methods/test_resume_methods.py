"""A training of each method that is stopped anywhere and resumed equals one that was not, to the bit."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spaniel.training.events import Event
from spaniel.training.examples import TrainingSet
from spaniel.training.loop import Outcome, run
from spaniel.training.method import Method
from spaniel.training.settings import TrainSettings, settings_for
from spaniel.training.table import open_method
from spaniel.training.train_state import model_tensors

MakeSet = Callable[..., TrainingSet]
CASES: dict[str, dict[str, Any]] = {
    "star, mined anew every second epoch": {"method": "star", "epochs": 4, "remine_every": 2},
    "in-batch with hard negatives": {"method": "in-batch", "epochs": 2, "negatives": 1, "mini_batch": 5},
    "bpr, passages frozen": {"method": "bpr", "epochs": 2, "negatives": 3},
    "bpr": {"method": "bpr", "epochs": 1, "negatives": 2, "freeze_passages": False, "mini_batch": 5},
}


def settings(case: str) -> TrainSettings:
    given = {"batch": 12, "learning_rate": 1e-2, "rank_to": 10, "relative_margin": 0.0, "threads": 1, "patience": 0}
    return settings_for(**{**given, **CASES[case]})


def weights(method: Method) -> dict[str, bytes]:
    return {name: each.detach().numpy().tobytes() for name, each in model_tensors(method.module()).items()}


def curve(outcome: Outcome) -> list[tuple[int, list[bytes]]]:
    return [(one.step, [each.values.tobytes() for each in one.scores.values()]) for one in outcome.curve]


@pytest.mark.parametrize("case", CASES)
def test_stopped_after_every_step_in_turn(case: str, small_set: MakeSet, tmp_path: Path) -> None:
    chosen = settings(case)

    def opened() -> Method:
        return open_method([small_set()], chosen, offline=True)

    straight = opened()
    wanted = run(straight, chosen, state=tmp_path / "a")
    for step in range(1, wanted.n_steps):
        stop = threading.Event()

        def at(event: Event, step: int = step, stop: threading.Event = stop) -> None:
            if event.kind == "step" and event.step == step:
                stop.set()

        with pytest.raises(KeyboardInterrupt):
            run(opened(), chosen, state=tmp_path / "b", resume=step > 1, on_event=at, stop=stop)
    resumed = opened()
    outcome = run(resumed, chosen, state=tmp_path / "b", resume=True)
    assert outcome.resumed_at == tuple(range(1, wanted.n_steps))
    assert outcome.losses.tobytes() == wanted.losses.tobytes()
    assert curve(outcome) == curve(wanted)
    assert weights(resumed) == weights(straight)

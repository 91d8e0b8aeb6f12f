"""The loop: what it evaluates, keeps, tells and refuses; a step in pieces; numbers that are none."""

import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra train is not installed")

from threadpoolctl import threadpool_info  # noqa: E402

from spaniel.retrieval.errors import InvalidInput, ModelError  # noqa: E402
from spaniel.training.computing import autocast, check_device, deterministic  # noqa: E402
from spaniel.training.events import Event  # noqa: E402
from spaniel.training.loop import run  # noqa: E402
from spaniel.training.method import DevScores, Loss, dev_mean  # noqa: E402
from spaniel.training.schedule import make_optimiser  # noqa: E402
from spaniel.training.train_state import model_tensors  # noqa: E402

from .small import Small, small_settings, weights  # noqa: E402


class Scripted(Small):
    """Dev means that somebody thought out, one after the other."""

    def __init__(self, means: Sequence[float]) -> None:
        super().__init__()
        self.means, self.asked = list(means), 0
        self.at: list[dict[str, bytes]] = []

    def evaluate(self) -> Mapping[str, DevScores]:
        self.at.append(weights(self))
        self.asked += 1
        return {"one": DevScores(np.array([self.means[self.asked - 1]])), "empty": DevScores(np.zeros(0))}


def test_the_model_learns_and_everything_is_told(tmp_path: Path) -> None:
    told: list[Event] = []
    method = Small()
    outcome = run(method, small_settings(epochs=4), state=tmp_path, on_event=told.append)
    assert (outcome.ended, outcome.step, outcome.n_steps, outcome.n_examples) == ("finished", 24, 24, 22)
    assert dev_mean(outcome.best) > dev_mean(outcome.start)
    assert outcome.losses[-6:].mean() < outcome.losses[:6].mean()
    assert [one.step for one in outcome.curve] == [0, 6, 12, 18, 24]
    assert method.begun == [0, 1, 2, 3]
    steps = [event for event in told if event.kind == "step"]
    assert [event.step for event in steps] == list(range(1, 25))
    assert [event.loss for event in steps] == outcome.losses.tolist()
    assert [event.learning_rate for event in steps] == outcome.learning_rates.tolist()
    assert [event.epoch for event in steps] == [min(step // 6, 3) for step in range(1, 25)]
    assert all(event.examples_per_s > 0 and event.parts.keys() == {"good"} for event in steps)
    assert (told[0].kind, told[0].n_steps, told[0].n_epochs) == ("start", 24, 4)
    assert math.isnan(told[0].loss)
    assert (told[-1].kind, told[-1].eta_s) == ("done", 0.0)
    judged = [event for event in told if event.kind == "evaluation"]
    assert judged[0].dev.keys() == {"one", "two"}
    assert judged[-1].dev_mean == pytest.approx(sum(judged[-1].dev.values()) / 2)


def test_every_epoch_sees_every_example_once(tmp_path: Path) -> None:
    method = Small()
    run(method, small_settings(), state=tmp_path)
    first, second = ([place for batch in method.seen[start : start + 6] for place in batch] for start in (0, 6))
    assert sorted(first) == sorted(second) == list(range(22))
    assert first != second


def test_the_best_weights_are_kept(tmp_path: Path) -> None:
    method = Scripted([0.1, 0.3, 0.2, 0.3, 0.25])
    outcome = run(method, small_settings(epochs=4, patience=0), state=tmp_path)
    assert (outcome.best_step, outcome.step) == (6, 24)  # the earlier of two equal ones
    assert outcome.best["one"].mean == 0.3
    assert weights(method) == method.at[1]


def test_training_that_helps_nothing_gives_back_the_start(tmp_path: Path) -> None:
    method = Scripted([0.5, 0.3, 0.2])
    before = weights(method)
    assert run(method, small_settings(), state=tmp_path).best_step == 0
    assert weights(method) == before


@pytest.mark.parametrize(
    ("patience", "steps", "ended"), [(1, 12, "patience"), (2, 18, "patience"), (0, 30, "finished")]
)
def test_patience(tmp_path: Path, patience: int, steps: int, ended: str) -> None:
    method = Scripted([0.1, 0.3, 0.2, 0.25, 0.4, 0.1])
    outcome = run(method, small_settings(epochs=5, patience=patience), state=tmp_path)
    assert (outcome.step, outcome.ended) == (steps, ended)
    # What is over stays over.
    again = run(Scripted([]), small_settings(epochs=5, patience=patience), state=tmp_path, resume=True)
    assert (again.step, again.ended, again.best_step) == (steps, ended, outcome.best_step)


def test_without_dev_the_last_weights_are_kept(tmp_path: Path) -> None:
    method = Small(dev=False)
    told: list[Event] = []
    outcome = run(method, small_settings(patience=1), state=tmp_path, on_event=told.append)
    assert (outcome.best_step, outcome.step, outcome.ended) == (12, 12, "finished")
    assert outcome.start == outcome.best == {}
    assert {event.best for event in told} == {None}
    again = Small(dev=False)
    run(again, small_settings(patience=1), state=tmp_path, resume=True)
    assert weights(again) == weights(method)


def test_evaluations_lie_at_equal_distances(tmp_path: Path) -> None:
    outcome = run(Small(n_examples=40), small_settings(evaluations=3), state=tmp_path)
    assert [one.step for one in outcome.curve] == [0, 3, 7, 10, 13, 17, 20]
    more = run(Small(n_examples=5), small_settings(evaluations=9), state=tmp_path / "more")
    assert [one.step for one in more.curve] == [0, 1, 2, 3, 4]


class Broken(Small):
    """At the third step the loss or its gradient is no number."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def loss(self, places: Sequence[int], step: int) -> Loss:
        loss = super().loss(places, step)
        if step < 2:
            return loss
        if self.how == "gradient":  # the root of 0 is 0, its slope is not
            return Loss(loss.total + (loss.total - loss.total.detach()).sqrt())
        return Loss(loss.total * float(self.how))


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ("nan", "step 3: the loss is nan"),
        ("inf", "step 3: the loss is inf"),
        ("gradient", "step 3: the norm of the grad"),
    ],
)
def test_what_is_no_number_stops_at_its_step(tmp_path: Path, how: str, what: str) -> None:
    method = Broken(how)
    with pytest.raises(ModelError, match=what) as caught:
        run(method, small_settings(checkpoint_every=1), state=tmp_path)
    assert "lower the learning rate" in caught.value.hint
    assert all(bool(tensor.isfinite().all()) for tensor in model_tensors(method.layers).values())


def test_a_batch_that_teaches_nothing_changes_nothing_by_itself(tmp_path: Path) -> None:
    class Empty(Small):
        def loss(self, places: Sequence[int], step: int) -> Loss:
            return Loss(torch.tensor(0.0))

    method = Empty()
    before = weights(method)
    assert run(method, small_settings(), state=tmp_path).losses.tolist() == [0.0] * 12
    assert weights(method) == before


def test_the_gradient_is_clipped(tmp_path: Path) -> None:
    class Seen(Small):
        def loss(self, places: Sequence[int], step: int) -> Loss:
            return Loss(super().loss(places, step).total * 1000)

    method = Seen()
    run(method, small_settings(clip=0.5), state=tmp_path)
    last = [value.grad.norm().item() for value in method.layers.parameters() if value.grad is not None]
    assert math.hypot(*last) == pytest.approx(0.5, rel=1e-4)


def test_biases_and_norms_do_not_decay() -> None:
    layers = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.LayerNorm(3))
    layers[0].weight.requires_grad_(False)
    extra = torch.nn.Sequential(layers, torch.nn.Linear(3, 2))
    decay = {
        id(value): group["weight_decay"]
        for group in make_optimiser(extra, learning_rate=1.0, weight_decay=0.3).param_groups
        for value in group["params"]
    }
    assert decay == {
        id(layers[0].bias): 0.0, id(layers[1].weight): 0.0, id(layers[1].bias): 0.0,
        id(extra[1].weight): 0.3, id(extra[1].bias): 0.0,
    }  # fmt: skip


def test_nothing_to_train_on_and_devices_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there are no questions to train on"):
        run(Small(n_examples=0), small_settings(), state=tmp_path)
    with pytest.raises(InvalidInput, match="'tpux' is no device of torch"):
        run(Small(), small_settings(device="tpux"), state=tmp_path)
    with pytest.raises(InvalidInput, match="'cuda:99' is not here"):
        check_device("cuda:99")


def test_bfloat16_is_not_taken_on_a_cpu_unless_asked_for() -> None:
    for wanted, dtype in (("auto", torch.float32), ("off", torch.float32), ("on", torch.bfloat16)):
        with autocast(torch.device("cpu"), wanted):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
    with pytest.raises(InvalidInput, match="meta does not compute in bfloat16"):
        autocast(torch.device("meta"), "on")


def test_what_torch_was_set_to_is_put_back(tmp_path: Path) -> None:
    torch.manual_seed(5)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    with deterministic(threads + 1, 7):
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.get_num_threads() == threads + 1
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {threads + 1}
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_memory_does_not_grow_with_steps_and_checkpoints(tmp_path: Path) -> None:
    program = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
from small import Small, small_settings, run
method = Small()
method.layers.register_parameter("large", torch.nn.Parameter(torch.zeros(2048, 2048)))  # 16 MiB, and two moments
plain = method.loss
def loss(places, step):
    found = plain(places, step)
    return type(found)(found.total + method.layers.large[0, 0] * 0, found.parts)
method.loss = loss
peaks = []
def told(event):
    if event.kind == "checkpoint":
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
run(method, small_settings(epochs=2, checkpoint_every=2), state=Path(sys.argv[2]), on_event=told)
print(peaks[2], peaks[-1], len(peaks))
"""
    command = [sys.executable, "-c", program, str(Path(__file__).parent), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    early, late, checkpoints = map(int, done.stdout.split())
    assert checkpoints == 7
    assert late - early < 24  # MiB; a checkpoint in memory would be 48

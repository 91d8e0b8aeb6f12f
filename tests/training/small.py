"""A method small enough to be trained hundreds of times in a test: a linear map that learns which vectors are near."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from spaniel.retrieval.types import JSON
from spaniel.training.events import Event
from spaniel.training.loop import run
from spaniel.training.method import DevScores, Loss, Method
from spaniel.training.settings import TrainSettings, settings_for

N_EXAMPLES, N_DEV, WIDTH = 22, 6, 5


class Small(Method):
    """Learns a linear map. Its negatives are mined by the weights at the beginning of an epoch, and each step draws
    from torch's generator, so that a resume has to bring back both.

    Args:
        mine_every: epochs after which it mines; with 2, what was mined outlives the end of an epoch.
    """

    name = "small"

    def __init__(
        self, seed: int = 0, *, n_examples: int = N_EXAMPLES, dev: bool = True, data: str = "a", mine_every: int = 1
    ) -> None:
        draw = np.random.default_rng(seed)
        torch.manual_seed(seed)
        self.queries = torch.tensor(draw.normal(size=(n_examples + N_DEV, WIDTH)), dtype=torch.float32)
        turn = torch.tensor(np.linalg.qr(draw.normal(size=(WIDTH, WIDTH)))[0], dtype=torch.float32)
        self.passages = self.queries @ turn
        self.layers = torch.nn.Sequential(torch.nn.Linear(WIDTH, WIDTH), torch.nn.LayerNorm(WIDTH))
        self.layers.register_buffer("unused", torch.arange(3))
        self.never = torch.nn.Parameter(torch.ones(2, 2))  # trains, but no loss reaches it
        self.layers.register_parameter("never", self.never)
        self.layers.register_parameter("frozen", torch.nn.Parameter(torch.full((3,), float(seed)), requires_grad=False))
        self.n, self.dev, self.data, self.mine_every = n_examples, dev, data, mine_every
        self.mined: NDArray[np.int64] = np.zeros(0, np.int64)
        self.begun: list[int] = []
        self.seen: list[list[int]] = []

    def module(self) -> torch.nn.Module:
        return self.layers

    def n_examples(self) -> int:
        return self.n

    def begin_epoch(self, epoch: int) -> None:
        self.begun.append(epoch)
        if epoch % self.mine_every:
            return
        with torch.no_grad():
            scores = self.layers(self.queries[: self.n]) @ self.passages[: self.n].T
        self.mined = scores.fill_diagonal_(-torch.inf).argmax(1).numpy()

    def state(self) -> Mapping[str, NDArray[Any]]:
        return {"mined": self.mined}

    def restore(self, epoch: int, state: Mapping[str, NDArray[Any]]) -> None:
        self.mined = state["mined"]

    def loss(self, places: Sequence[int], step: int) -> Loss:
        self.seen.append(list(places))
        vectors = self.layers(self.queries[places])
        noise = 0.01 * torch.rand(len(places))
        good = (vectors * self.passages[places]).sum(1) + noise
        bad = (vectors * self.passages[self.mined[places]]).sum(1)
        each = torch.nn.functional.softplus(bad - good)
        return Loss(each.mean(), {"good": float(good.mean().detach())})

    def evaluate(self) -> Mapping[str, DevScores]:
        if not self.dev:
            return {}
        scores = self.layers(self.queries[self.n :]) @ self.passages[self.n :].T
        own = scores.softmax(1).diagonal()
        return {"one": DevScores(own[:4].double().numpy()), "two": DevScores(own[4:].double().numpy())}

    def write(self, out: Path, facts: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def definition(self) -> Mapping[str, JSON]:
        return {"data": self.data}


def small_settings(**given: Any) -> TrainSettings:
    """Two epochs of six steps."""
    wanted = {
        "epochs": 2, "batch": 4, "learning_rate": 0.05, "blend": 1.0,
        "patience": 0, "checkpoint_every": 0, "threads": 1,
    }  # fmt: skip
    return settings_for("adore", **{**wanted, **given})


def weights(method: Small) -> dict[str, bytes]:
    """Every parameter, to the bit."""
    return {name: value.detach().numpy().tobytes() for name, value in method.layers.named_parameters()}


def stopped_run(state: Path, step: int, method: Small | None = None, **given: Any) -> None:
    """A run in `state` that was stopped after so many steps, its checkpoint written."""
    stop = threading.Event()

    def at(event: Event) -> None:
        if event.kind == "step" and event.step == step:
            stop.set()

    with pytest.raises(KeyboardInterrupt):
        run(method or Small(), small_settings(**given), state=state, on_event=at, stop=stop)

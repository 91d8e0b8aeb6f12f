"""A run that never was, for tests of what is written of runs."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from spaniel.models.card import ModelCard
from spaniel.training.method import DevScores
from spaniel.training.progress import Evaluation, Outcome

START = ModelCard(
    name="tiny", source="tiny", runtime="onnx", sha256="a" * 64, dimension=8, pooling="mean", normalised=True,
    max_length=64, query_prompt="", passage_prompt="", precision="fp32",
)  # fmt: skip


def scores(seed: int, shift: float = 0.0, n: int = 60) -> DevScores:
    """nDCG of n questions, the same but for the shift where the seed is the same."""
    return DevScores(np.clip(np.random.default_rng(seed).random(n) * 0.6 + shift, 0, 1))


def outcome(n_steps: int = 12, *, held_out: int = 60, gain: float = 0.1) -> Outcome:
    """Three evaluations of two sets, the second the best unless nothing was gained."""
    at = [0, n_steps // 2, n_steps]
    curve = [
        Evaluation(step, {name: scores(seed, shift, held_out) for seed, name in enumerate(("one", "<b>")) if held_out})
        for step, shift in zip(at, [0.0, gain, gain / 2], strict=True)
    ]
    return Outcome(
        ended="finished", step=n_steps, n_steps=n_steps, n_examples=100, curve=curve,
        best_step=n_steps if not held_out else at[1] if gain > 0 else 0,
        losses=np.linspace(1, 0.5, n_steps), learning_rates=np.linspace(1e-5, 0, n_steps),
        seconds=90.5, threads=2, resumed_at=[3], definition={"data": "c" * 8},
    )  # fmt: skip


class FakePassages:
    """An index's passages, as far as cards ask."""

    identity = "index:1"

    def __len__(self) -> int:
        return 1234


def training_sets() -> list[Any]:
    """Two sets, one with a name that is markup and a note."""
    index = SimpleNamespace(passages=FakePassages())
    common = {"index": index, "train": range(100), "dev": range(60), "texts": (), "counts": {"left_out": 3}}
    return [
        SimpleNamespace(name="one", notes=(), sha256={"train": "b" * 64}, **common),
        SimpleNamespace(name="<b>", notes=("2 questions <i> were left out",), sha256={}, **common),
    ]

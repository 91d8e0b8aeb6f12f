"""What the loop of training costs: steps by optimiser, dtype and threads; checkpoints; equal weights after a resume.

    python -m benchmarks.train_loop [--questions 256]

all-MiniLM-L6-v2 learns, by a softmax over the batch, to put the questions of scifact beside fixed random vectors: what
it learns means nothing, its time does. Needs the extra train and ../shared/data.
"""

import argparse
import hashlib
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spaniel.eval.collections import collection
from spaniel.training.events import Event
from spaniel.training.loop import run
from spaniel.training.method import DevScores, Loss, Method
from spaniel.training.settings import settings_for
from spaniel.training.tower import Tower
from spaniel.training.train_state import model_tensors

from .binary_quality import DATA


class Towards(Method):
    """Questions towards fixed vectors."""

    name = "towards"

    def __init__(self, texts: Sequence[str], *, tables: bool) -> None:
        self.tower = Tower.open("minilm", kind="query", max_length=64)
        for part in self.tower.modules():
            if isinstance(part, torch.nn.Embedding):
                part.requires_grad_(tables)
        self.texts = texts
        drawn = np.random.default_rng(0).normal(size=(len(texts), self.tower.dimension))
        self.goal = torch.nn.functional.normalize(torch.tensor(drawn, dtype=torch.float32))

    def module(self) -> torch.nn.Module:
        return self.tower

    def n_examples(self) -> int:
        return len(self.texts)

    def begin_epoch(self, epoch: int) -> None: ...

    def loss(self, places: Sequence[int], step: int) -> Loss:
        vectors = self.tower(self.tower.features([self.texts[place] for place in places]))
        scores = 20 * vectors @ self.goal[list(places)].T
        return Loss(torch.nn.functional.cross_entropy(scores, torch.arange(len(places))))

    def evaluate(self) -> Mapping[str, DevScores]:
        return {}

    def write(self, out: Path, facts: Mapping[str, Any]) -> None:
        raise NotImplementedError


def weights_sha256(method: Method) -> str:
    digest = hashlib.sha256()
    for tensor in model_tensors(method.module()).values():
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()[:12]


class Clock:
    """Seconds of steps and of checkpoints; stops at a step if asked."""

    def __init__(self, stop_at: int = 0) -> None:
        self.steps: list[float] = []
        self.checkpoints: list[float] = []
        self.stop, self._stop_at, self._last = threading.Event(), stop_at, time.perf_counter()

    def __call__(self, event: Event) -> None:
        now = time.perf_counter()
        {"step": self.steps, "checkpoint": self.checkpoints}.get(event.kind, []).append(now - self._last)
        self._last = now
        if event.kind == "step" and event.step == self._stop_at:
            self.stop.set()


def trained(texts: Sequence[str], folder: Path, *, tables: bool = False, stop_at: int = 0, **given: Any) -> Clock:
    """A run of one epoch, or its first steps."""
    clock, method = Clock(stop_at), Towards(texts, tables=tables)
    settings = settings_for("adore", epochs=1, checkpoint_every=0, **given)
    try:
        run(method, settings, state=folder, resume=folder.exists(), on_event=clock, stop=clock.stop)
        print(f"    weights {weights_sha256(method)}", end="")
    except KeyboardInterrupt:
        print("    stopped", end="")
    return clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=256)
    arguments = parser.parse_args()
    texts = list(collection(str(DATA / "scifact"), split="train").queries.values())[: arguments.questions]
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        for name, given in {
            "fp32, 2 threads": {"threads": 2},
            "fp32, 2 threads, again": {"threads": 2},
            "fp32, 1 thread": {"threads": 1},
            "fp32, 2 threads, tables train too": {"threads": 2, "tables": True},
            "bf16, 2 threads": {"threads": 2, "bf16": "on"},
        }.items():
            clock = trained(texts, place / name, **given)
            sizes = [path.stat().st_size for path in (place / name).glob("*.safetensors")]
            print(f"  {name}: step {statistics.median(clock.steps[1:]):.3f} s,", end="")
            print(f" checkpoint {clock.checkpoints[-1]:.2f} s, {sum(sizes) / 1e6:.0f} MB kept")
        for stop_at in (1, 3):
            print(f"  stopped at {stop_at}", end="")
            trained(texts, place / f"stopped {stop_at}", stop_at=stop_at, threads=2)
            print("; resumed", end="")
            trained(texts, place / f"stopped {stop_at}", threads=2)
            print()


if __name__ == "__main__":
    main()

"""What a trained model keeps of how it was made: the run card and the curve, plain JSON.

    training/run.json      the card: data, start, settings, versions, machine, seconds, dev before and after
    training/curve.jsonl   a line a step (loss, learning rate) and a line an evaluation (dev, with intervals)

`report.training_report` makes a page of the two alone, so that it can be made again from a model's folder. Whether a
training gained anything is said here with an interval and a paired test over the held-out questions. The best step was
chosen by the same questions, so that what they show is a little too good; a test split that had no part in it decides.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from spaniel.eval.card import machine, now, versions
from spaniel.eval.fingerprint import code_fingerprint
from spaniel.eval.statistics.intervals import mean_interval
from spaniel.eval.statistics.paired import paired_difference
from spaniel.models.card import ModelCard
from spaniel.retrieval.types import JSON

from .examples import TrainingSet
from .method import DevScores
from .settings import TrainSettings

if TYPE_CHECKING:
    from .progress import Outcome

__all__ = ["FORMAT", "curve_bytes", "curve_rows", "dev_figures", "gains", "run_card", "set_facts"]

FORMAT = "spaniel training run 1"
_PACKAGES = ("torch", "sentence-transformers", "transformers", "tokenizers", "onnxruntime", "faiss-cpu")
_LIBRARIES = ("retrieval", "models", "index", "rerank", "eval", "training")


def curve_rows(outcome: "Outcome") -> list[dict[str, JSON]]:
    """The curve of a run, in the order in which it went: {"kind": "step", "step", "loss", "learning_rate"} after each
    step, from 1, and {"kind": "evaluation", "step", "dev": what `dev_figures` says} after so many steps, from 0.
    A blend is the last row, of the kind "blend", with the best step."""
    found = {one.step: one for one in outcome.curve}
    rows: list[dict[str, JSON]] = []
    for step in range(len(outcome.losses) + 1):
        if step:
            loss, rate = float(outcome.losses[step - 1]), float(outcome.learning_rates[step - 1])
            rows.append({"kind": "step", "step": step, "loss": loss, "learning_rate": rate})
        dev = dev_figures(found[step].scores) if step in found else {}
        if dev:
            rows.append({"kind": "evaluation", "step": step, "dev": dev})
    if outcome.blended:
        rows.append({"kind": "blend", "step": outcome.best_step, "dev": dev_figures(outcome.blended)})
    return rows


def curve_bytes(rows: Iterable[Mapping[str, JSON]]) -> bytes:
    """The curve as JSON lines, UTF-8."""
    return "".join(json.dumps(dict(row), ensure_ascii=False) + "\n" for row in rows).encode()


def dev_figures(scores: Mapping[str, DevScores]) -> dict[str, JSON]:
    """Set -> {"measure", "mean", "low", "high", "n"}, 95 % intervals; sets without a held-out question are left out.

    `low` and `high` are null where the values cannot say.
    """
    found: dict[str, JSON] = {}
    for name, one in scores.items():
        if len(one.values):
            interval = mean_interval(one.values)
            ends = {"low": _finite(interval.low), "high": _finite(interval.high)}
            found[name] = {"measure": one.measure, "mean": interval.mean, **ends, "n": interval.n}
    return found


def gains(before: Mapping[str, DevScores], after: Mapping[str, DevScores]) -> dict[str, JSON]:
    """Set -> {"measure", "before", "after", "difference", "low", "high", "p", "wins", "ties", "losses", "n"}: what
    training changed on the held-out questions, with a 95 % interval and a paired randomisation test."""
    found: dict[str, JSON] = {}
    for name, old in before.items():
        if name in after and len(old.values):
            one = paired_difference(after[name].values, old.values)
            found[name] = {
                "measure": old.measure, "before": old.mean, "after": after[name].mean, "difference": one.difference,
                "low": _finite(one.low), "high": _finite(one.high), "p": one.p,
                "wins": one.wins, "ties": one.ties, "losses": one.losses, "n": one.n,
            }  # fmt: skip
    return found


def set_facts(one: TrainingSet) -> dict[str, JSON]:
    """What a set was: its counts, the hashes of its files, and the index it stands on."""
    passages = one.index.passages
    return {
        "name": one.name, "train": len(one.train), "dev": len(one.dev), "extra_texts": len(one.texts),
        "counts": dict(one.counts), "sha256": dict(one.sha256), "notes": list(one.notes),
        "index": {"identity": passages.identity, "passages": len(passages)},
    }  # fmt: skip


def run_card(
    settings: TrainSettings,
    sets: Sequence[TrainingSet],
    start: ModelCard,
    outcome: "Outcome",
    *,
    command: Sequence[str] = (),
    more: Mapping[str, JSON] | None = None,
    created: str | None = None,
) -> dict[str, JSON]:
    """Everything that a run was, as plain JSON.

    Args:
        start: the card of the model it began with.
        command: what was typed, word by word; empty from Python.
        more: further facts under names of their own, such as the peak of memory.
        created: when; now by default.
    """
    return {
        "format": FORMAT,
        "method": settings.method,
        "settings": settings.to_json(),
        # Not where its files lay: the folder is made to be given away.
        "start": {name: value for name, value in start.to_json().items() if name != "source"},
        "sets": [set_facts(one) for one in sets],
        "outcome": {
            "ended": outcome.ended, "best_step": outcome.best_step, "steps": outcome.step, "of_steps": outcome.n_steps,
            "blend": settings.blend, "questions": outcome.n_examples, "seconds": round(outcome.seconds, 3),
            "resumed_at": list(outcome.resumed_at), "dev": gains(outcome.start, outcome.best),
        },
        "definition": dict(outcome.definition),
        "versions": _versions(),
        "threads": outcome.threads,
        "hardware": machine(),
        "command": list(command),
        "created": created or now(),
        **dict(more or {}),
    }  # fmt: skip


def _versions() -> dict[str, JSON]:
    """Of what can change the weights; None for what is not installed."""
    found = versions()
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return {**found, "sources": code_fingerprint(*_LIBRARIES)}


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None

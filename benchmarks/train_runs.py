"""What the measurements of training share: a run of the loop with its events told, and paired scores of two indexes."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

import spaniel
from spaniel.eval.statistics import paired_difference

if TYPE_CHECKING:
    from spaniel.training.examples import TrainingSet
    from spaniel.training.settings import TrainSettings

__all__ = ["MEASURES", "given_settings", "paired", "scores_of", "trained"]

MEASURES = ["nDCG@10", "RR@10", "R@100"]


def given_settings(method: str, given: Sequence[str]) -> "TrainSettings":
    """A method's settings from `name=value` texts; values are read as JSON."""
    from spaniel.training.settings import settings_for

    pairs = [each.partition("=") for each in given]
    return settings_for(method, **{name: json.loads(value) for name, _, value in pairs})


def trained(sets: "Sequence[TrainingSet]", settings: "TrainSettings", out: Path, *, vectors: str | None = None) -> Any:
    """Train, tell how it goes, write the model to `out`, and the curve beside it; the outcome."""
    from spaniel.training.loop import run
    from spaniel.training.output import write_model  # noqa: F401 - so that what is missing is known before hours pass
    from spaniel.training.table import open_method

    began = time.monotonic()
    method = open_method(sets, settings, vectors=vectors, offline=True)
    click.echo(f"ready after {time.monotonic() - began:.0f} s")
    outcome = run(method, settings, state=Path(f"{out}.state"), resume=True, on_event=_told)
    facts = {"trained_from": {"method": settings.method, "settings": settings.to_json()}, "extra_files": {}}
    method.write(out, facts)
    curve = [[each.step, {name: one.mean for name, one in each.scores.items()}] for each in outcome.curve]
    losses = [round(float(loss), 5) for loss in outcome.losses]
    told = {"settings": settings.to_json(), "seconds": outcome.seconds, "dev": curve, "losses": losses}
    Path(f"{out}.json").write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    click.echo(f"{outcome.n_steps} steps, best {outcome.best_step}, {outcome.seconds:.0f} s; dev {curve}")
    return outcome


def _told(event: Any) -> None:
    if event.kind in ("evaluation", "note") or (event.kind == "step" and event.step % 10 == 0):
        said = f"{event.dev} {event.note}" if event.kind != "step" else f"eta {event.eta_s:.0f} s"
        click.echo(f"{event.kind} {event.step}/{event.n_steps} loss {event.loss:.4f} {said}")


def scores_of(path: Path, folder: str, **dense: Any) -> dict[str, np.ndarray]:
    """Measure -> float64 (questions,) of an index's dense search on a collection's test questions, in their order."""
    from spaniel.eval.collections import collection
    from spaniel.eval.measures.score import score
    from spaniel.eval.run import Run

    judged = collection(folder, split="test")
    ids = list(judged.qrels)
    with spaniel.open(path) as kb:
        found = kb.dense(k=100, threads=2, **dense).search([judged.queries[id_] for id_ in ids])
        run = Run.from_ordinals(ids, {"dense": found}, lambda rows: kb.passages.doc_ids(rows), name=str(path))
        scored = score(run, judged.qrels, MEASURES)
    return {name: np.asarray(scored.values[name]) for name in MEASURES}


def paired(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Means, the mean difference with its 95 % interval, and a paired randomisation test's p, as `eval compare` has."""
    found = {}
    for name, values in before.items():
        made = paired_difference(after[name], values)
        found[name] = {
            "before": float(values.mean()), "after": float(after[name].mean()), "gain": made.difference,
            "low": made.low, "high": made.high, "p": made.p, "n": len(values),
        }  # fmt: skip
    return found

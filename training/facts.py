"""What goes into a trained folder beside the model: where it came from, the run card, the curve and the report."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spaniel.models.card import ModelCard
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .card import curve_bytes, curve_rows, run_card
from .job import Job
from .report import training_report
from .vectors import meant_vectors

if TYPE_CHECKING:
    from .progress import Outcome

__all__ = ["facts_of"]


def facts_of(job: Job, outcome: "Outcome", *, command: Sequence[str] = ()) -> Mapping[str, Any]:
    """What `Method.write` is given."""
    start = _start(job)
    card = run_card(job.settings, job.sets, start, outcome, command=command)
    rows = curve_rows(outcome)
    files = {
        "training/run.json": (json.dumps(card, ensure_ascii=False, indent=1) + "\n").encode(),
        "training/curve.jsonl": curve_bytes(rows),
        "training/report.html": training_report(card, rows).encode(),
        "README.md": _readme(job, start, card).encode(),
    }
    return {"trained_from": _trained_from(job, start, outcome), "extra_files": files, "overwrite": job.overwrite}


def _start(job: Job) -> ModelCard:
    """The card of the model that training began with."""
    from .tower import Tower

    for each in job.method.module().modules():
        if isinstance(each, Tower):
            return each.card
    index = job.sets[0].index
    name = meant_vectors(index, job.vectors)
    if name is None:
        raise InvalidInput("model", f"{job.settings.method} has no tower, and {index.path} no vectors")
    return index.settings.dense[name].model


def _trained_from(job: Job, start: ModelCard, outcome: "Outcome") -> dict[str, JSON]:
    """For people who find the folder, in spaniel.json."""
    return {
        "method": job.settings.method,
        "model": start.name,
        "sha256": start.sha256,
        "sets": [each.name for each in job.sets],
        "best_step": outcome.best_step,
    }


def _readme(job: Job, start: ModelCard, card: Mapping[str, Any]) -> str:
    """A page for whoever opens the folder; sentence-transformers and the hub show it."""
    adore = job.settings.method == "adore"
    lines = [
        f"# {job.out.name}",
        "",
        f"{start.name}, trained with {job.settings.method} on {', '.join(each.name for each in job.sets)}.",
        "",
        *(f"- {name}: {_gain(one)}" for name, one in card["outcome"]["dev"].items()),
        "",
        "```python",
        "from sentence_transformers import SentenceTransformer",
        "",
        f'model = SentenceTransformer("{job.out.name}")',
        'model.encode_query("a question"), model.encode_document("a passage")',
        "```",
        "",
        f"In Spaniel: `--query-model {job.out.name}` with an index of {_passages(job) or start.name}, as it is."
        if adore
        else f"In Spaniel: `--dense {job.out.name}` for an index made anew.",
        "",
        "`training/run.json` says how it was made, `training/report.html` how it went.",
    ]
    return "\n".join(lines) + "\n"


def _gain(one: Mapping[str, Any]) -> str:
    return f"{one['measure']} {one['before']:.4f} before, {one['after']:.4f} after ({one['n']} questions held out)"


def _passages(job: Job) -> str:
    """What the model of the indexes' vectors is called."""
    name = meant_vectors(job.sets[0].index, job.vectors)
    return "" if name is None else job.sets[0].index.settings.dense[name].model.name

"""What `spaniel train` says while it works: a line that moves on a terminal, and a sentence for each evaluation."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .console import Console, printable
from .progress import ProgressLine, bar, duration

if TYPE_CHECKING:
    from spaniel.training.events import Event
    from spaniel.training.examples import TrainingSet
    from spaniel.training.plan import Plan
    from spaniel.training.trained import Trained

__all__ = ["Telling", "plan_text", "tell_sets", "trained_text"]


class Telling:
    """Listens to a training; `console` decides what is shown."""

    def __init__(self, console: Console, line: ProgressLine) -> None:
        self._console, self._line = console, line
        self._first: dict[str, float] = {}

    def __call__(self, event: "Event") -> None:
        """One event."""
        if event.kind in ("step", "checkpoint"):
            self._line.say(_moving(event))
            return
        if event.kind == "start":  # of a resumed run: what its first evaluation was
            self._first.update(event.dev)
        said = _evaluated(event, self._first) if event.kind == "evaluation" else event.note
        if event.kind == "evaluation" and not self._first:
            self._first.update(event.dev)
        if said:
            self._line.clear()
            self._console.note(printable(said))


def _moving(event: "Event") -> str:
    parts = [bar(event.step / max(event.n_steps, 1)), f"step {event.step:,} of {event.n_steps:,}"]
    parts += [f"loss {event.loss:.4f}", f"rate {event.learning_rate:.2g}", f"{event.examples_per_s:,.0f} questions/s"]
    return "  ".join([*parts, f"ETA {duration(event.eta_s)}"])


def _evaluated(event: "Event", first: Mapping[str, float]) -> str:
    """`step 81 of 162: loss 0.4112, dev nfcorpus 0.3301 (start 0.3267), ETA 2:10`."""
    parts = [] if event.step == 0 else [f"loss {event.loss:.4f}"]
    for name, value in event.dev.items():
        start = f" (start {first[name]:.4f})" if name in first else ""
        parts.append(f"dev {name} {value:.4f}{start}")
    if event.step < event.n_steps and event.eta_s > 0:
        parts.append(f"ETA {duration(event.eta_s)}")
    return f"step {event.step:,} of {event.n_steps:,}: {', '.join(parts)}" if parts else ""


def tell_sets(console: Console, sets: "list[TrainingSet]") -> None:
    """What is trained on, and what of it was left out."""
    for each in sets:
        console.note(printable(f"{each.name}: {len(each.train):,} questions to learn from, {len(each.dev):,} held out"))
        for note in each.notes:
            console.note(printable(f"{each.name}: {note}"))


def trained_text(trained: "Trained") -> str:
    """The result for people."""
    where = f"best at step {trained.best_step:,} of {trained.steps:,}" if trained.dev else f"{trained.steps:,} steps"
    lines = [f"{trained.path}: {trained.method}, {where}"]
    lines[0] += f", {trained.blend:g} of the way from the start" if trained.blend < 1 and trained.best_step else ""
    lines[0] += f", {duration(trained.seconds)}"
    for name, gain in trained.dev.items():
        interval = "" if gain.low != gain.low else f" [{gain.low:+.4f}, {gain.high:+.4f}]"
        p = "p < 0.0001" if gain.p < 0.0001 else f"p {gain.p:.4f}"
        change = f"{gain.difference:+.4f}{interval}, {p}, {gain.n:,} questions"
        lines.append(f"dev {name}: nDCG@10 {gain.before:.4f} -> {gain.after:.4f} ({change})")
    return "\n".join(lines)


def plan_text(plan: "Plan") -> str:
    """What would be done, for people."""
    lines = [f"method      {plan.method}, {plan.parameters:,} numbers train"]
    for name, counts in plan.sets.items():
        lines.append(f"{name}: {counts.get('train', 0):,} questions to learn from, {counts.get('dev', 0):,} held out")
    lines.append(f"steps       {plan.steps:,} of {plan.step_s:.2f} s")
    lines.append(f"evaluations {plan.evaluations:,} of {plan.evaluation_s:.1f} s")
    if plan.begin_s >= 1:
        lines.append(f"beginning   {plan.begin_s:.0f} s")
    lines.append(f"in all      about {duration(plan.total_s)} if this machine stays as free as it was now")
    return "\n".join([*lines, "            beside other work two to three times that"])

"""The page of a training: what it gained on the held-out questions, how it went there, and from what.

Made of the run card and the curve alone (card.py), so that it can be made again from a model's folder. It is one HTML
file without scripts, like the reports of evaluations, whose drawing it uses.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from spaniel.eval.report.frame import Section, fact_list, framed, table_block
from spaniel.eval.report.markup import Child, joined, tag
from spaniel.eval.report.numbers import amount, count, fraction, interval, p_value, p_words, seconds, signed, size
from spaniel.eval.report.table import Cell, Column, Mark, Row, Table
from spaniel.retrieval.types import JSON

from .curves import dev_plots, loss_plot, rate_plot
from .settings import OPTIONS_OF

__all__ = ["training_report"]


def training_report(card: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """The whole page.

    Args:
        card: what `card.run_card` gives.
        rows: what `card.curve_rows` gives.

    Cost: some milliseconds; 300 points a curve however many steps there were.
    """
    outcome = card["outcome"]
    steps = [row for row in rows if row["kind"] == "step"]
    evaluations = [row for row in rows if row["kind"] == "evaluation"]
    blended: Mapping[str, Any] = next((row["dev"] for row in rows if row["kind"] == "blend"), {})
    best = int(outcome["best_step"])
    sections: list[Section] = [
        ("gains", "Before and after, on held-out questions", _gains(outcome["dev"])),
        ("dev", "Held-out questions as training went on", dev_plots(evaluations, best, blended)),
        ("loss", "Loss and learning rate", joined(loss_plot(steps), rate_plot(steps)) if steps else None),
        ("data", "What it was trained on", _data(card["sets"])),
        ("settings", "Settings", _settings(card["settings"])),
        ("origin", "Start, time and machine", _origin(card)),
        (
            "reproduce",
            "How to reproduce",
            tag("pre", tag("code", shlex.join(card["command"]))) if card["command"] else None,
        ),
        ("card", "Run card", _card(card)),
    ]
    names = ", ".join(one["name"] for one in card["sets"])
    version = str(card["versions"].get("spaniel") or "")
    return framed(
        "Training",
        f"{card['method']} on {names}",
        finding=_finding(outcome),
        warnings=_warnings(card),
        sections=sections,
        footer=" · ".join(part for part in (f"Spaniel {version}".strip(), str(card["created"])) if part),
    )


def _finding(outcome: Mapping[str, Any]) -> str:
    """What was gained, set by set, and how sure that is."""
    if not outcome["dev"]:
        return f"No question was held out: what {count(outcome['steps'])} steps gained is not known."
    if outcome["best_step"] == 0:
        return "No step was better than the start on the held-out questions: the model is the start."
    said = []
    for name, one in outcome["dev"].items():
        sure = "" if one["low"] is None else f" ({interval(one['low'], one['high'], sign=True)}, {p_words(one['p'])})"
        words = f"{one['measure']} {fraction(one['before'])} → {fraction(one['after'])}, {signed(one['difference'])}"
        said.append(f"{name}: {words}{sure}")
    return "; ".join(said) + "."


def _warnings(card: Mapping[str, Any]) -> list[str]:
    """Notes of the sets, and what a reader of the figures has to know."""
    outcome = card["outcome"]
    found = [f"{one['name']}: {note}" for one in card["sets"] for note in one["notes"]]
    few = [name for name, one in outcome["dev"].items() if one["n"] < 50]
    if few:
        found.append(f"Fewer than 50 questions are held out of {' and '.join(few)}: their figures say little.")
    worse = [name for name, one in outcome["dev"].items() if one["high"] is not None and one["high"] < 0]
    if worse:
        found.append(f"{' and '.join(worse)} lost by it, although the mean over the sets did not.")
    return found


def _gains(dev: Mapping[str, Mapping[str, Any]]) -> Child:
    columns = [
        Column("set", numeric=False),
        *(Column(name) for name in ("measure", "before", "after", "difference", "p")),
    ]
    columns.append(Column("better / equal / worse"))
    rows = [Row(_gain_cells(name, one)) for name, one in dev.items()]
    caption = (
        "95 % intervals and paired randomisation tests over the held-out questions. The best step was chosen by these "
        "questions, so that its figures are a little too good; a test split that had no part in it decides "
        "(spaniel eval run, spaniel eval compare)."
    )
    return table_block(Table("gains", "Before and after", columns, rows, caption)) if rows else None


def _gain_cells(name: str, one: Mapping[str, Any]) -> tuple[Cell, ...]:
    mark: Mark = "" if one["low"] is None or one["p"] >= 0.05 else "better" if one["difference"] > 0 else "worse"
    questions = f"{count(one['n'])} questions"
    return (
        Cell(name, questions),
        Cell(one["measure"]),
        Cell(fraction(one["before"])),
        Cell(fraction(one["after"]), mark=mark),
        Cell(signed(one["difference"]), interval(one["low"], one["high"], sign=True)),
        Cell(p_value(one["p"])),
        Cell(f"{count(one['wins'])} / {count(one['ties'])} / {count(one['losses'])}"),
    )


def _data(sets: Sequence[Mapping[str, Any]]) -> Child:
    columns = [
        Column("set", numeric=False),
        Column("train"),
        Column("held out"),
        Column("passages"),
        Column("texts beside"),
    ]
    rows = [
        Row(
            (
                Cell(one["name"]),
                *(Cell(count(n)) for n in (one["train"], one["dev"], one["index"]["passages"], one["extra_texts"])),
            )
        )
        for one in sets
    ]
    folds = []
    for one in sets:
        counted = fact_list([(name.replace("_", " ").capitalize(), count(n)) for name, n in one["counts"].items() if n])
        hashes = [(f"SHA-256 of {part}", value) for part, value in one["sha256"].items()]
        hashes.append(("Index", one["index"]["identity"]))
        content = joined(counted, fact_list(hashes, "facts hashes"))
        folds.append(tag("details", tag("summary", f"{one['name']}: counts and hashes"), content, class_="fold"))
    table = Table("data", "What it was trained on", columns, rows)
    return joined(table_block(table), tag("div", folds, class_="block"))


def _settings(settings: Mapping[str, JSON]) -> Child:
    """Those that mean something to the method."""
    method = settings["method"]
    shown = {name: value for name, value in settings.items() if method in OPTIONS_OF.get(name, (method,))}
    return fact_list([(name.replace("_", " "), _written(value)) for name, value in shown.items()])


def _written(value: JSON) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _origin(card: Mapping[str, Any]) -> Child:
    outcome, start, machine = card["outcome"], card["start"], card["hardware"]
    stopped = {"finished": "as planned", "patience": "dev no longer became better"}.get(
        outcome["ended"], outcome["ended"]
    )
    hardware = [machine["cpu"], f"{machine['cores']} cores", size(machine["memory_bytes"])]
    facts = [
        ("Start", start["name"]),
        ("Dimension", count(start["dimension"])),
        ("Steps", f"{count(outcome['steps'])} of {count(outcome['of_steps'])}"),
        ("Ended", stopped),
        ("Best step", count(outcome["best_step"])),
        ("Written", f"{outcome['blend']:g} of the way from the start to it" if outcome.get("blend", 1) < 1 else ""),
        ("Time", f"{seconds(outcome['seconds'])} ({amount(outcome['seconds'] / 60)} min)"),
        ("Taken up again at step", ", ".join(map(str, outcome["resumed_at"]))),
        ("Machine", ", ".join(str(part) for part in hardware if part)),
        ("Threads", count(card["threads"])),
        ("Platform", machine["platform"]),
        *((name, version) for name, version in card["versions"].items() if name != "sources"),
    ]
    shown = [(name, str(value)) for name, value in facts if value]
    return joined(fact_list(shown), fact_list([("SHA-256 of the start", start["sha256"])], "facts hashes"))


def _card(card: Mapping[str, Any]) -> Child:
    text = json.dumps(card, indent=2, ensure_ascii=False)
    return tag("details", tag("summary", "run.json"), tag("pre", tag("code", text)), class_="fold card")

"""`spaniel eval ...`."""

import click

from .lazy import LazyGroup

__all__ = ["COMMANDS", "evaluate"]

COMMANDS = {
    "run": ("eval_run:run", "Run pipelines over collections and report how good and how fast they are."),
    "answers": (
        "eval_answers:answers",
        "Answer a collection's questions and report how good, how well cited and how sure the answers are.",
    ),
    "pipelines": ("eval_pipelines:pipelines", "List the pipelines that have a name."),
    "compare": ("eval_compare:compare", "Compare two pipelines query by query."),
    "report": ("eval_report:report", "Write the report of a results folder again."),
    "gate": ("eval_gate:gate", "Fail when figures fell against a baseline."),
}


@click.group(name="eval", cls=LazyGroup, commands_at=COMMANDS)
def evaluate() -> None:
    """Measure how good and how fast a search is, and compare."""

"""`spaniel rerank ...`."""

import click

from .lazy import LazyGroup

__all__ = ["COMMANDS", "rerank"]

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("rerank_run:run", "Rerank a TREC run."),
    "export": ("rerank_export:export", "Write a cross-encoder as an ONNX graph, without torch."),
    "schedules": ("rerank_schedules:schedules", "List the schedules, what each asks, and its settings."),
    "serve": ("rerank_serve:serve", "Serve a cross-encoder over HTTP, in the dialects of Jina, Cohere and TEI."),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def rerank() -> None:
    """Put what was found in a better order, and serve models that do."""

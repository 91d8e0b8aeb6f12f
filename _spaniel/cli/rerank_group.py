"""`spaniel rerank ...`."""

import click

from .lazy import LazyGroup

__all__ = ["COMMANDS", "rerank"]

COMMANDS: dict[str, tuple[str, str]] = {}


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def rerank() -> None:
    """Put what was found in a better order, and serve models that do."""

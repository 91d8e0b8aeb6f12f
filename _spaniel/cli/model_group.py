"""`spaniel model ...`."""

import click

from .lazy import LazyGroup

__all__ = ["COMMANDS", "model"]

COMMANDS = {
    "export": ("model_export:export", "Write a model as an ONNX graph, without torch."),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def model() -> None:
    """Make ONNX graphs of models."""

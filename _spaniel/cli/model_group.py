"""`spaniel model ...`."""

import click

from .lazy import LazyGroup

__all__ = ["COMMANDS", "model"]

COMMANDS = {
    "info": ("model_info:info", "Say what decides the vectors of a model."),
    "export": ("model_export:export", "Write a model as an ONNX graph, without torch."),
}


@click.group(cls=LazyGroup, commands_at=COMMANDS)
def model() -> None:
    """Look at models, and make ONNX graphs of them."""

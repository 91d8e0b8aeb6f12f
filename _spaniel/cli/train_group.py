"""`spaniel train ...`."""

import click

from .lazy import LazyGroup

__all__ = ["COMMANDS", "train"]

COMMANDS = {
    "dense": ("train_run:dense", "Train an encoder against the index that it will search."),
    "binary": ("train_run:binary", "Train an encoder for vectors of a bit a dimension."),
    "mine": ("train_mine:mine", "Find passages that look like answers and are none."),
}


@click.group(name="train", cls=LazyGroup, commands_at=COMMANDS)
def train() -> None:
    """Train the model of an index on your own questions."""

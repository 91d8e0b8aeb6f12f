"""`spaniel model info`."""

from typing import Any

import click

from .console import Console, printable, with_console
from .dense_options import model_options, open_model

__all__ = ["info"]


@click.command()
@click.argument("model")
@model_options
@with_console
def info(console: Console, model: str, **options: Any) -> None:
    """Say what decides the vectors of a model.

    MODEL is what `--dense` takes. The hash, pooling, prompts and maximal length shown are what an index made with it
    keeps, and what a search compares. `query_sha256` is there where queries have a tower of their own, `codes` where
    training made the signs of passages' vectors their codes.
    """
    with open_model(console, model, options) as encoder:
        card = encoder.card.to_json() | ({"codes": encoder.codes} if encoder.codes is not None else {})
    width = max(map(len, card)) + 2
    console.emit(
        card, "\n".join(printable(f"{name:<{width}}{'-' if value == '' else value}") for name, value in card.items())
    )

"""What `spaniel eval run` and `spaniel eval answers` are told alike."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from .dense_options import query_model_option

__all__ = ["check_above", "check_cache", "common_options"]

Command = TypeVar("Command", bound=Callable[..., Any])

_OPTIONS = [
    click.option("--out", metavar="DIR", help="Folder for figures, everything found, and the report."),
    click.option("--split", metavar="NAME", help="Which judgements of the collection [its usual ones]."),
    click.option("--baseline", metavar="NAME", help="What the others are compared with [the first one]."),
    click.option("--all-pairs", is_flag=True, help="Compare every pair instead."),
    click.option("--index", metavar="INDEX", help="Search this index instead of one made for the collection."),
    query_model_option,
    click.option("--cache", metavar="DIR", help="Where indexes and runs are kept [the user's cache folder]."),
    click.option("--no-cache", is_flag=True, help="Build and run everything anew, and keep none of it."),
    click.option("--offline", is_flag=True, help="Download nothing."),
    click.option(
        "--seed", type=click.IntRange(min=0), metavar="N", default=0, show_default=True, help="Of resampling."
    ),
]


def common_options(command: Command) -> Command:
    """The options on a command, in the order of the list."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def check_cache(options: dict[str, Any]) -> None:
    """Refuse two options that contradict each other."""
    if options["no_cache"] and options["cache"]:
        raise click.UsageError("--cache and --no-cache exclude each other")


def check_above(folder: Path) -> None:
    """Refuse a folder inside a file, before hours of work."""
    above = next((each for each in folder.absolute().parents if each.exists()), None)
    if above is not None and not above.is_dir():
        raise click.BadParameter(f"{str(folder)!r} cannot be made: {str(above)!r} is a file", param_hint="--out")

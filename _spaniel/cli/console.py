"""Where a command's words go: data to stdout, the rest to stderr; and the options that every command has."""

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import click

from .progress import ProgressLine

__all__ = ["Console", "printable", "with_console"]

_NARROWEST = 40  # narrower tables cannot be read


@dataclass(frozen=True)
class Console:
    """What one command run may say, and how."""

    json: bool = False
    quiet: bool = False

    def emit(self, data: Any, text: str | None = None) -> None:
        """The command's data: as one JSON line under `--json`, else as `text` (nothing when it is None or empty)."""
        if self.json:
            click.echo(json.dumps(data, ensure_ascii=False))
        elif text:
            click.echo(text, color=self.color)

    def note(self, text: str) -> None:
        """Something a person may like to know; on stderr, not under `--quiet` or `--json`."""
        if not self.quiet and not self.json:
            click.echo(text, err=True, color=self.color)

    def warn(self, text: str) -> None:
        """Something a person should know; on stderr."""
        if not self.quiet:
            click.echo(f"{click.style('warning:', fg='yellow')} {printable(text)}", err=True, color=self.color)

    def progress(self) -> ProgressLine:
        """A line on stderr that is rewritten in place; silent unless stderr is a terminal."""
        return ProgressLine(sys.stderr, shown=sys.stderr.isatty() and not self.quiet and not self.json)

    @property
    def color(self) -> bool | None:
        """False when the user asked for none (https://no-color.org), else click decides by the terminal."""
        return False if os.environ.get("NO_COLOR") else None

    @property
    def width(self) -> int | None:
        """Characters a line of stdout: `COLUMNS`, else those of the terminal; None where nobody says (a pipe)."""
        said = os.environ.get("COLUMNS", "")
        if said.isascii() and said.isdigit() and int(said):
            return max(int(said), _NARROWEST)
        return max(shutil.get_terminal_size().columns, _NARROWEST) if sys.stdout.isatty() else None

    def fill(self, text: str, indent: int = 0) -> str:
        """The text wrapped to `width`, lines after the first indented; as it is where there is no width."""
        if self.width is None:
            return text
        return textwrap.fill(text, self.width, subsequent_indent=" " * indent)

    @property
    def rich(self) -> bool:
        """A person is looking at stdout."""
        return sys.stdout.isatty() and not self.json


def printable(text: str) -> str:
    """One line without control characters: a document must not be able to steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def with_console(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """Add `--json`, `--quiet` and `--debug`, and pass a `Console` as the first argument."""

    @click.option("--json", "as_json", is_flag=True, help="Data and errors as JSON.")
    @click.option("--quiet", is_flag=True, help="Say nothing but data and errors.")
    @click.option("--debug", is_flag=True, help="Show the traceback of an error.")
    @wraps(command)
    def wrapped(*args: Any, as_json: bool, quiet: bool, debug: bool, **options: Any) -> int | None:
        return command(Console(json=as_json, quiet=quiet), *args, **options)

    return wrapped

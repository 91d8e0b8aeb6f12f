"""Every error as words (or JSON) on stderr, and as an exit code."""

import errno
import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import NamedTuple

import click

from spaniel.retrieval.errors import SpanielError

__all__ = ["Failure", "describe", "report"]

INTERRUPTED = 130
_RESUMABLE = {("index", "build"), ("index", "add"), ("index", "add-dense"), ("eval", "run"), ("train", "mine")}
_RESUMED = {("train", "dense"), ("train", "binary")}


class Failure(NamedTuple):
    """What is said about an error."""

    type: str
    message: str
    hint: str
    code: int


def describe(error: BaseException) -> Failure:
    """Type, message and hint of an error, and the exit code it means."""
    if isinstance(error, click.Abort) and isinstance(error.__cause__, EOFError):
        error = error.__cause__  # click takes the end of any file for that of the terminal
    name = type(error).__name__
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return Failure("Interrupted", "interrupted", "", INTERRUPTED)
    if isinstance(error, SpanielError):
        return Failure(name, str(error), error.hint, 2)
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        hint = f"see `{context.command_path} --help`" if context else ""
        return Failure(name, error.format_message().rstrip("."), hint, 2)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename is not None else ""
        return Failure(name, f"{where}{error.strerror}", _who_may(error), 2)
    if isinstance(error, MemoryError):
        return Failure(name, "out of memory", "a smaller --memory makes a build use less", 2)
    return Failure(
        name, f"internal error: {name}: {error}", "this is a defect of spaniel; --debug shows where it happened", 2
    )


def _who_may(error: OSError) -> str:
    """What to do where something may not be read or written."""
    if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ""
    if str(error.filename).endswith("/write.lock"):
        return "searching needs no writing, changing does: make the index's folder writable, or copy it to one that is"
    return "check who may read and write there"


def report(error: BaseException, arguments: Sequence[str]) -> int:
    """Write the error to stderr as `arguments` ask (`--json`, `--debug`); return the exit code."""
    if isinstance(error, BrokenPipeError):
        return _reader_has_gone()
    options = set(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    failure = describe(error)
    if failure.code == INTERRUPTED and tuple(arguments[:2]) in _RESUMABLE and "--no-cache" not in options:
        failure = failure._replace(hint="the same command goes on where this one stopped")
    if failure.code == INTERRUPTED and tuple(arguments[:2]) in _RESUMED:
        failure = failure._replace(hint="the same command with --resume goes on where this one stopped")
    if "--debug" in options:
        traceback.print_exception(error, file=sys.stderr)
    if "--json" in options:
        said = {"type": failure.type, "message": failure.message, "hint": failure.hint}
        click.echo(json.dumps({"error": said}, ensure_ascii=False), err=True)
    else:
        color = False if "NO_COLOR" in os.environ else None
        click.echo(f"{click.style('error:', fg='red', bold=True)} {failure.message}", err=True, color=color)
        if failure.hint:
            click.echo(f"{click.style('hint:', fg='cyan')} {failure.hint}", err=True, color=color)
    return failure.code


def _reader_has_gone() -> int:
    """`spaniel ... | head` has read enough: nothing went wrong, and Python must not complain when it flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0

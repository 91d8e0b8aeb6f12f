"""Command line of Spaniel.

Contract: data on stdout, progress and warnings on stderr; `--json` on every command; exit codes 0 (done),
1 (nothing found, verify or gate failed), 2 (usage or input error), 130 (interrupted).

Commands are imported when they are run, so that `spaniel --help` stays fast.
"""

import os
import sys
from collections.abc import Sequence

import click

from .failures import report
from .lazy import LazyGroup

__all__ = ["cli", "main"]

COMMANDS = {
    "index": ("index_group:index", "Build an index and look after it."),
    "search": ("search:search", "Search an index: one question, or a file of them."),
    "ask": ("ask:ask", "Answer a question from an index, with citations that hold."),
    "encode": ("encode:encode", "Encode texts as vectors."),
    "model": ("model_group:model", "Look at models, and make ONNX graphs of them."),
    "rerank": ("rerank_group:rerank", "Put what was found in a better order, and serve models that do."),
    "eval": ("eval_group:evaluate", "Measure how good and how fast a search is, and compare."),
    "train": ("train_group:train", "Train the model of an index on your own questions."),
    "demo": ("demo:demo", "Index the documentation inside the Python installation, search it and ask it."),
    "doctor": ("doctor:doctor", "Say what is installed and what this machine can do."),
    "completion": ("completion:completion", "Print a script that completes commands in your shell."),
}

_EPILOG = "Start with `spaniel demo`, or `spaniel index build FOLDER kb` and `spaniel search kb 'a question'`."


@click.group(
    cls=LazyGroup, commands_at=COMMANDS, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="spaniel", message="%(prog)s %(version)s")
def cli() -> None:
    """Exact and fast retrieval over your own documents."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    _open_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = cli.main(words, prog_name="spaniel", standalone_mode=False, obj=words)
        sys.stdout.flush()
    except SystemExit:  # no command raises it; click does, with 1, when nobody reads stdout any more
        code = report(BrokenPipeError(), words)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place where every error becomes a message
        code = report(error, words)
    sys.exit(code if isinstance(code, int) else 0)


def _open_streams() -> None:
    """Streams that the caller closed (`>&-`) lead nowhere; else a file of an index could get their number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)
        setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8"))

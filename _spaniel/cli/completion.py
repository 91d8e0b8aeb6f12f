"""`spaniel completion`: a script for the user's shell."""

import click
from click.shell_completion import get_completion_class

from .console import Console, with_console

__all__ = ["completion"]

_HOW = {
    "bash": 'eval "$(spaniel completion bash)"        # in ~/.bashrc',
    "zsh": 'eval "$(spaniel completion zsh)"         # in ~/.zshrc',
    "fish": "spaniel completion fish | source          # in ~/.config/fish/config.fish",
}


@click.command(epilog="\b\n" + "\n".join(_HOW.values()))
@click.argument("shell", type=click.Choice(list(_HOW)))
@with_console
def completion(console: Console, shell: str) -> None:
    """Print a script that completes commands in your shell."""
    from . import cli

    found = get_completion_class(shell)
    assert found is not None  # click ships these three
    script = found(cli, {}, "spaniel", "_SPANIEL_COMPLETE")
    # Not .source(): for bash it starts a bash to ask for its version, which may not be the user's.
    text = script.source_template % script.source_vars()
    console.emit({"shell": shell, "script": text}, text)

"""Write the commands' part of docs/cli.md from the commands themselves; a test compares the two.

python tools/cli_docs.py
"""

from collections.abc import Iterator
from pathlib import Path

import click

from spaniel.cli import cli

__all__ = ["PAGE", "page", "walk"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"

_MARK = "<!-- commands: written by tools/cli_docs.py -->\n"
_EVERYWHERE = {"as_json", "quiet", "debug", "help"}


def walk(command: click.Command, path: str = "spaniel") -> Iterator[tuple[str, click.Command]]:
    """Every command below one, itself included, with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from walk(child, f"{path} {name}")


def page(before: str) -> str:
    """The page with what stands below the mark made anew."""
    parts = [_section(path, command) for path, command in walk(cli) if not isinstance(command, click.Group)]
    return "\n".join([before.partition(_MARK)[0] + _MARK, *parts])


def _section(path: str, command: click.Command) -> str:
    words = [param.metavar or param.human_readable_name.upper() for param in command.params if not _is_option(param)]
    lines = [f"## `{path}`", "", "```", " ".join([path, *words, "[OPTIONS]"]), "```", ""]
    lines += [" ".join(block.split()) + "\n" for block in (command.help or "").split("\n\n")]
    options = [param for param in command.params if _is_option(param) and param.name not in _EVERYWHERE]
    if options:
        lines += ["| option | |", "|---|---|", *(_row(option) for option in options), ""]
    return "\n".join(lines)


def _is_option(param: click.Parameter) -> bool:
    return isinstance(param, click.Option)


def _row(option: click.Parameter) -> str:
    assert isinstance(option, click.Option)
    value = "" if option.is_flag else f" {option.metavar or _choices(option)}".replace("|", "\\|")
    shown = option.show_default if isinstance(option.show_default, str) else option.default
    default = f" [{shown}]" if option.show_default and option.default is not None else ""
    return f"| `{'`, `'.join(option.opts)}{value}` | {option.help or ''}{default} |".replace("  ", " ")


def _choices(option: click.Option) -> str:
    return "|".join(option.type.choices) if isinstance(option.type, click.Choice) else "N"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

"""A click group that imports a command when it is run, not when help lists it."""

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

import click

__all__ = ["LazyGroup"]


class LazyGroup(click.Group):
    """A group of commands known by `module:attribute` of this package and by the help line that lists them."""

    def __init__(self, *args: Any, commands_at: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order they were given, which is the order one meets them."""
        return list(self.commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, imported now; None when there is none of this name."""
        if cmd_name not in self.commands_at:
            return None
        module, _, attribute = self.commands_at[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"spaniel.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, but a word that is no command gets the nearest one named."""
        name = args[0]
        if name not in self.commands_at and not name.startswith("-"):
            near = difflib.get_close_matches(name, self.commands_at, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(self.commands_at)}"
            raise click.UsageError(f"no command {name!r}{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in self.commands_at.items()])

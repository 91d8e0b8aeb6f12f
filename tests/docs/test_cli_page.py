"""The page of the command line says what the commands say."""

import importlib.util
from pathlib import Path
from types import ModuleType

import click
import pytest

from spaniel.cli import COMMANDS, cli
from spaniel.cli.eval_group import COMMANDS as EVAL_COMMANDS
from spaniel.cli.index_group import COMMANDS as INDEX_COMMANDS
from spaniel.cli.model_group import COMMANDS as MODEL_COMMANDS
from spaniel.cli.rerank_group import COMMANDS as RERANK_COMMANDS
from spaniel.cli.train_group import COMMANDS as TRAIN_COMMANDS

ROOT = Path(__file__).resolve().parents[2]


def load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cli_docs", ROOT / "tools" / "cli_docs.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


TOOL = load_tool()
ALL = dict(TOOL.walk(cli))


def test_page_is_up_to_date() -> None:
    written = TOOL.PAGE.read_text(encoding="utf-8")
    assert TOOL.page(written) == written, "run: python tools/cli_docs.py"


@pytest.mark.parametrize("path", ALL)
def test_every_command_has_help_and_stands_in_the_docs(path: str) -> None:
    command = ALL[path]
    assert command.help
    assert command.help.splitlines()[0].endswith((".", ":"))
    if not isinstance(command, click.Group):
        assert f"## `{path}`" in TOOL.PAGE.read_text(encoding="utf-8")
        names = {name for param in command.params for name in param.opts}
        assert {"--json", "--quiet", "--debug"} <= names
        for param in command.params:
            if isinstance(param, click.Option):
                assert param.help, f"{path} {param.opts}"


@pytest.mark.parametrize("path", ALL)
def test_lists_say_what_the_commands_say(path: str) -> None:
    """The line by which a group lists a command is the first paragraph of the command's own help."""
    words = path.split()[1:]
    if words:
        groups = {"index": INDEX_COMMANDS, "eval": EVAL_COMMANDS, "model": MODEL_COMMANDS, "rerank": RERANK_COMMANDS}
        groups["train"] = TRAIN_COMMANDS
        group = groups[words[0]] if len(words) > 1 else COMMANDS
        listed = group[words[-1]][1]
        first = " ".join((ALL[path].help or "").split("\n\n")[0].split())
        assert first == listed

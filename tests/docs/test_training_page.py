"""The page of training names every setting, and every method."""

from dataclasses import fields
from pathlib import Path

from spaniel.training.settings import DEFAULTS, TrainSettings
from spaniel.training.table import METHODS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "training.md").read_text(encoding="utf-8")


def test_every_setting_stands_in_the_table() -> None:
    rows = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    missing = [each.name for each in fields(TrainSettings) if each.name != "method" and f"`{each.name}`" not in rows]
    assert missing == []
    assert [name for name in METHODS if f"| `{name}`" not in PAGE] == []


def test_the_defaults_are_those_of_the_methods() -> None:
    for method, defaults in DEFAULTS.items():
        said = ", ".join(f"{name} {value}" for name, value in defaults.items())
        assert f"- `{method}`: {said}\n" in PAGE

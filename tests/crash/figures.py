"""Figures for docs/reliability.md: with SPANIEL_FIGURES=FILE each proof adds one line of JSON to that file."""

import json
import os
from pathlib import Path

__all__ = ["record"]


def record(proof: str, **figures: int | float | str) -> None:
    """Add a line `{"proof": ..., figure: value, ...}`; without the variable, do nothing."""
    if target := os.environ.get("SPANIEL_FIGURES"):
        with Path(target).open("a") as lines:
            lines.write(json.dumps({"proof": proof, **figures}) + "\n")

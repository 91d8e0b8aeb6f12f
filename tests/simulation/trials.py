"""How the simulations are run: few trials in `make test`, many in `make simulate`, which prints tables."""

import math
import sys
from collections.abc import Sequence

import pytest

__all__ = ["at_least", "near", "row", "trials"]

FULL = 4000


def trials(small: int, full: int = FULL) -> pytest.MarkDecorator:
    """Run a test with few and with many trials."""
    return pytest.mark.parametrize(
        "n_trials", [pytest.param(small, id="few"), pytest.param(full, id="many", marks=pytest.mark.simulation)]
    )


def row(n_trials: int, cells: Sequence[object]) -> None:
    """Print a row of a table, when this is the full simulation."""
    if n_trials >= FULL // 4:
        texts = [f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in cells]
        sys.stdout.write("| " + " | ".join(texts) + " |\n")


def near(share: float, expected: float, n_trials: int, *, slack: float = 0.0) -> bool:
    """Whether a share of trials is what chance (4.5 standard errors) and `slack` make of the expected one."""
    error = math.sqrt(max(expected * (1 - expected), 0.01) / n_trials)
    return abs(share - expected) <= slack + 4.5 * error


def at_least(share: float, expected: float, n_trials: int) -> bool:
    """Whether a share is no less than the expected one but by chance."""
    return share >= expected or near(share, expected, n_trials)

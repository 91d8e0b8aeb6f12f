"""`spaniel rerank serve`: what its options may be. That it serves: tests/rerank/serve/test_serving.py."""

from collections.abc import Callable
from typing import Any

import pytest

NUMBERS = [
    "--max-body-mb",
    "--timeout-s",
    "--drain-s",
    "--threads",
    "--max-length",
    "--max-documents",
    "--batch-tokens",
]


@pytest.mark.parametrize("option", [*NUMBERS, "--queue-tokens", "--port"])
@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "-1", "9" * 400])
def test_numbers_that_cannot_be(spaniel: Callable[..., Any], option: str, value: str, tmp_path: Any) -> None:
    done = spaniel("rerank", "serve", "--model", tmp_path / "none", "--port", 0, option, value, "--json")
    assert done.code == 2
    assert "internal" not in done.err

"""The page of the losses runs as it is written, and so do the examples in their docstrings."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "training-losses.md"
MODULES = ["pairs", "relevance", "star", "lambda_rank", "codes", "in_batch", "bpr", "sentence_transformers"]


def test_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    exec(compile(blocks[0], str(PAGE), "exec"), {})
    assert "tensor" in capsys.readouterr().out


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    module = importlib.import_module(f"spaniel.training.losses.{name}")
    assert doctest.testmod(module).failed == 0


def test_every_public_loss_stands_on_the_page() -> None:
    from spaniel.training import losses

    text = PAGE.read_text(encoding="utf-8")
    missing = [name for name in losses.__all__ if f"`{name}" not in text and name not in ("BprParts", "ranks_of")]
    assert not missing

"""Every command of docs/improve-search.md runs as it stands there, in its order; world and model are small."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.small_model import small_bert
from contracts.trainable import trainable_collection

pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("sentence_transformers", reason="the extra train is not installed")

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "improve-search.md").read_text(encoding="utf-8")
OURS = {"minilm": "start", "docs/": "my-collection"}
"""What the page names and we have under another name."""
SMALL = {"eval run": ["--timing", "0"], "train dense": ["--learning-rate", "0.003", "--batch", "16"]}


def commands() -> list[list[str]]:
    blocks = re.findall(r"^```text\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("spaniel ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def test_every_command_of_the_guide_runs(
    spaniel: Callable[..., Any], cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small_bert(tmp_path / "start")
    trainable_collection(tmp_path / "my-collection")
    assert len(commands()) == 9
    for words in commands():
        done = spaniel(*[OURS.get(word, word) for word in words], *SMALL.get(" ".join(words[:2]), []))
        assert done.code == 0, (words, done.err)
    assert (tmp_path / "after" / "results.json").is_file()

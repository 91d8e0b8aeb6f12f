"""Running commands in this process, and a small index to run them on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from contracts.toy_encoder import ToyEncoder, ToyTowers

from spaniel.cli import main
from spaniel.models.card import ModelCard
from spaniel.models.encoders import open as opening

RECORDS: list[dict[str, Any]] = [
    {"_id": "keys", "title": "Key policy", "text": "Rotate every key once a year.", "year": 2024},
    {"_id": "dogs", "title": "Office dogs", "text": "Dogs may come to the office.", "year": 2023},
    {"_id": "cats", "title": "Office cats", "text": "Cats may not come, dogs may.", "year": 2024},
    {"_id": "esc", "title": "Escape", "text": "A hostile \x1b[31m text\u202e with dogs.", "year": 2020},
]


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """stdout as JSON."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """stderr as the JSON of an error."""
        return json.loads(self.err)["error"]


@pytest.fixture
def spaniel(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command; returns how it ended."""

    def run(*words: object) -> Ran:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ran(ended.value.code, out, err)

    return run


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the cache, the test's own; not made yet."""
    monkeypatch.setenv("SPANIEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Four records."""
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in RECORDS), encoding="utf-8")
    return path


@pytest.fixture
def kb(source: Path, tmp_path: Path, spaniel: Callable[..., Ran]) -> Path:
    """Their index."""
    path = tmp_path / "kb"
    assert spaniel("index", "build", source, path).code == 0
    return path


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Every model is a toy: `toy-7` is seed 7, without a number 1; `out-7` has the passages of `toy-1` and asks as
    seed 7. What was opened, and how, in order."""
    opened = []

    def open_encoder(model: str | ModelCard, **options: Any) -> ToyEncoder:
        source = model.source if isinstance(model, ModelCard) else str(model)
        opened.append({"model": source, **options})
        kind, _, made_with = source.rpartition("/")[2].partition("-")
        if kind == "out":
            return ToyTowers(int(made_with), seed=1)
        return ToyEncoder(seed=int(made_with) if made_with.isdigit() else 1)

    monkeypatch.setattr(opening, "open_encoder", open_encoder)
    return opened


@pytest.fixture
def hybrid(source: Path, tmp_path: Path, spaniel: Callable[..., Ran], models: list[dict[str, Any]]) -> Path:
    """The four records, with vectors."""
    path = tmp_path / "hybrid"
    assert spaniel("index", "build", source, path, "--dense", "toy-1", "--store", "float32").code == 0
    return path

"""`spaniel model ...`: what the commands pass on, say and refuse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.toy_encoder import ToyEncoder

from spaniel.models.graph.export import Exported

Run = Callable[..., Any]


@pytest.fixture
def exports(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What `export` was called with; it writes a graph of three bytes."""
    calls = []

    def export(directory: Path, out: Path, *, on_progress: Callable[[str], None], **options: Any) -> Exported:
        calls.append({"directory": directory, "out": out, **options})
        on_progress("building")
        out.mkdir()
        (out / "model.onnx").write_bytes(b"abc")
        return Exported(out, {"dimension": 8})

    monkeypatch.setattr("spaniel.models.graph.export.export", export)
    return calls


def test_export_writes_beside_the_model(spaniel: Run, tmp_path: Path, exports: list[dict[str, Any]]) -> None:
    (tmp_path / "m").mkdir()
    done = spaniel("model", "export", f"{tmp_path / 'm'}/", "--json")
    assert done.code == 0
    assert exports == [{"directory": tmp_path / "m", "out": tmp_path / "m-onnx"}]
    assert done.data["path"] == str(tmp_path / "m-onnx")
    assert done.data["graphs"] == {"model.onnx": 3}
    assert done.data["manifest"] == {"dimension": 8}


def test_export_takes_a_place_and_a_pooling(spaniel: Run, tmp_path: Path, exports: list[dict[str, Any]]) -> None:
    (tmp_path / "m").mkdir()
    done = spaniel("model", "export", tmp_path / "m", tmp_path / "out", "--pooling", "cls")
    assert exports == [{"directory": tmp_path / "m", "out": tmp_path / "out", "pooling": "cls"}]
    assert f"{tmp_path / 'out'}: model.onnx 3 B" in done.out


def test_export_takes_a_known_name(
    spaniel: Run, tmp_path: Path, exports: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from spaniel.models import hub

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(hub, "locate", lambda name, **options: hub.Located(name, name, tmp_path / "cached"))
    done = spaniel("model", "export", "minilm", "--json")
    assert exports == [{"directory": tmp_path / "cached", "out": Path("minilm-onnx")}]
    assert done.data["path"] == "minilm-onnx"


def test_info_shows_the_card(spaniel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def open_encoder(model: str, **options: Any) -> ToyEncoder:
        asked.update(model=model, **options)
        return ToyEncoder()

    monkeypatch.setattr("spaniel.models.encoders.open.open_encoder", open_encoder)
    done = spaniel("model", "info", "toy", "--passage-prompt", "p: ", "--json")
    assert done.data == ToyEncoder().card.to_json()
    assert (asked["model"], asked["passage_prompt"]) == ("toy", "p: ")
    assert "dimension       32\n" in spaniel("model", "info", "toy").out
    monkeypatch.setattr(ToyEncoder, "codes", "sign")
    assert spaniel("model", "info", "toy", "--json").data == ToyEncoder().card.to_json() | {"codes": "sign"}


def test_what_is_no_model_is_named(spaniel: Run, tmp_path: Path) -> None:
    done = spaniel("model", "export", tmp_path, "--json")
    assert done.code == 2
    assert done.error["type"] == "ModelError"
    assert "config.json" in done.error["message"]
    assert not (tmp_path.parent / f"{tmp_path.name}-onnx").exists()

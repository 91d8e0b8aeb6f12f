"""`spaniel rerank export`: a small cross-encoder, with and without int8 and judgements."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.cross_encoder import small_cross_encoder
from contracts.small_collection import write

from spaniel.models.graph import file

pytest.importorskip("onnxruntime")

Run = Callable[..., Any]


def test_fp32_beside_the_model(spaniel: Run, tmp_path: Path) -> None:
    folder = small_cross_encoder(tmp_path / "m")
    done = spaniel("rerank", "export", folder, "--json")
    assert done.code == 0
    assert done.data["path"] == str(tmp_path / "m-onnx")
    assert list(done.data["graphs"]) == ["model.onnx"]
    assert done.data["manifest"]["head"] == "classify"


def test_a_model_that_is_none(spaniel: Run, tmp_path: Path) -> None:
    done = spaniel("rerank", "export", tmp_path / "none", tmp_path / "out", "--json")
    assert done.code == 2
    assert "hub format" in done.error["hint"]
    assert "minilm" not in done.error["hint"]  # an encoder, which cannot rerank


def test_weights_in_a_file_of_their_own_are_told(spaniel: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "MAX_GRAPH_BYTES", 9000)
    folder = small_cross_encoder(tmp_path / "m")
    for command in (("rerank", "export"), ("model", "export", "--head", "classify")):
        done = spaniel(*command, folder, tmp_path / command[0], "--json")
        assert list(done.data["graphs"]) == ["model.onnx", "model.onnx.data"]


def test_int8_checked_by_a_collection(spaniel: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANIEL_CACHE", str(tmp_path / "cache"))
    folder, collection = small_cross_encoder(tmp_path / "m"), write(tmp_path / "c")
    out = tmp_path / "out"
    done = spaniel("rerank", "export", folder, out, "--int8", "--check", collection, "--max-length", "30")
    assert done.code == 0
    assert "int8 to fp32: correlation 0.99" in done.out and "over 3 judged queries" in done.out
    manifest = json.loads((out / "spaniel.json").read_text("utf-8"))
    assert manifest["parity"]["judged"]["queries"] == 3 and manifest["max_length"] == 30


def test_a_check_of_nothing_is_refused(spaniel: Run, tmp_path: Path) -> None:
    done = spaniel("rerank", "export", tmp_path, "--check", "scifact")
    assert done.code == 2 and "--int8" in done.err


def test_names_that_are_none(spaniel: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = spaniel("rerank", "export", "", "d1")
    assert done.code == 2 and "MODEL is empty" in done.err
    monkeypatch.chdir(small_cross_encoder(tmp_path / "m"))
    assert spaniel("rerank", "export", ".", "--json").data["path"] == str(tmp_path / "m-onnx")

"""Cached work is not served to other code than that which made it."""

import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.small_collection import write

from spaniel.eval import card, fingerprint, outcome
from spaniel.eval.collections import collection
from spaniel.eval.evaluation import evaluate
from spaniel.eval.outcome import System
from spaniel.index.build import build
from spaniel.rag.pipelines import indexes
from spaniel.rag.pipelines.spec import IndexSpec


def test_versions_name_what_can_change_a_result() -> None:
    found = card.versions()
    assert (found["numpy"], found["spaniel"]) == (np.__version__, version("spaniel"))
    assert found["PyStemmer"] == version("PyStemmer") and found["sources"] == fingerprint.code_fingerprint()


@pytest.mark.parametrize("ask", [card.versions, card.machine])
def test_who_adds_to_what_was_told_changes_nothing_for_others(ask: Callable[[], dict[str, Any]]) -> None:
    before = ask()
    ask()["torch"] = "2.0"
    assert ask() == before and "torch" not in before


@pytest.mark.parametrize("name", ["spaniel", "numpy", "PyStemmer", "python", "sources"])
def test_a_run_of_other_versions_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    small = collection(write(tmp_path / "small"))

    def resumed() -> Any:
        with build(small.path, tmp_path / "kb", overwrite=True) as kb:
            system = System(kb.bm25(), {"b": 0.4}, index={"identity": "same"})
            done = evaluate({"x": system}, small, ["RR@10"], timing_s=0, cache=tmp_path / "cache")
            executed = done.outcomes[0].executed
            return executed.n_resumed if executed else None

    assert [resumed(), resumed()] == [0, 4]
    monkeypatch.setattr(outcome, "versions", lambda: {**card.versions(), name: "another"})
    assert resumed() == 0


def test_an_index_of_other_code_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = collection(write(tmp_path / "small"))

    def identity() -> str:
        built = indexes.cached_index(small, IndexSpec(), cache=tmp_path / "cache")
        built.index.close()
        return built.identity

    first = identity()
    assert identity() == first
    monkeypatch.setattr(indexes, "code_fingerprint", lambda *folders: "another")
    second = identity()
    monkeypatch.setattr("Stemmer.version", lambda: "another")
    assert len({first, second, identity()}) == 3


def test_it_follows_the_content_of_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.py", "b.so", "c.cpp"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(fingerprint, "_editable", lambda: True)
    monkeypatch.setattr(fingerprint, "_folder_places", lambda name: [tmp_path])
    asked = fingerprint.code_fingerprint.__wrapped__
    first = asked("index")
    assert first == asked("index") and len(first) == 16
    (tmp_path / "c.cpp").write_text("no part of what runs")
    assert asked("index") == first
    (tmp_path / "b.so").write_text("rebuilt")
    second = asked("index")
    (tmp_path / "b.so").rename(tmp_path / "d.so")
    assert len({first, second, asked("index")}) == 3
    monkeypatch.setattr(fingerprint, "_editable", lambda: False)
    assert asked("index") is None


def test_it_is_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_editable", lambda: True)
    asked = fingerprint.code_fingerprint.__wrapped__
    asked()
    start = time.perf_counter()
    asked()
    assert time.perf_counter() - start < 0.5  # some 20 ms on an idle machine
    assert {file.suffix for file in fingerprint._files("index")} >= {".py", ".so"}

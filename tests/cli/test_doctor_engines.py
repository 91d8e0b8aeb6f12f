"""What `spaniel doctor` finds out about faiss and onnxruntime."""

import importlib.metadata as metadata
import importlib.util
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from spaniel.cli import doctor_engines
from spaniel.cli.doctor_engines import CLASHES, engines, found_clashes

Run = Callable[..., Any]


def test_clashes_are_named_with_the_remedy() -> None:
    assert found_clashes({"onnxruntime", "numpy", "faiss-cpu"}) == []
    (clash,) = found_clashes({"onnxruntime", "onnxruntime-gpu"})
    assert "onnxruntime and onnxruntime-gpu both install" in clash
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in clash
    assert "spaniel[cpu]" in clash
    assert len(found_clashes({"onnxruntime", "onnxruntime-gpu", "faiss-cpu", "faiss-gpu"})) == 2


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Callable[..., set[str]]:
    """Make distributions and modules that are not there, or break those that are."""

    def make(**modules: object) -> set[str]:
        for name in CLASHES:
            monkeypatch.setitem(sys.modules, name, modules.get(name))
        monkeypatch.setattr(metadata, "version", lambda name: "1.0")
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        return {CLASHES[name][0] for name in modules}

    return make


def test_what_is_missing_is_none(pretend: Callable[..., set[str]]) -> None:
    assert engines(pretend()) == ({"faiss": None, "onnxruntime": None}, [])


def test_what_is_there_says_what_it_can(pretend: Callable[..., set[str]]) -> None:
    there = pretend(
        faiss=SimpleNamespace(get_num_gpus=lambda: 2),
        onnxruntime=SimpleNamespace(get_available_providers=lambda: ["CPUExecutionProvider"]),
    )
    found, problems = engines(there)
    assert problems == []
    assert found["faiss"] == {"distribution": "faiss-cpu", "version": "1.0", "gpus": 2}
    assert found["onnxruntime"]["providers"] == ["CPUExecutionProvider"]


def test_what_does_not_load_is_a_problem(pretend: Callable[..., set[str]]) -> None:
    """As after `pip uninstall onnxruntime-gpu` beside onnxruntime: the distribution is there, its files are not."""
    there = pretend(faiss=SimpleNamespace(), onnxruntime=SimpleNamespace())
    found, [problem] = engines(there)
    assert found["faiss"]["gpus"] == 0
    assert found["onnxruntime"]["distribution"] == "onnxruntime"
    assert "onnxruntime is installed but onnxruntime cannot be used" in problem
    assert "pip install --force-reinstall onnxruntime" in problem


def test_doctor_shows_them(spaniel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    about = {"distribution": "onnxruntime-gpu", "version": "1.31", "providers": ["CUDAExecutionProvider"]}
    told = ({"faiss": None, "onnxruntime": about}, ["it is broken"])
    monkeypatch.setattr("spaniel.cli.doctor.engines", lambda there: told)
    done = spaniel("doctor")
    assert done.code == 1
    assert "onnxruntime   onnxruntime-gpu 1.31, CUDA\n" in done.out
    assert "faiss         not installed: pip install 'spaniel[cpu]'" in done.out
    assert "problem       it is broken" in done.out
    assert spaniel("doctor", "--json").data["engines"]["onnxruntime"] == about


def test_nobody_is_told_to_install_what_clashes(spaniel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    extras: dict[str, dict[str, str | None]] = {"cpu": {"faiss-cpu": "1.15"}, "gpu": {"faiss-gpu": None}}
    monkeypatch.setattr("spaniel.cli.doctor._extras", lambda: extras)
    assert "[gpu]         not installed, as it should be: [cpu] is" in spaniel("doctor").out
    extras["cpu"]["faiss-cpu"] = None
    assert "pip install 'spaniel[gpu]'" in spaniel("doctor").out


def test_this_machine_is_whole() -> None:
    found, problems = engines(doctor_engines.installed())
    assert problems == []
    assert set(found) == set(CLASHES)

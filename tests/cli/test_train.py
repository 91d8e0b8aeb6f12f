"""`spaniel train dense|binary`: what is refused before anything is done, dry runs, training, and going on."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.small_model import small_bert
from contracts.trainable import trainable_collection, trainable_questions

pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("sentence_transformers", reason="the extra train is not installed")

from spaniel.cli import train_run
from spaniel.cli.train_options import dev_of, pairs_of
from spaniel.cli.train_progress import Telling
from spaniel.training.table import METHODS

Run = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return trainable_collection(tmp_path / "words")


@pytest.fixture
def start(tmp_path: Path, cache: Path) -> Path:
    return small_bert(tmp_path / "start")


def built(spaniel: Run, folder: Path, start: Path, path: Path, store: str = "float32") -> Path:
    done = spaniel("index", "build", folder, path, "--dense", start, "--store", store)
    assert done.code == 0, done.err
    return path


@pytest.fixture
def kb(spaniel: Run, folder: Path, start: Path, tmp_path: Path) -> Path:
    return built(spaniel, folder, start, tmp_path / "kb")


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_methods_are_those_of_the_library() -> None:
    for names, trains in ((train_run.DENSE, "dense"), (train_run.BINARY, "binary")):
        assert set(names) == {name for name, entry in METHODS.items() if trains in entry.trains}


def test_pairs_and_dev() -> None:
    assert pairs_of(("a",), ("x", "y")) == [("a", "x"), ("a", "y")]
    assert pairs_of(("a", "b"), ("x", "y")) == [("a", "x"), ("b", "y")]
    assert [dev_of(text) for text in (None, "0.2", "100", "valid")] == [None, 0.2, 100, "valid"]


def test_what_is_refused_before_anything_is_opened(
    spaniel: Run, kb: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*_: object, **__: object) -> None:
        raise AssertionError("nothing may be opened")

    monkeypatch.setattr("spaniel.training.job.open_method", opened)
    out = tmp_path / "out"
    plain = tmp_path / "plain"
    assert spaniel("index", "build", folder, plain).code == 0
    usual = {"--index": kb, "--train": folder, "--out": out}
    for given, said in [
        ({"--index": tmp_path / "none"}, "no index at"),
        ({"--train": tmp_path / "none"}, "none"),
        ({"--out": kb / "model"}, "lies in the index"),
        ({"--out": folder}, "no trained model"),
        ({"--index": plain}, "holds no vectors"),
        ({"--vectors": "other"}, "no vectors called 'other'"),
        ({"--set": "wieght=ndcg"}, "no such setting"),
        ({"--set": "weight"}, "not NAME=VALUE"),
        ({"--set": "epochs=2", "--epochs": 3}, "set twice"),
        ({"--set": "margin=2"}, "means nothing to adore"),
        ({"--learning-rate": "nan"}, "nan"),
        ({"--dev": "nosuch"}, "nosuch"),
        ({"--device": "nonsense"}, "nonsense"),
        ({"--method": "bpr"}, "'bpr' is not one of"),
    ]:
        words = [str(word) for pair in {**usual, **given}.items() for word in pair]
        done = spaniel("train", "dense", *words, "--json")
        assert done.code == 2, done
        assert said in done.error["message"], done.err
        assert done.out == ""
    done = spaniel("train", "binary", "--index", kb, "--train", folder, "--out", out)
    assert done.code == 2 and "float32, not binary" in done.err
    done = spaniel("train", "dense", "--index", kb, "--index", kb, "--train", folder, "--out", out)
    assert done.code == 2 and "an index for each collection" in done.err
    assert not out.exists() and not out.with_name("out.training").exists()


def test_without_the_extra(
    spaniel: Run, kb: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spaniel.training.table.is_there", lambda module: module != "torch")
    done = spaniel("train", "dense", "--index", kb, "--train", folder, "--out", tmp_path / "out", "--json")
    assert done.code == 2
    assert "spaniel[train]" in done.error["hint"]


def test_a_dry_run_counts_and_estimates(spaniel: Run, kb: Path, folder: Path, tmp_path: Path) -> None:
    words = [
        "train",
        "dense",
        "--index",
        kb,
        "--train",
        folder,
        "--out",
        tmp_path / "out",
        "--epochs",
        2,
        "--batch",
        16,
    ]
    done = spaniel(*words, "--dry-run", "--json")
    assert done.code == 0, done.err
    assert done.data["steps"] == 6 and done.data["evaluations"] == 4
    assert (done.data["sets"]["words"]["train"], done.data["sets"]["words"]["dev"]) == (48, 16)
    assert done.data["seconds"]["total"] >= 0 and done.data["parameters"] > 1000
    assert "48 questions to learn from, 16 held out" in spaniel(*words, "--dry-run").out
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.training").exists()


@pytest.mark.parametrize("store", ["float32", "binary"])
def test_training_and_searching(spaniel: Run, folder: Path, start: Path, tmp_path: Path, store: str) -> None:
    kb, out = built(spaniel, folder, start, tmp_path / "kb", store), tmp_path / "out"
    before = files_of(kb)
    trains = "binary" if store == "binary" else "dense"
    words = ["train", trains, "--index", kb, "--train", folder, "--out", out, "--learning-rate", 1e-3, "--epochs", 3]
    words += ["--blend", 0.9]
    done = spaniel(*words, "--batch", 16, "--json")
    assert done.code == (0 if done.data["gained"] else 1), done.err
    assert done.data["gained"], done.data
    one = done.data["dev"]["words"]
    assert one["after"] > one["before"] and one["n"] == 16 and one["low"] <= one["difference"] <= one["high"]
    assert Path(done.data["path"]) == out and done.data["seconds"] > 0
    card = json.loads((out / "training" / "run.json").read_text())
    assert done.data["blend"] == card["settings"]["blend"] == card["outcome"]["blend"] == 0.9
    assert '"kind": "blend"' in (out / "training" / "curve.jsonl").read_text()
    assert "0.9 of the way from the start to it" in (out / "training" / "report.html").read_text()
    assert files_of(kb) == before
    assert not out.with_name("out.training").exists()
    for name in ("modules.json", "spaniel.json", "training/run.json", "training/curve.jsonl", "training/report.html"):
        assert (out / name).is_file(), name
    found = spaniel("search", kb, "w1 w2", "--retriever", "dense", "--query-model", out, "--json")
    assert found.code == 0 and len(found.data["hits"]) == 10, found.err
    refused = spaniel(*words)
    assert refused.code == 2 and "--overwrite" in refused.err
    again = spaniel(*words, "--batch", 16, "--overwrite", "--json")
    assert again.data["dev"] == done.data["dev"]


@pytest.mark.parametrize("method", ["star", "in-batch", "bpr"])
def test_methods_whose_index_is_made_anew(spaniel: Run, kb: Path, folder: Path, tmp_path: Path, method: str) -> None:
    out, trains = tmp_path / "out", "binary" if method == "bpr" else "dense"
    words = ["train", trains, "--index", kb, "--train", folder, "--out", out, "--method", method, "--epochs", 1]
    done = spaniel(*words, "--batch", 16, "--learning-rate", 1e-3, "--json")
    assert done.code in (0, 1) and done.data["method"] == method, done.err
    made = spaniel("index", "build", folder, tmp_path / "kb2", "--dense", out, "--store", "binary")
    assert made.code == 0, made.err
    found = spaniel("search", tmp_path / "kb2", "w1 w2", "--retriever", "dense", "--json")
    assert found.code == 0 and found.data["hits"], found.err


def test_nothing_held_out_is_said_and_no_figure_shown(spaniel: Run, kb: Path, folder: Path, tmp_path: Path) -> None:
    words = ["train", "dense", "--index", kb, "--train", folder, "--epochs", 1, "--dev", 0]
    done = spaniel(*words, "--out", tmp_path / "out")
    assert done.code == 0 and "no question was held out" in done.err, done.err
    assert "dev words" not in done.err + done.out
    asked = spaniel(*words, "--out", tmp_path / "out2", "--json")
    assert asked.data["gained"] is None and asked.data["dev"] == {}


def test_questions_of_a_log(spaniel: Run, kb: Path, folder: Path, tmp_path: Path) -> None:
    log = trainable_questions(folder, tmp_path / "clicks.jsonl")
    words = ["train", "dense", "--index", kb, "--train", log, "--out", tmp_path / "out", "--dev", "8", "--epochs", 1]
    done = spaniel(*words, "--learning-rate", 1e-3, "--json")
    assert done.code in (0, 1), done.err
    assert done.data["dev"]["clicks"]["n"] == 8


def test_an_interrupted_training_goes_on(
    spaniel: Run, kb: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def words(out: str) -> list[object]:
        places = ["--index", kb, "--train", folder, "--out", tmp_path / out]
        return ["train", "dense", *places, "--learning-rate", 1e-3, "--epochs", 2, "--batch", 16]

    whole = spaniel(*words("whole"), "--json")

    class Stopping(Telling):
        def __call__(self, event: Any) -> None:
            if event.kind == "step" and event.step == 4:
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("spaniel.cli.train_progress.Telling", Stopping)
    stopped = spaniel(*words("cut"), "--json")
    assert stopped.code == 130
    assert "--resume" in stopped.error["hint"]
    assert not (tmp_path / "cut").exists() and (tmp_path / "cut.training").is_dir()
    monkeypatch.undo()
    monkeypatch.setenv("SPANIEL_CACHE", str(tmp_path / "cache"))
    refused = spaniel(*words("cut"), "--json")
    assert refused.code == 2 and "--resume" in refused.error["hint"]
    other = spaniel(*words("cut"), "--resume", "--seed", 5, "--json")
    assert other.code == 2 and "another one: settings.seed is 5 now and was 0" in other.error["message"]
    done, before = spaniel(*words("cut"), "--resume"), whole.data["dev"]["words"]["before"]
    assert f"(start {before:.4f})" in done.err  # not what the resumed run evaluates first
    assert f"nDCG@10 {before:.4f} -> {whole.data['dev']['words']['after']:.4f}" in done.out
    weights = {
        name: data for name, data in files_of(tmp_path / "whole").items() if name.endswith((".safetensors", ".onnx"))
    }
    assert weights and {name: files_of(tmp_path / "cut")[name] for name in weights} == weights
    assert json.loads((tmp_path / "cut" / "training" / "run.json").read_text())["outcome"]["resumed_at"] == [4]

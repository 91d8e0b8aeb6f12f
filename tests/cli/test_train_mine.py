"""`spaniel train mine`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.trainable import trainable_collection, trainable_questions

import spaniel as sp
from spaniel.training.data import training_set

Run = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return trainable_collection(tmp_path / "words")


@pytest.fixture
def kb(spaniel: Run, folder: Path, tmp_path: Path) -> Path:
    assert spaniel("index", "build", folder, tmp_path / "kb").code == 0
    return tmp_path / "kb"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_negatives_of_a_collection_can_be_trained_on(spaniel: Run, kb: Path, folder: Path, tmp_path: Path) -> None:
    out, dev = tmp_path / "new" / "negatives.jsonl", tmp_path / "dev.jsonl"
    done = spaniel("train", "mine", kb, folder, "--out", out, "--dev-out", dev, "-n", 3, "--json")
    assert done.code == 0 and done.err == ""
    assert (done.data["questions"], done.data["dev_questions"], done.data["lines"]) == (48, 16, 48)
    assert done.data["negatives"] == done.data["counts"]["mined"] > 48
    assert set(done.data["sha256"]) == {"corpus", "queries", "qrels", "dev"}
    found = rows(out)
    assert found[0]["id"] == "train0"
    assert all(not set(row["positives"]) & set(row["negatives"]) for row in found)
    assert [set(row) for row in rows(dev)] == [{"id", "query", "positives", "negatives"}] * 16
    with sp.open(kb) as index:
        read = training_set(index, out, dev=str(dev))
    assert (len(read.train), len(read.dev)) == (48, 16)
    assert sum(len(each.negatives) for each in read.train) == done.data["negatives"]


def test_the_same_command_takes_what_is_done(spaniel: Run, kb: Path, folder: Path, tmp_path: Path) -> None:
    words = ("train", "mine", kb, folder, "--sampling", "random", "--no-margin", "--random", 1, "--json")
    first = spaniel(*words, "--out", tmp_path / "one.jsonl").data
    again = spaniel(*words, "--out", tmp_path / "two.jsonl").data
    assert (first["resumed"], again["resumed"]) == (0, 48)
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    anew = spaniel(*words, "--no-cache", "--threads", 2, "--out", tmp_path / "three.jsonl").data
    assert anew["resumed"] == 0
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "three.jsonl").read_bytes()
    other = spaniel(*words, "--seed", 1, "--out", tmp_path / "four.jsonl").data
    assert other["resumed"] == 0
    assert (tmp_path / "one.jsonl").read_bytes() != (tmp_path / "four.jsonl").read_bytes()


def test_a_query_model_is_known_again(spaniel: Run, folder: Path, tmp_path: Path, models: Any) -> None:
    """What was mined with it is taken up again, and by no other; with a pipeline it asks too."""
    kb, pipeline = tmp_path / "dense", tmp_path / "p.toml"
    assert spaniel("index", "build", folder, kb, "--dense", "toy-1", "--store", "float32").code == 0
    pipeline.write_text("[[stages]]\ntype = 'dense'\n")
    for search in (["--retriever", "dense"], ["--retriever", "hybrid"], ["--pipeline", pipeline]):
        resumed, found = [], []
        for words in ([], ["--query-model", "out-7"], ["--query-model", "out-8"], ["--query-model", "out-7"]):
            done = spaniel("train", "mine", kb, folder, *search, *words, "--out", tmp_path / "n.jsonl", "--json")
            assert done.code in (0, 1), done.err
            resumed.append(done.data["resumed"])
            found.append((tmp_path / "n.jsonl").read_bytes())
        assert resumed == [0, 0, 0, 48], search
        assert found[1] == found[3] and len(set(found)) == 3


def test_columns_for_others(spaniel: Run, kb: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "texts.jsonl"
    done = spaniel("train", "mine", kb, folder, "--out", out, "--texts", "-n", 2, "--no-margin")
    assert done.code == 0
    assert {tuple(row) for row in rows(out)} == {("query", "positive", "negative_1", "negative_2")}
    assert "were kept" in done.out


def test_a_judge_and_a_pipeline(spaniel: Run, kb: Path, folder: Path, tmp_path: Path) -> None:
    pipeline = tmp_path / "words.toml"
    pipeline.write_text(
        '[[stages]]\ntype = "rrf"\n[[stages.sources]]\ntype = "bm25"\n[[stages.sources]]\ntype = "ql"\n'
    )
    out = tmp_path / "negatives.jsonl"
    words = ("train", "mine", kb, folder, "--pipeline", pipeline, "--judge", "oracle:exact", "--judge-calls", 4)
    done = spaniel(*words, "--out", out, "--json").data
    assert done["counts"]["judge_calls"] <= 4 * 48
    assert done["negatives"] == 3 * 48


def test_questions_of_json_lines(spaniel: Run, kb: Path, folder: Path, tmp_path: Path) -> None:
    clicks = trainable_questions(folder, tmp_path / "clicks.jsonl")
    done = spaniel("train", "mine", kb, clicks, "--dev", "8", "--out", tmp_path / "negatives.jsonl", "--json").data
    assert (done["questions"], done["dev_questions"]) == (40, 8)


def test_nothing_found_is_told(spaniel: Run, kb: Path, folder: Path, tmp_path: Path) -> None:
    done = spaniel("train", "mine", kb, folder, "--out", tmp_path / "none.jsonl", "--margin", 1e6)
    assert done.code == 1
    assert "48 questions got no negative" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--ranks", "5"), "is no range of ranks"),
        (("--ranks", "7:7"), "is no range of ranks"),
        (("--against", "0"), "neither best nor worst"),
        (("--judge-calls", "3"), "--judge-calls bounds"),
        (("--cache", "c", "--no-cache"), "exclude each other"),
        (("--ranks", "0:3", "-n", "4"), "cannot come from 3 ranks"),
        (("--split", "training"), "no split 'training'"),
        (("--split", "test"), "'test' is what is tested with"),
        (("--retriever", "dense"), "holds no vectors"),
        (("--judge", "oracl:exact"), "no kind of judge"),
        (("--margin", "nan"), "not a number"),
    ],
)
def test_what_cannot_be(
    spaniel: Run, kb: Path, folder: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = spaniel("train", "mine", kb, folder, "--out", tmp_path / "out.jsonl", *words)
    assert done.code == 2
    assert said in done.err
    assert not (tmp_path / "out.jsonl").exists()


def test_files_that_cannot_be_written(spaniel: Run, kb: Path, folder: Path, tmp_path: Path) -> None:
    assert "is a folder" in spaniel("train", "mine", kb, folder, "--out", tmp_path).err
    both = spaniel("train", "mine", kb, folder, "--out", tmp_path / "a", "--dev-out", tmp_path / "a")
    assert "the same file" in both.err

"""`spaniel eval answers`: figures, the results folder, engines from files, what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.pets_collection import write_pets

Run = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return write_pets(tmp_path / "pets")


def test_json_is_the_results_and_every_answer_is_kept(pets: Path, spaniel: Run, tmp_path: Path) -> None:
    done = spaniel("eval", "answers", pets, "--json", "--out", tmp_path / "out")
    assert done.code == 0
    [one] = done.data["pipelines"]
    assert one["name"] == "bm25"
    assert one["measures"]["F1"]["n"] == 4
    assert one["measures"]["spans"]["mean"] == 1.0
    assert one["abstention"]["n"] == 4
    assert one["abstention"]["silence"] == 0.25
    assert one["cost"]["searches_per_query"] == 1.0
    assert done.data == json.loads((tmp_path / "out" / "results.json").read_text())
    lines = [json.loads(line) for line in (tmp_path / "out" / "per-query.jsonl").read_text().splitlines()]
    assert lines[0]["pipelines"]["bm25"]["answer"]["citations"][0]["text"] == "Dogs bark."


def test_two_engines_are_compared_and_a_sample_is_enough(pets: Path, spaniel: Run, tmp_path: Path) -> None:
    config = tmp_path / "short.toml"
    config.write_text('[answer]\nk = 1\n[[stages]]\ntype = "ql"\n')
    done = spaniel("eval", "answers", pets, "--config", "bm25", "--config", config, "--questions", "3")
    assert done.code == 0
    for said in ("pets (test): 3 documents, 3 questions", "bm25", "short", "AURC", "citation-P", "Searches/question"):
        assert said in done.out


def test_an_index_that_is_there(pets: Path, spaniel: Run, tmp_path: Path) -> None:
    assert spaniel("index", "build", pets, tmp_path / "kb").code == 0
    done = spaniel("eval", "answers", pets, "--index", tmp_path / "kb", "--json")
    assert done.data["pipelines"][0]["measures"]["citation-R"]["mean"] > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--config", "bm26"], "no pipeline is called 'bm26'"),
        (["--config", "none.toml"], "none.toml"),
        (["--baseline", "ql"], "nothing is called 'ql'"),
        (["--config", "bm25", "--config", "bm25"], "two engines are called 'bm25'"),
        (["--questions", "0"], "questions"),
        (["--cache", "x", "--no-cache"], "exclude each other"),
        (["--index", "none"], "no index at none"),
    ],
)
def test_what_cannot_be_is_told(pets: Path, spaniel: Run, options: list[str], said: str) -> None:
    done = spaniel("eval", "answers", pets, *options)
    assert done.code == 2
    assert said in done.err


def test_a_collection_of_parts_and_what_counts(pets: Path, spaniel: Run, tmp_path: Path) -> None:
    parts = tmp_path / "languages"
    parts.mkdir()
    write_pets(parts / "en")
    done = spaniel("eval", "answers", parts)
    assert done.code == 2
    assert "several parts" in done.err and "en" in done.err
    assert "do not count" not in spaniel("eval", "answers", pets).err


def test_a_collection_without_answers(pets: Path, spaniel: Run) -> None:
    (pets / "answers.jsonl").unlink()
    done = spaniel("eval", "answers", pets)
    assert done.code == 2
    assert "has no answers" in done.err
    assert "answers.jsonl" in done.err

"""Asking an index by a query model: `index query-model` for good, `--query-model` for one command."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.toy_encoder import ToyTowers

import spaniel as sp

Run = Callable[..., Any]
DENSE = ("--retriever", "dense", "--json")


def scores(done: Any) -> list[tuple[str, float]]:
    assert done.code == 0, done.err
    return [(hit["id"], hit["score"]) for hit in done.data["hits"]]


def test_for_good_and_back(spaniel: Run, hybrid: Path) -> None:
    usual = scores(spaniel("search", hybrid, "dogs", *DENSE))
    done = spaniel("index", "query-model", hybrid, "out-7", "--json")
    assert done.code == 0, done.err
    assert done.data["name"] == "toy" and done.data["query_model"]["source"] == "out-7"
    assert done.data["models"][0]["query"] == done.data["query_model"] == ToyTowers(7, seed=1).card.to_json()
    asked = scores(spaniel("search", hybrid, "dogs", *DENSE))
    assert asked != usual and {id_ for id_, _ in asked} == {id_ for id_, _ in usual}
    said = spaniel("index", "info", hybrid).out
    assert "kept as float32, asked by out-7 (fp32)" in said
    assert spaniel("index", "query-model", hybrid, "--reset").out == f"{hybrid}: toy is asked by toy-1\n"
    assert scores(spaniel("search", hybrid, "dogs", *DENSE)) == usual
    assert "asked by" not in spaniel("index", "info", hybrid).out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give a MODEL, or --reset"),
        (["out-7", "--reset"], "give a MODEL, or --reset"),
        (["toy-2"], "made with 'toy', asked with 'toy': sha256"),
        (["out-7", "--name", "x"], "no dense part 'x'"),
    ],
)
def test_what_cannot_be(spaniel: Run, hybrid: Path, words: list[str], said: str) -> None:
    before = (hybrid / "MANIFEST").read_bytes()
    done = spaniel("index", "query-model", hybrid, *words, "--json")
    assert done.code == 2 and said in done.error["message"]
    assert (hybrid / "MANIFEST").read_bytes() == before


def test_of_an_index_that_is_not_there(spaniel: Run, tmp_path: Path, models: list[Any]) -> None:
    done = spaniel("index", "query-model", tmp_path / "none", "out-7", "--json")
    assert done.code == 2 and not models
    assert not (tmp_path / "none").exists()


def test_the_public_name(hybrid: Path) -> None:
    sp.set_query_model(hybrid, "out-7")
    with sp.open(hybrid) as kb:
        assert kb.query_models["toy"].source == "out-7"

"""Searching by words, vectors or both: `search --retriever`, what is meant when nobody says, and what cannot be."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from contracts.toy_encoder import ToyEncoder

import spaniel as sp
from spaniel.index.dense.feedback import Feedback
from spaniel.models.encoders import open as opening
from spaniel.models.encoders.base import Encoded, Kind
from spaniel.retrieval.errors import MissingExtra

Run = Callable[..., Any]


def found(done: Any) -> list[str]:
    assert done.code == 0, done.err
    return [hit["id"] for hit in done.data["hits"]]


def test_retrievers(spaniel: Run, hybrid: Path) -> None:
    words = found(spaniel("search", hybrid, "dogs office", "--retriever", "bm25", "--json"))
    vectors = found(spaniel("search", hybrid, "dogs office", "--retriever", "dense", "--json"))
    both = found(spaniel("search", hybrid, "dogs office", "--retriever", "hybrid", "--json"))
    assert "keys" not in words
    assert len(vectors) == len(both) == 4
    assert both[0] == "dogs"
    assert found(spaniel("search", hybrid, "dogs office", "--json")) == both  # the default with one model
    with sp.open(hybrid) as kb:
        assert [hit.id for hit in kb.search("dogs office")] == both
    only = found(spaniel("search", hybrid, "dogs office", "--where", '{"year": 2024}', "--json"))
    assert set(only) == {"keys", "cats"}


def test_explain_shows_both_sides(spaniel: Run, hybrid: Path) -> None:
    done = spaniel("search", hybrid, "dogs office", "--explain", "--json")
    stages = [place["stage"] for place in done.data["explain"]["scores"][0]["stages"]]
    assert {"bm25", "dense"} <= set(stages)


def test_a_batch_by_vectors(spaniel: Run, hybrid: Path, tmp_path: Path) -> None:
    (tmp_path / "q.tsv").write_text("1\tdogs\n2\tkeys\n")
    out = tmp_path / "out.trec"
    done = spaniel("search", hybrid, "--queries", tmp_path / "q.tsv", "--run", out, "--retriever", "dense", "--json")
    assert done.code == 0, done.err
    assert done.data["hits"] == 8
    assert len(out.read_text().splitlines()) == 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--retriever", "binary"], "holds no binary vectors"),
        (["--retriever", "binary", "--model", "toy"], "'toy' is kept as float32; use --retriever dense"),
        (["--retriever", "dense", "--model", "none"], "no vectors called 'none'; there are: toy"),
        (["--retriever", "dense", "--k1", "1"], "--k1 belongs to --retriever bm25, not to dense"),
        (["--retriever", "bm25", "--candidates", "5"], "--candidates belongs to vectors"),
        (["--pipeline", "bm25", "--retriever", "dense"], "--retriever and --pipeline exclude each other"),
    ],
)
def test_searches_that_cannot_be(spaniel: Run, hybrid: Path, words: list[str], said: str) -> None:
    done = spaniel("search", hybrid, "dogs", *words, "--json")
    assert done.code == 2
    assert said in done.error["message"]


def test_an_index_without_vectors_says_how_to_make_them(spaniel: Run, kb: Path) -> None:
    done = spaniel("search", kb, "dogs", "--retriever", "hybrid", "--json")
    assert done.code == 2
    assert "spaniel index add-dense" in done.error["message"]
    assert found(spaniel("search", kb, "dogs", "--json"))


def test_a_scorer_means_words(spaniel: Run, hybrid: Path) -> None:
    assert "keys" not in found(spaniel("search", hybrid, "dogs", "--scorer", "bm25+", "--json"))


def test_a_model_that_cannot_be_opened(spaniel: Run, hybrid: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(model: object, **options: Any) -> ToyEncoder:
        raise MissingExtra("onnxruntime", "cpu")

    monkeypatch.setattr(opening, "open_encoder", missing)
    done = spaniel("search", hybrid, "dogs", "--json")
    assert done.code == 2
    assert done.error["type"] == "MissingExtra"
    assert "spaniel[cpu]" in done.error["hint"] and "--retriever bm25" in done.error["hint"]
    asked = spaniel("search", hybrid, "dogs", "--retriever", "dense", "--json")
    assert asked.code == 2 and "--retriever bm25" not in asked.error["hint"]
    assert found(spaniel("search", hybrid, "dogs", "--retriever", "bm25", "--json"))
    assert spaniel("index", "info", hybrid).code == 0


def test_several_models_have_to_be_told_apart(spaniel: Run, hybrid: Path) -> None:
    before = spaniel("search", hybrid, "dogs", "--json")
    added = spaniel("index", "add-dense", hybrid, "toy-2", "--name", "other", "--store", "binary")
    assert added.code == 0 and "searches go on with 'toy'; --model other asks these vectors" in added.err
    first = spaniel("search", hybrid, "dogs", "--retriever", "dense", "--json")
    other = spaniel("search", hybrid, "dogs", "--retriever", "dense", "--model", "other", "--json")
    assert [hit["score"] for hit in first.data["hits"]] != [hit["score"] for hit in other.data["hits"]]
    assert before.data["hits"] == spaniel("search", hybrid, "dogs", "--json").data["hits"]  # still of the first
    assert len(found(other)) == 4
    assert len(found(spaniel("search", hybrid, "dogs", "--retriever", "binary", "--json"))) == 4
    assert len(found(spaniel("search", hybrid, "dogs", "--model", "other", "--json"))) == 4  # hybrid, of that one


def test_what_was_added_is_found_by_its_vector(spaniel: Run, hybrid: Path, tmp_path: Path) -> None:
    (tmp_path / "more.jsonl").write_text('{"_id": "fish", "text": "Fish tanks need a permit."}\n')
    assert spaniel("index", "add", tmp_path / "more.jsonl", hybrid).code == 0
    hits = found(spaniel("search", hybrid, "fish tanks need a permit.", "--retriever", "dense", "--json"))
    assert hits[0] == "fish"
    assert len(hits) == 5


def test_a_model_that_has_moved(spaniel: Run, hybrid: Path, tmp_path: Path, models: list[dict[str, Any]]) -> None:
    del models[:]
    assert found(spaniel("search", hybrid, "dogs", "--encoder", "toy-here", "--json"))
    (tmp_path / "more.jsonl").write_text('{"_id": "fish", "text": "Fish tanks need a permit."}\n')
    assert spaniel("index", "add", tmp_path / "more.jsonl", hybrid, "--encoder", "toy-here").code == 0
    assert [asked["model"] for asked in models] == ["toy-here", "toy-here"]
    spaniel("index", "add-dense", hybrid, "toy-2", "--name", "other")
    refused = spaniel("index", "add", tmp_path / "more.jsonl", hybrid, "--encoder", "toy-here", "--json")
    assert refused.code == 2 and "holds 2 models" in refused.error["message"]


def test_two_models_that_have_moved(spaniel: Run, hybrid: Path, tmp_path: Path, models: list[dict[str, Any]]) -> None:
    assert spaniel("index", "add-dense", hybrid, "toy-2", "--name", "other").code == 0
    (tmp_path / "more.jsonl").write_text('{"_id": "fish", "text": "Fish tanks need a permit."}\n')
    del models[:]
    places = ["--encoder", "other=there-2", "--encoder", "toy=toy-here"]
    done = spaniel("index", "add", tmp_path / "more.jsonl", hybrid, *places)
    assert done.code == 0, done.err
    assert sorted(asked["model"] for asked in models) == ["there-2", "toy-here"]
    del models[:]
    search = ["search", hybrid, "dogs", "--retriever", "dense", "--model", "other", "--json"]
    assert found(spaniel(*search, *places))
    assert found(spaniel(*search, "--encoder", "there-2"))  # no name: that of the vectors searched
    assert [asked["model"] for asked in models] == ["there-2", "there-2"]
    twice = spaniel(*search, *places, "--encoder", "other=again")
    assert twice.code == 2 and "two places for the model of other" in twice.error["message"]


@pytest.mark.parametrize("retriever", ["bm25", "dense", "hybrid"])
def test_a_blank_question_finds_nothing(spaniel: Run, hybrid: Path, tmp_path: Path, retriever: str) -> None:
    for blank in ("", " \t\u3000 "):
        done = spaniel("search", hybrid, blank, "--retriever", retriever)
        assert (done.code, done.out, done.err) == (1, "", "nothing found\n")
    (tmp_path / "q.tsv").write_text("1\t \n2\tdogs\n3\t\n")
    done = spaniel("search", hybrid, "--queries", tmp_path / "q.tsv", "--retriever", retriever)
    assert done.code == 0 and {line.split()[0] for line in done.out.splitlines()} == {"2"}
    assert "2 queries found nothing" in done.err
    with sp.open(hybrid) as kb:
        vector = ToyEncoder(seed=1).encode(["dogs"], kind="query")[0]
        assert kb.search(sp.Query("q", " ", vector=vector), retriever="dense")
        fed = Feedback(kb.dense())
        assert [len(ranking) for ranking in fed.search(["", "dogs"], exclude=[[0], [0]])] == [0, 3]


def test_a_question_that_is_too_long(
    spaniel: Run, hybrid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = ToyEncoder._encoded

    def cut(self: ToyEncoder, texts: list[str], kind: Kind) -> Encoded:
        return replace(usual(self, texts, kind), truncated=sum(len(text) > 20 for text in texts))

    monkeypatch.setattr(ToyEncoder, "_encoded", cut)
    said = "the question is longer than the model reads: vectors see its beginning only\n"
    assert spaniel("search", hybrid, "dogs " * 5).err == said
    assert spaniel("search", hybrid, "dogs", "--retriever", "dense").err == ""
    assert spaniel("search", hybrid, "dogs " * 5, "--json").err == ""
    (tmp_path / "q.tsv").write_text("1\tdogs and cats of the office\n2\tdogs\n3\tno cats, but dogs in the office\n")
    assert "2 questions are longer" in spaniel("search", hybrid, "--queries", tmp_path / "q.tsv").err

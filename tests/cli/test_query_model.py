"""Asking an index by a query model: `index query-model` for good, `--query-model` for one command."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.small_collection import write
from contracts.toy_encoder import ToyTowers

import spaniel as sp
from spaniel.models.encoders import open as opening
from spaniel.retrieval.errors import ModelError

Run = Callable[..., Any]
DENSE = ("--retriever", "dense", "--json")


def scores(done: Any) -> list[tuple[str, float]]:
    assert done.code == 0, done.err
    return [(hit["id"], hit["score"]) for hit in done.data["hits"]]


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch, models: Any) -> Callable[[str, str], None]:
    """From now on another model lies in a folder."""

    def trained_again(place: str, model: str) -> None:
        known = opening.open_encoder
        monkeypatch.setattr(opening, "open_encoder", lambda m, **o: known(model if m == place else m, **o))

    return trained_again


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


def test_one_that_has_moved(spaniel: Run, hybrid: Path, monkeypatch: pytest.MonkeyPatch, models: Any) -> None:
    assert spaniel("index", "query-model", hybrid, "out-7").code == 0
    usual, known, cards = scores(spaniel("search", hybrid, "dogs", *DENSE)), opening.open_encoder, []

    def elsewhere(model: Any, **options: Any) -> Any:
        cards.append(model)
        return known("out-7" if getattr(model, "source", "") == "/new/out-7" else model, **options)

    monkeypatch.setattr(opening, "open_encoder", elsewhere)
    assert scores(spaniel("search", hybrid, "dogs", *DENSE, "--encoder", "/new/out-7")) == usual
    assert [card.query_sha256 for card in cards] == [ToyTowers(7).card.query_sha256]


def test_one_that_is_gone_is_told_with_its_index(
    spaniel: Run, hybrid: Path, monkeypatch: pytest.MonkeyPatch, models: Any
) -> None:
    assert spaniel("index", "query-model", hybrid, "out-7").code == 0
    known = opening.open_encoder

    def moved(model: Any, **options: Any) -> Any:
        if getattr(model, "source", model) == "out-7":
            raise ModelError("'out-7' is no folder and no model that is known")
        return known("out-7" if model == "moved" else model, **options)

    monkeypatch.setattr(opening, "open_encoder", moved)
    for command in ("search", "ask"):
        done = spaniel(command, hybrid, "dogs", "--json")
        assert f"{hybrid} (dense-toy) is asked by the query model out-7: 'out-7' is no" in done.error["message"]
        assert f"spaniel index query-model {hybrid} MODEL --name toy" in done.error["hint"]
        assert "--reset" in done.error["hint"]
    assert scores(spaniel("search", hybrid, "dogs", *DENSE, "--query-model", "moved"))
    assert spaniel("index", "query-model", hybrid, "moved", "--name", "toy").code == 0
    assert spaniel("index", "query-model", hybrid, "--reset", "--name", "toy").code == 0


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


class TestForOneCommand:
    """`--query-model`, wherever vectors are searched."""

    def test_search(self, spaniel: Run, hybrid: Path, tmp_path: Path, models: list[dict[str, Any]]) -> None:
        usual = scores(spaniel("search", hybrid, "dogs", *DENSE))
        before = (hybrid / "MANIFEST").read_bytes()
        del models[:]
        asked = scores(spaniel("search", hybrid, "dogs", *DENSE, "--query-model", "out-7"))
        assert asked != usual and [opened["model"] for opened in models] == ["out-7"]
        both = spaniel("search", hybrid, "dogs", "--query-model", "out-7", "--explain", "--json")  # hybrid by default
        stages = [place["stage"] for place in both.data["explain"]["scores"][0]["stages"]]
        assert {"bm25", "dense"} <= set(stages)
        (tmp_path / "p.toml").write_text("[[stages]]\ntype = 'dense'\n")
        piped = ["search", hybrid, "dogs", "--pipeline", tmp_path / "p.toml", "--json"]
        assert scores(spaniel(*piped, "--query-model", "out-7")) == asked and scores(spaniel(*piped)) == usual
        (tmp_path / "p.toml").write_text("[[stages]]\ntype = 'dense'\nquery_model = 'out-7'\n")
        assert scores(spaniel(*piped)) == asked
        assert (hybrid / "MANIFEST").read_bytes() == before

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--query-model", "out-7", "--retriever", "bm25"], "--query-model belongs to vectors"),
            (["--query-model", "out-7", "--k1", "1"], "--query-model belongs to vectors"),
            (["--query-model", "out-7", "--encoder", "toy-1"], "--encoder and --query-model exclude each other"),
            (["--query-model", "out-7", "--pipeline", "bm25"], "belongs to pipelines that search vectors"),
            (["--query-model", "toy-2"], "made with 'toy', asked with 'toy': sha256"),
            (
                ["--query-model", "out-7", "--pipeline", "own.toml"],
                "pipeline 'own' names a query model itself, 'out-8'",
            ),
        ],
    )
    def test_search_refuses(
        self, spaniel: Run, hybrid: Path, words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("own.toml").write_text("[[stages]]\ntype = 'dense'\nquery_model = 'out-8'\n")
        done = spaniel("search", hybrid, "dogs", *words, "--json")
        assert done.code == 2 and said in done.error["message"]

    def test_ask_keeps_answers_apart(self, spaniel: Run, hybrid: Path, tmp_path: Path) -> None:
        (tmp_path / "e.toml").write_text("[[stages]]\ntype = 'dense'\n[answer]\nk = 1\n")
        ask = ["ask", hybrid, "may dogs come?", "--config", tmp_path / "e.toml", "--json"]
        ask += ["--cache", tmp_path / "answers"]
        said = []
        for words in ([], ["--query-model", "out-7"], ["--query-model", "out-8"], ["--query-model", "out-7"], []):
            done = spaniel(*ask, *words)
            assert done.code in (0, 1), done.err
            said.append(bool(done.data.get("cached")))
        assert said == [False, False, False, True, True]
        (tmp_path / "e.toml").write_text("[[stages]]\ntype = 'bm25'\n")
        refused = spaniel(*ask, "--query-model", "out-7")
        assert refused.code == 2 and "belongs to pipelines that search vectors" in refused.error["message"]

    def test_ask_looks_at_the_arms_of_a_route(self, spaniel: Run, hybrid: Path, tmp_path: Path) -> None:
        arm, file = tmp_path / "arm.toml", tmp_path / "e.toml"
        arm.write_text("[[stages]]\ntype = 'dense'\n")
        arms = f"[route]\npolicy = 'thompson'\ncontext = 'none'\narms = {{one = 'default', two = '{arm}'}}\n"
        file.write_text("[[stages]]\ntype = 'bm25'\n" + arms)
        ask = ["ask", hybrid, "may dogs come?", "--config", file, "--query-model", "out-7", "--json"]
        done = spaniel(*ask)
        assert done.code in (0, 1), done.err
        arm.write_text("[[stages]]\ntype = 'dense'\nquery_model = 'out-8'\n")
        assert "pipeline 'arm' names a query model itself" in spaniel(*ask).error["message"]
        arm.write_text("[[stages]]\ntype = 'ql'\n")
        assert "belongs to pipelines that search vectors" in spaniel(*ask).error["message"]

    def test_ask_knows_a_file_that_names_one(self, spaniel: Run, hybrid: Path, tmp_path: Path, put: Any) -> None:
        file = tmp_path / "e.toml"
        file.write_text("[[stages]]\ntype = 'dense'\nquery_model = 'out-7'\n[answer]\nk = 1\n")
        ask = ["ask", hybrid, "may dogs come?", "--config", file, "--cache", tmp_path / "answers", "--json"]
        assert not spaniel(*ask).data.get("cached") and spaniel(*ask).data["cached"]
        put("out-7", "out-9")  # trained again, in the same place
        assert not spaniel(*ask).data.get("cached")

    def test_eval_run(self, spaniel: Run, tmp_path: Path, models: Any, cache: Path, put: Any) -> None:
        small = write(tmp_path / "small")
        (tmp_path / "vectors.toml").write_text(
            "[index]\ndense = 'toy-1'\nstore = 'float32'\n[[stages]]\ntype = 'dense'\n"
        )
        run = ["eval", "run", small, "--pipeline", tmp_path / "vectors.toml", "--timing", "0", "--json"]
        taken, cards = [], []
        for words in ([], ["--query-model", "out-7"], ["--query-model", "out-8"], ["--query-model", "out-7"], []):
            done = spaniel(*run, *words)
            assert done.code == 0, done.err
            [pipeline] = done.data["pipelines"]
            taken.append(pipeline["card"]["queries_from_cache"])
            cards.append(pipeline["card"]["index"])
        assert taken == [0, 0, 0, 4, 4]
        assert [card["models"]["toy"].get("query", {}).get("source") for card in cards[:3]] == [None, "out-7", "out-8"]
        assert cards[1] == cards[3] and len({card["identity"] for card in cards}) == 3
        put("out-7", "out-9")
        again = spaniel(*run, "--query-model", "out-7").data["pipelines"][0]["card"]
        assert again["queries_from_cache"] == 0
        refused = spaniel("eval", "run", small, "--query-model", "out-7", "--json")
        assert refused.code == 2 and "belongs to pipelines that search vectors" in refused.error["message"]
        (tmp_path / "own.toml").write_text("[[stages]]\ntype = 'dense'\nquery_model = 'out-8'\n")
        for command in ("run", "answers"):
            file = ["--pipeline" if command == "run" else "--config", tmp_path / "own.toml"]
            refused = spaniel("eval", command, small, *file, "--query-model", "out-7", "--json")
            assert refused.code == 2 and "names a query model itself, 'out-8'" in refused.error["message"]
        other = spaniel(*run, "--query-model", "toy-3")
        assert other.code == 2 and "made with 'toy'" in other.error["message"]

    def test_eval_run_of_an_index_that_is_asked_for_good(
        self, spaniel: Run, tmp_path: Path, models: Any, cache: Path
    ) -> None:
        small = write(tmp_path / "small")
        kb = tmp_path / "kb"
        assert spaniel("index", "build", small, kb, "--dense", "toy-1", "--store", "float32").code == 0
        (tmp_path / "v.toml").write_text("[[stages]]\ntype = 'dense'\n")
        run = ["eval", "run", small, "--index", kb, "--pipeline", tmp_path / "v.toml", "--timing", "0", "--json"]
        one = spaniel(*run).data["pipelines"][0]["card"]
        assert spaniel("index", "query-model", kb, "out-7").code == 0
        other = spaniel(*run).data["pipelines"][0]["card"]
        assert other["queries_from_cache"] == 0 and one["index"]["identity"] != other["index"]["identity"]
        assert other["index"]["models"]["toy"]["query"]["source"] == "out-7"

    def test_compared_with_the_start(self, spaniel: Run, tmp_path: Path, models: Any, cache: Path) -> None:
        small = write(tmp_path / "small")
        (tmp_path / "v.toml").write_text("[index]\ndense = 'toy-1'\nstore = 'float32'\n[[stages]]\ntype = 'dense'\n")
        run = ["eval", "run", small, "--pipeline", tmp_path / "v.toml", "--timing", "0", "--out"]
        assert spaniel(*run, tmp_path / "before").code == 0
        assert spaniel(*run, tmp_path / "after", "--query-model", "out-7").code == 0
        done = spaniel("eval", "compare", tmp_path / "before", tmp_path / "after", "--json")
        assert done.code == 0, done.err
        assert "nDCG@10" in done.data["measures"]
        assert "out-7" in (tmp_path / "after" / "results.json").read_text()


def test_a_model_trained_for_codes(
    spaniel: Run, source: Path, kb: Path, tmp_path: Path, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToyTowers, "codes", "sign")
    kinds = {}
    for name, words in {"plain": [], "said": ["--codes", "itq"], "floats": ["--store", "float32"]}.items():
        done = spaniel("index", "build", source, tmp_path / name, "--dense", "out-7", *words, "--json")
        assert done.code == 0, done.err
        kinds[name] = done.data["models"][0]["store"]["codes"]
    done = spaniel("index", "add-dense", kb, "out-7", "--json")
    assert done.code == 0, done.err
    assert kinds == {"plain": "sign", "said": "itq", "floats": "learned"}
    assert done.data["models"][0]["store"]["codes"] == "sign"

"""`spaniel search`: one question for a person or a program, many for a run."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import spaniel as sp
from spaniel.cli.scoring import LIKELIHOODS, METHODS
from spaniel.eval.run import Run as RunFile
from spaniel.index.sparse import scorers
from spaniel.index.sparse.likelihood import SMOOTHINGS
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.trec import read_run

Run = Callable[..., Any]


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.tsv"
    path.write_text("q1\trotate keys\nq2\tdogs\nq3\tzebras\n")
    return path


def test_json_has_the_published_shape(spaniel: Run, kb: Path) -> None:
    done = spaniel("search", kb, "rotating keys", "--json")
    assert done.code == 0
    assert done.err == ""
    assert done.data.keys() == {"query", "hits", "ms"}
    (hit,) = done.data["hits"]
    assert hit.pop("score") > 0
    text = "Rotate every key once a year."
    assert hit == {"rank": 1, "id": "keys", "title": "Key policy", "text": text, "meta": {"year": 2024}}


def test_plain_lines_are_tab_separated(spaniel: Run, kb: Path) -> None:
    done = spaniel("search", kb, "dogs", "-k", 2)
    rows = [line.split("\t") for line in done.out.splitlines()]
    with sp.open(kb) as index:
        assert [row[2] for row in rows] == [hit.id for hit in index.search("dogs", k=2)]
    assert [row[0] for row in rows] == ["1", "2"]
    assert len(rows[0]) == 5


def test_documents_cannot_steer_the_terminal(spaniel: Run, kb: Path) -> None:
    done = spaniel("search", kb, "hostile")
    assert done.out.startswith("1\t")
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out


def test_where(spaniel: Run, kb: Path) -> None:
    done = spaniel("search", kb, "dogs", "--where", '{"year": {"$gte": 2024}}', "--json")
    assert [hit["id"] for hit in done.data["hits"]] == ["cats"]
    bad = spaniel("search", kb, "dogs", "--where", "{year}", "--json")
    assert bad.code == 2
    assert "not JSON" in bad.error["message"]
    assert spaniel("search", kb, "dogs", "--where", '{"year": {"$near": 3}}', "--json").error["type"] == "InvalidQuery"


def test_nothing_found_is_code_one(spaniel: Run, kb: Path) -> None:
    done = spaniel("search", kb, "zebras", "--json")
    assert (done.code, done.data["hits"], done.err) == (1, [], "")
    done = spaniel("search", kb, "zebras")
    assert (done.code, done.out, done.err) == (1, "", "nothing found\n")
    assert spaniel("search", kb, "zebras", "--quiet").err == ""


def test_explain(spaniel: Run, kb: Path) -> None:
    done = spaniel("search", kb, "office dogs", "--explain", "--json")
    explained = done.data["explain"]
    assert len(explained["scores"]) == len(done.data["hits"])
    assert "bm25" in explained["stages"]
    assert "bm25" in spaniel("search", kb, "office dogs", "--explain").out


def test_a_run_is_what_single_searches_give(spaniel: Run, kb: Path, questions: Path, tmp_path: Path) -> None:
    run = tmp_path / "out.trec"
    done = spaniel("search", kb, "--queries", questions, "--run", run, "--json", "--tag", "mine")
    assert done.code == 0
    found = read_run(run)
    counts = {"run": str(run), "queries": 3, "hits": sum(map(len, found.values())), "without_hits": 1}
    assert {name: done.data[name] for name in counts} == counts
    with sp.open(kb) as index:
        for id_, text in [("q1", "rotate keys"), ("q2", "dogs")]:
            assert [hit.id for hit in index.search(text, k=1000)] == [hit.id for hit in found[id_]]
    assert all(line.split()[-1] == "mine" for line in run.read_text().splitlines())
    assert [path.name for path in tmp_path.iterdir() if ".tmp" in path.name] == []


def test_without_run_the_run_is_the_output(spaniel: Run, kb: Path, questions: Path, tmp_path: Path) -> None:
    run = tmp_path / "out.trec.gz"
    spaniel("search", kb, "--queries", questions, "--run", run, "-k", 2)
    done = spaniel("search", kb, "--queries", questions, "-k", 2, "--threads", 2)
    assert done.out == gzip.decompress(run.read_bytes()).decode()
    assert "1 queries found nothing" in done.err
    lines = [json.loads(line) for line in spaniel("search", kb, "--queries", questions, "--json").out.splitlines()]
    assert [line["query_id"] for line in lines] == ["q1", "q2", "q3"]
    assert lines[0]["hits"][0].keys() == {"rank", "score", "id"}
    assert lines[2]["hits"] == []


def test_batch_of_nothing_found_is_code_one(spaniel: Run, kb: Path, tmp_path: Path) -> None:
    (tmp_path / "q.tsv").write_text("1\tzebras\n")
    assert spaniel("search", kb, "--queries", tmp_path / "q.tsv").code == 1


def test_ids_with_blanks_do_not_break_a_run(spaniel: Run, tmp_path: Path) -> None:
    source, queries, run = tmp_path / "d.jsonl", tmp_path / "q.tsv", tmp_path / "out.trec"
    source.write_text('{"id": "two words", "text": "dogs"}\n')
    queries.write_text("1\tdogs\n")
    run.write_text("before")
    spaniel("index", "build", source, tmp_path / "kb")
    done = spaniel("search", tmp_path / "kb", "--queries", queries, "--run", run, "--json")
    assert done.code == 2
    assert "'two words'" in done.error["message"]
    assert run.read_text() == "before"


@pytest.mark.parametrize("scorer", [None, *METHODS, *LIKELIHOODS])
def test_scorers_are_those_of_python(spaniel: Run, kb: Path, questions: Path, scorer: str | None) -> None:
    """Alone and in a batch; every parameter given has its effect."""
    given: dict[str, dict[str, float]] = {
        "tfidf": {},
        "bm25l": {"k1": 1.7, "delta": 0.9},
        "bm25+": {"b": 0.9, "delta": 1.1},
        "dirichlet": {"mu": 7.0},
        "dirichlet-lucene": {"mu": 8.0},
        "jelinek-mercer": {"lambda_": 0.6},
    }
    parameters = given.get(scorer or "", {"k1": 2.0, "b": 1.0})
    words = ["--scorer", scorer] if scorer else []
    for name, value in parameters.items():
        words += [f"--{name.rstrip('_')}", str(value)]
    one = spaniel("search", kb, "office cats", *words, "--json").data["hits"]
    lines = spaniel("search", kb, "--queries", questions, *words, "--json").out.splitlines()
    with sp.open(kb) as index:
        arguments: Any = {"smoothing": scorer} if scorer in LIKELIHOODS else {"method": scorer}
        make: Any = index.likelihood if scorer in LIKELIHOODS else index.bm25
        retriever, plain = make(**arguments, **parameters), make(**arguments)
        for query, hits in [("office cats", one), ("rotate keys", json.loads(lines[0])["hits"])]:
            [ranking] = retriever.search([query])
            assert [hit["id"] for hit in hits] == index.passages.ids(ranking.ids)
            assert [hit["score"] for hit in hits] == ranking.scores.tolist()
            assert not parameters or ranking.scores.tolist() != plain.search([query])[0].scores.tolist()


def test_scorers_have_the_names_of_python() -> None:
    assert {*METHODS, "impact"} == set(scorers.METHODS)
    assert set(LIKELIHOODS) == set(SMOOTHINGS)


def test_explain_takes_the_score_asked_for_apart(spaniel: Run, kb: Path) -> None:
    done = spaniel("search", kb, "office dogs", "--explain", "--scorer", "bm25+", "--k1", "2", "--json")
    for hit, reason in zip(done.data["hits"], done.data["explain"]["scores"], strict=True):
        assert sum(part["score"] for part in reason["parts"]) == pytest.approx(hit["score"], rel=1e-6)


def test_explain_shows_where_a_hit_stood(spaniel: Run, kb: Path) -> None:
    done = spaniel("search", kb, "office dogs", "--explain", "--pipeline", "rrf", "--json")
    first = done.data["explain"]["scores"][0]
    assert first["id"] == done.data["hits"][0]["id"]
    assert [place["stage"] for place in first["stages"]][:2] == ["bm25", "ql"]
    assert first["stages"][-1]["rank"] == 1
    assert "       1 " in spaniel("search", kb, "office dogs", "--explain", "--pipeline", "rrf").out


def test_token_weights_have_no_scorer_to_choose(spaniel: Run, tmp_path: Path) -> None:
    (tmp_path / "v.jsonl").write_text('{"id": "a", "vector": {"dog": 2}}\n')
    (tmp_path / "q.jsonl").write_text('{"id": "1", "vector": {"dog": 1}}\n')
    spaniel("index", "build", "--vectors", tmp_path / "v.jsonl", tmp_path / "kv")
    assert spaniel("search", tmp_path / "kv", "--queries", tmp_path / "q.jsonl").code == 0
    done = spaniel("search", tmp_path / "kv", "--queries", tmp_path / "q.jsonl", "--k1", "2", "--json")
    assert done.code == 2 and "--k1 means nothing for an index of token weights" in done.error["message"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["dogs", "--scorer", "bm26"], "bm26"),
        (["dogs", "--k1", "-1"], "k1"),
        (["dogs", "--b", "1.5"], "b: 1.5"),
        (["dogs", "--b", "much"], "--b"),
        (["dogs", "--delta", "1"], "--delta belongs to bm25l, bm25+, not to lucene"),
        (["dogs", "--scorer", "tfidf", "--k1", "1"], "--k1 belongs to"),
        (["dogs", "--scorer", "jelinek-mercer", "--mu", "1"], "--mu belongs to"),
        (["dogs", "--scorer", "dirichlet", "--lambda", "0.5"], "--lambda belongs to jelinek-mercer"),
        (["dogs", "--scorer", "dirichlet", "--explain"], "--explain"),
        (["--queries", str(Path(__file__).with_name("q.tsv")), "--scorer", "dirichlet", "--threads", "2"], "--threads"),
        ([], "QUERY"),
        (["dogs", "--queries", "q.tsv"], "QUERY"),
        (["dogs", "--run", "out"], "--run belongs to a batch"),
        (["dogs", "--tag", "mine"], "--tag belongs to a batch"),
        (["--queries", str(Path(__file__).with_name("q.tsv")), "--explain"], "--explain belongs to one QUERY"),
        (["dogs", "--scorer", "bm25+", "--delta", "1e308"], "delta: 1e+308 must be"),
        (["dogs", "--threads", "2"], "--threads belongs to a batch"),
        (["dogs", "-k", "0"], "-k"),
        (["--queries", "missing.tsv"], "missing.tsv"),
        (["dogs", "--wehre", "{}"], "--wehre"),
        (["\udcff"], "not UTF-8"),
    ],
)
def test_usage_errors(spaniel: Run, kb: Path, words: list[str], named: str) -> None:
    done = spaniel("search", kb, *words, "--json")
    assert done.code == 2
    assert done.out == ""
    assert named in done.error["message"]


def test_a_pipeline_by_name_or_file(spaniel: Run, kb: Path, questions: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[[stages]]\ntype = "bm25"\nmethod = "bm25+"\ndelta = 0.5\n')
    found = spaniel("search", kb, "dogs", "--pipeline", tmp_path / "mine.toml", "-k", 2, "--json").data["hits"]
    expected = spaniel("search", kb, "dogs", "--scorer", "bm25+", "-k", 2, "--json").data["hits"]
    assert found == expected and len(found) == 2
    run = spaniel("search", kb, "--queries", questions, "--pipeline", "rrf", "-k", 1).out
    with sp.open(kb) as index:
        fused = sp.rrf(index.bm25(), index.likelihood())
        ids = [index.passages.ids(ranking.ids) for ranking in fused.search(["rotate keys", "dogs"], k=1)]
    assert [[line.split()[2]] for line in run.splitlines()] == ids


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pipeline", "bm52"], "did you mean 'bm25'"),
        (["--pipeline", "bm25", "--k1", "1"], "--k1 and --pipeline exclude each other"),
        (["--pipeline", "bm25-multifield"], "needs an index with the fields"),
    ],
)
def test_pipelines_that_cannot_be(spaniel: Run, kb: Path, words: list[str], said: str) -> None:
    done = spaniel("search", kb, "dogs", *words)
    assert done.code == 2 and said in done.err


def test_json_of_a_batch_is_a_run(kb: Path, tmp_path: Path, spaniel: Run) -> None:
    (tmp_path / "q.tsv").write_text("q1\tdogs office\nq2\tnowhere\nq3\tcats\n", encoding="utf-8")
    done = spaniel("search", kb, "--queries", tmp_path / "q.tsv", "--json")
    (tmp_path / "found.jsonl").write_text(done.out, encoding="utf-8")
    assert spaniel("search", kb, "--queries", tmp_path / "q.tsv", "--run", tmp_path / "found.trec").code == 0
    run, same = RunFile.read(tmp_path / "found.jsonl"), RunFile.read(tmp_path / "found.trec")
    assert (run.name, run.query_ids) == ("found", ("q1", "q2", "q3"))
    for query in run.query_ids:
        assert [hit.id for hit in run.ranking(query)] == [hit.id for hit in same.ranking(query)]
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tdogs\t1\n", encoding="utf-8")
    judged = ("--qrels", tmp_path / "qrels.tsv")
    assert spaniel("eval", "compare", tmp_path / "found.jsonl", tmp_path / "found.trec", *judged).code == 0
    (tmp_path / "found.jsonl").write_text(done.out + '{"query_id": "q9"}\n', encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"found.jsonl:4: not a line of `spaniel search --json`"):
        RunFile.read(tmp_path / "found.jsonl")
    (tmp_path / "found.jsonl").write_text(done.out * 2, encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"found.jsonl:4: query 'q1' stands there twice"):
        RunFile.read(tmp_path / "found.jsonl")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--k1", "1e308"), "k1: 1e+308 must be a number of at least 0 and at most 1e+09"),
        (("--scorer", "jelinek-mercer", "--lambda", "0"), "lambda: 0.0 must lie above 0 and below 1"),
    ],
)
def test_parameters_out_of_range(kb: Path, spaniel: Run, options: tuple[str, ...], said: str) -> None:
    done = spaniel("search", kb, "dogs", *options)
    assert done.code == 2 and said in done.err and "Warning" not in done.err


def test_token_weights_are_asked_with_token_weights(tmp_path: Path, spaniel: Run) -> None:
    (tmp_path / "v.jsonl").write_text('{"id": "a", "vector": {"dog": 2}}\n')
    assert spaniel("index", "build", "--vectors", tmp_path / "v.jsonl", tmp_path / "kv").code == 0
    done = spaniel("search", tmp_path / "kv", "dog")
    assert done.code == 2 and "--queries FILE" in done.err


def test_a_batch_from_a_collection(spaniel: Run, kb: Path, tmp_path: Path) -> None:
    folder = tmp_path / "asked"
    folder.mkdir()
    (folder / "queries.jsonl").write_text('{"_id": "1", "text": "dogs"}\n', encoding="utf-8")
    of_folder = spaniel("search", kb, "--queries", folder)
    assert of_folder.code == 0
    assert of_folder.out == spaniel("search", kb, "--queries", folder / "queries.jsonl").out

"""`spaniel rerank run` and `spaniel rerank schedules`."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.chat_server import ChatServer
from contracts.json_server import json_serving
from contracts.small_collection import QUERIES, write

from benchmarks.cross_encoder_model import SMALL, write_cross_encoder
from spaniel.rerank.judges.base import Judge, Judged
from spaniel.rerank.schedules.table import SCHEDULES, read_schedule
from spaniel.retrieval.trec import read_run

Run = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("cache")
RUN = """q2 Q0 d1 1 3.5 bm25
q2 Q0 d3 2 3.5 bm25
q2 Q0 d4 3 1.5 bm25
q1 Q0 d3 1 2 bm25
q1 Q0 d2 2 1 bm25
q1 Q0 d1 3 0.5 bm25
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write(tmp_path / "small")


@pytest.fixture
def first(tmp_path: Path) -> Path:
    path = tmp_path / "first.trec"
    path.write_text(RUN, encoding="utf-8")
    return path


def ids(path: Path) -> dict[str, list[str]]:
    return {query: [passage.id for passage in row] for query, row in read_run(path).items()}


def test_an_oracle_over_a_collection(spaniel: Run, small: Path, first: Path, tmp_path: Path) -> None:
    out, trace = tmp_path / "out.trec", tmp_path / "trace.jsonl"
    done = spaniel(
        *("rerank", "run", first, "--corpus", small, "--judge", "oracle:exact", "--out", out),
        *("--schedule", "heapsort", "--trace", trace, "--log", "--json"),
    )
    assert done.code == 0 and done.err == ""
    assert ids(out) == {"q2": ["d3", "d4", "d1"], "q1": ["d1", "d3", "d2"]}
    assert list(ids(out)) == ["q2", "q1"]
    data = done.data
    assert data["queries"] == 2 and data["reranker"] == "rerank(oracle-exact, heapsort)"
    rows = [json.loads(line) for line in trace.read_text().splitlines()]
    assert [row["query_id"] for row in rows] == ["q2", "q1"]
    assert sum(row["calls"] for row in rows) == data["calls"] > 0
    assert {"round", "prefer", "answer"} == set(rows[0]["log"][0])


def test_the_same_over_an_index_and_files_of_queries(spaniel: Run, small: Path, first: Path, tmp_path: Path) -> None:
    kb, queries = tmp_path / "kb", tmp_path / "queries.tsv"
    assert spaniel("index", "build", small, kb).code == 0
    queries.write_text("".join(f"{id_}\t{text}\n" for id_, text in QUERIES.items()), encoding="utf-8")
    words = ["about", "bark", "dogs", "moon", "the", "stars", "cats", "purr", "do", "not", "they", "at", "is", "far"]
    model = write_cross_encoder(tmp_path / "model", words=words, **SMALL)
    outs = [tmp_path / name for name in ("a.trec", "b.trec", "c.trec")]
    model_is = ("--model", model, "--depth", 2)
    for out, where in zip(
        outs,
        [
            ("--corpus", kb, "--queries", queries),
            ("--corpus", kb, "--queries", small),
            ("--corpus", small, "--queries", queries),
        ],
        strict=True,
    ):
        done = spaniel("rerank", "run", first, *where, *model_is, "--out", out, "--tag", "ce")
        assert done.code == 0, done.err
        assert "2 queries by" in done.out and "4 calls (2.0 a query)" in done.out
    assert outs[0].read_text() == outs[1].read_text() == outs[2].read_text()
    assert all(row[-1] == before[-1] for row, before in zip(ids(outs[0]).values(), ids(first).values(), strict=True))
    assert outs[0].read_text().endswith(" ce\n")


def test_the_runs_scores_are_added_to_the_judges(spaniel: Run, small: Path, first: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.trec"
    base = ("rerank", "run", first, "--corpus", small, "--judge", "oracle", "--out", out)
    best = {"q2": ["d3", "d4", "d1"], "q1": ["d1", "d3", "d2"]}
    for weight, order in (("0", ids(first)), ("1", best), ("0.9", best)):
        assert spaniel(*base, "--weight", weight).code == 0
        assert ids(out) == order
    assert spaniel(*base, "--weight", "0.5").code == 0
    scores = {query: [passage.score for passage in row] for query, row in read_run(out).items()}
    assert ids(out)["q2"] == ["d3", "d1", "d4"]  # z-scores of the run .7, .7, -1.4, of the judge -1.4, .7, .7
    assert scores["q2"] == pytest.approx([0.7071, -0.3536, -0.3536], abs=1e-3)
    for weight in ("1.5", "-1", "nan"):
        assert spaniel(*base, "--weight", weight).code == 2


def test_places_that_are_added_are_told(spaniel: Run, small: Path, tmp_path: Path) -> None:
    run, out = tmp_path / "five.trec", tmp_path / "out.trec"
    run.write_text("".join(f"q2 Q0 d{i} {i} {9 - i / 3} bm25\n" for i in range(1, 6)), encoding="utf-8")
    base = ("rerank", "run", run, "--corpus", small, "--judge", "oracle", "--out", out, "--weight", "0.5")
    done = spaniel(*base, "--schedule", "heapsort")
    assert done.code == 0 and "warning: 1 queries had places from the schedule, not scores" in done.err
    assert spaniel(*base).err == ""


def test_a_budget_ends_queries_and_says_so(spaniel: Run, small: Path, first: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.trec"
    base = ("rerank", "run", first, "--corpus", small, "--judge", "oracle", "--out", out)
    done = spaniel(*base, "--budget-calls", 0)
    assert done.code == 0 and ids(out) == ids(first)
    assert "warning: 2 queries were ended by the budget" in done.err
    assert spaniel(*base, "--budget-calls", 0, "--quiet").err == ""
    assert spaniel(*base, "--budget-seconds", "nan").code == 2


def test_what_is_not_there_is_named_and_nothing_is_written(
    spaniel: Run, small: Path, first: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.trec"
    base = ("rerank", "run", first, "--corpus", small, "--out", out)
    first.write_text(RUN + "q1 Q0 nobody 4 0.1 bm25\n", encoding="utf-8")
    done = spaniel(*base, "--judge", "oracle")
    assert done.code == 2 and "small: has no passage 'nobody', of 5 in the run" in done.err
    assert spaniel(*base, "--judge", "oracle", "--depth", 3).code == 0  # it is behind what is read
    out.unlink()
    first.write_text(RUN + "q77 Q0 d1 4 0.1 bm25\n", encoding="utf-8")
    done = spaniel(*base, "--judge", "oracle")
    assert done.code == 2 and "--queries: has no query 'q77', of 3 in the run" in done.err
    for options, said in [
        ((), "give --model or --judge"),
        (("--judge", "oracle", "--model", "x"), "give --model or --judge"),
        (("--judge", "oracle:bogus"), "no setting is called 'bogus'"),
        (("--judge", "orakel:exact"), "did you mean 'oracle'?"),
        (("--judge", "cosine"), "names no model"),
        (("--judge", "oracle", "--schedule", "heapsrt"), "did you mean 'heapsort'?"),
        (("--judge", "oracle", "--log"), "--log writes into --trace"),
        (("--model", tmp_path / "nothing"), "nothing"),
    ]:
        done = spaniel(*base, *options)
        assert done.code == 2 and said in done.err, done.err
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tag", "a b"), "--tag is one word"),
        (("--trace", "{out}"), "--trace and --out are the same file"),
        (("--trace", "."), "--trace . is no file"),
        (("--out", "-"), "--out - is no file"),
        (("--judge", ""), "'' names no model"),
        (("--provider", "cuda"), "oracle has no provider"),
    ],
)
def test_what_cannot_be_is_told_before_the_judge_is_paid(
    spaniel: Run, small: Path, first: Path, tmp_path: Path, options: tuple[str, str], said: str
) -> None:
    out = tmp_path / "new" / "out.trec"
    base = ("rerank", "run", first, "--corpus", small, "--judge", "oracle", "--out", out)
    done = spaniel(*base, *(word.format(out=out) for word in options))
    assert done.code == 2 and said in done.err and "--json" not in done.err
    assert not out.exists()
    assert spaniel(*base).code == 0 and out.is_file()  # its folder is made


def test_a_budget_below_the_first_question_is_told(
    spaniel: Run, small: Path, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list that a judge of scores puts in order is a call for each of its passages."""
    monkeypatch.setattr("spaniel.rerank.judges.open.open_judge", lambda *_, **__: Fails())
    base = ("rerank", "run", first, "--corpus", small, "--judge", "cosine:x", "--out", tmp_path / "out")
    done = spaniel(*base, "--schedule", "window:window=3,step=1", "--budget-calls", 2)
    assert done.code == 0 and "2 of them were not asked about at all" in done.err


def test_an_index_has_no_queries_of_its_own(spaniel: Run, kb: Path, first: Path, tmp_path: Path) -> None:
    done = spaniel("rerank", "run", first, "--corpus", kb, "--judge", "oracle", "--out", tmp_path / "out")
    assert done.code == 2 and "--queries is missing" in done.err
    queries = tmp_path / "q.tsv"
    queries.write_text("q1\twhat\nq2\twho\n", encoding="utf-8")
    words = ("--corpus", kb, "--queries", queries, "--judge", "oracle", "--out", tmp_path / "out")
    done = spaniel("rerank", "run", first, *words)
    assert done.code == 2 and "an oracle answers from judgements" in done.err


def test_queries_and_corpora_need_no_judgements(
    spaniel: Run, small: Path, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spaniel.rerank.judges.open.open_judge", lambda *_, **__: Fails())
    out = tmp_path / "out.trec"
    base = ("rerank", "run", first, "--judge", "cosine:x", "--quiet", "--out", out, "--corpus")
    (small / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq2\td3\t1\n", encoding="utf-8")
    assert spaniel(*base, small).code == 0 and ids(out) == ids(first)  # q1 is not judged
    shutil.rmtree(small / "qrels")
    assert spaniel(*base, small).code == 0
    (tmp_path / "elsewhere").mkdir()
    queries = (small / "queries.jsonl").rename(tmp_path / "elsewhere" / "queries.jsonl")
    for named in (queries, queries.parent):  # the corpus has no queries of its own
        assert spaniel(*base, small, "--queries", named).code == 0
    done = spaniel(*base, small, "--queries", queries, "--judge", "oracle")
    assert done.code == 2 and "no judgements" in done.err


class Fails(Judge):
    name, kinds = "fails", frozenset({"score"})

    def _score(self, calls: Any) -> Judged:
        return Judged([None] * len(calls), [0] * len(calls))


def test_failures_are_told_or_an_error(
    spaniel: Run, small: Path, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spaniel.rerank.judges.open.open_judge", lambda *_, **__: Fails())
    out = tmp_path / "out.trec"
    base = ("rerank", "run", first, "--corpus", small, "--judge", "oracle", "--out", out)
    done = spaniel(*base)
    assert done.code == 0 and "warning: 6 calls had no answer" in done.err and ids(out) == ids(first)
    out.unlink()
    done = spaniel(*base, "--strict", "--json")
    assert done.code == 2 and done.error["type"] == "ModelError" and "gave no answer for query" in done.error["message"]
    assert not out.exists()


def test_an_empty_run(spaniel: Run, small: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.trec").write_text("", encoding="utf-8")
    out = tmp_path / "out.trec"
    assert (
        spaniel("rerank", "run", tmp_path / "empty.trec", "--corpus", small, "--judge", "oracle", "--out", out).code
        == 1
    )


def test_schedules_are_listed(spaniel: Run) -> None:
    done = spaniel("rerank", "schedules", "--json")
    assert [row["name"] for row in done.data["schedules"]] == list(SCHEDULES)
    text = spaniel("rerank", "schedules").out
    assert all(name in text for name in SCHEDULES)
    for row in done.data["schedules"]:
        assert read_schedule(row["name"]).asks == row["asks"] and row["description"].endswith(".")


def test_an_llm_behind_a_url(spaniel: Run, small: Path, first: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.trec"
    with json_serving(ChatServer()) as server:
        base = ("rerank", "run", first, "--corpus", small, "--judge", f"llm:{server.url}#m", "--out", out)
        schedule = ("--schedule", "window:window=3,step=1")
        assert spaniel(*base, *schedule, "--max-passage-tokens", "50", "--thinking-tokens", "1000").code == 0
        assert sorted(map(len, ids(out).values())) == [3, 3]
        assert [body["max_tokens"] for body, _ in server.asked] == [1034, 1034]
        done = spaniel(*base, *schedule, "--max-prompt-tokens", "176")
    assert done.code == 0, done.err
    sizes = [sum(len(message["content"]) for message in body["messages"]) for body, _ in server.asked]
    assert len(sizes) == 4 and max(sizes[2:]) < min(sizes[:2])

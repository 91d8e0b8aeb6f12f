"""Runs in files: what goes out comes back, and bad lines are named."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.eval import trec_columns
from spaniel.eval.run import Run
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Ranking

IDS = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=4)
SCORES = st.floats(-1e6, 1e6, width=32)
RANKINGS = st.dictionaries(
    IDS, st.dictionaries(IDS, SCORES, min_size=1, max_size=6).map(lambda d: [*d.items()]), max_size=4
)


def same(a: Run, b: Run) -> bool:
    return a.query_ids == b.query_ids and all(
        a.ranking(query, stage=stage) == b.ranking(query, stage=stage) for query in a.query_ids for stage in a.stages
    )


@given(RANKINGS)
def test_jsonl_keeps_everything(
    tmp_path_factory: pytest.TempPathFactory, rankings: dict[str, list[tuple[str, float]]]
) -> None:
    path = tmp_path_factory.mktemp("runs") / "run.jsonl.gz"
    rankings["found nothing\u2028"] = []
    run = Run.from_rankings(rankings, name="a name", ms=dict.fromkeys(list(rankings)[:1], 0.25), card={"seed": 1})
    run.to_jsonl(path)
    back = Run.read(path)
    assert same(run, back)
    assert (back.name, back.card, list(back.stages)) == ("a name", {"seed": 1}, ["final"])
    assert run.ms is not None
    assert back.ms is not None
    assert np.array_equal(back.ms, run.ms, equal_nan=True)


def test_jsonl_keeps_stages(tmp_path: Path) -> None:
    stages = {"bm25": [Ranking.of([0, 1], [2.0, 1.0])], "cut": [Ranking.of([1], [9.0])]}
    run = Run.from_ordinals(["q"], stages, lambda used: [f"p{n}" for n in used], name="r")
    run.to_jsonl(tmp_path / "r.jsonl")
    back = Run.read(tmp_path / "r.jsonl", name="other")
    assert same(run, back)
    assert (list(back.stages), back.ms, back.name) == (["bm25", "cut"], None, "other")


@given(RANKINGS)
def test_trec_keeps_the_order(
    tmp_path_factory: pytest.TempPathFactory, rankings: dict[str, list[tuple[str, float]]]
) -> None:
    run = Run.from_rankings(rankings, name="tag")
    path = tmp_path_factory.mktemp("runs") / "run.trec.gz"
    run.to_trec(path)
    back = Run.read(path)
    assert back.query_ids == run.query_ids
    assert back.name == ("tag" if rankings else "run.trec.gz")
    for query in run.query_ids:
        assert [id_ for id_, _ in back.ranking(query)] == [id_ for id_, _ in run.ranking(query)]


def test_files_are_whole_or_not_there(tmp_path: Path) -> None:
    run = Run.from_rankings({"q": [("a", 1.0)], "q2": [("has a blank", 1.0)]}, name="r")
    with pytest.raises(InvalidInput, match="'has a blank' is empty or holds a blank"):
        run.to_trec(tmp_path / "run.trec")
    assert list(tmp_path.iterdir()) == []


GOOD = "q1 Q0 a 1 3.5 x\n\nq1\tQ0 b  2 2.5 x\n"


@pytest.mark.parametrize("chunk", [1, 20, 1 << 14])
@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("q1 Q0 c 3 1.0", "5 columns instead of the 6"),
        ("q1 Q0 c d 3 1.0 x", "7 columns instead of the 6"),
        ("q1 Q0 c 3 high x", "the score is 'high'"),
        ("q1 Q0 c 3 nan x", "the score is nan; it must be finite"),
        ("q1 Q0 c 3 1e39 x", "the score is 1e39; it must be finite"),
        ("q1 Q0 c third 1.0 x", "the rank is 'third'"),
        ("q1 Q0 a 3 1.0 x", "document 'a' stands twice under query 'q1'"),
    ],
)
def test_a_wrong_line_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, line: str, named: str
) -> None:
    monkeypatch.setattr(trec_columns, "_CHUNK_BYTES", chunk)
    path = tmp_path / "run.trec"
    path.write_text(f"{GOOD}{line}\nq2 Q0 a 1 1 x\n")
    with pytest.raises(InvalidInput, match=rf"run\.trec:4: {named}"):
        Run.read(path)


def test_other_tags_and_second_columns_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_text("q1 0 a 1 3.5 x\nq1 Q0 b 2 2.5 y\nq2 Q0 c 1 1 x")
    assert {q: [id_ for id_, _ in Run.read(path).ranking(q)] for q in ("q1", "q2")} == {"q1": ["a", "b"], "q2": ["c"]}


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "run.trec.gz"
    path.write_bytes(gzip.compress(GOOD.encode() * 100)[:-9])
    with pytest.raises(InvalidInput, match="the gzip data is damaged"):
        Run.read(path)
    path.write_bytes(b"plain")
    with pytest.raises(InvalidInput, match="the gzip data is damaged"):
        Run.read(path)
    (tmp_path / "latin.trec").write_bytes("q Q0 é 1 1 x\n".encode("latin-1"))
    with pytest.raises(InvalidInput, match="not UTF-8"):
        Run.read(tmp_path / "latin.trec")
    with pytest.raises(FileNotFoundError):
        Run.read(tmp_path / "none.trec")


HEAD = {"format": 1, "run": "r", "stages": ["s"], "card": {}}


def line(ids: list[str], scores: list[float], query: str = "q", stage: str = "s") -> dict[str, object]:
    return {"query": query, "ms": None, "stages": {stage: {"ids": ids, "scores": scores}}}


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ([], r"run\.jsonl:1: not a line of a run"),
        ([{"format": 2, "run": "r", "stages": []}], r"run\.jsonl:1: not a line of a run"),
        ([HEAD, {"query": "q"}], r"run\.jsonl:2: not a line of a run.*stages"),
        ([HEAD, line(["a"], [1.0], stage="t")], r"run\.jsonl:2: stages \['t'\]; the first line names \['s'\]"),
        ([HEAD, line(["a", "b"], [1.0])], r"run\.jsonl:2 \(s\): 2 ids and 1 scores"),
        ([HEAD, line(["a", "b"], [1.0, 2.0])], r"run\.jsonl:2 \(s\): scores must be finite and must not rise"),
        ([HEAD, line(["a"], [1e300])], r"run\.jsonl:2 \(s\): scores must be finite"),
        ([HEAD, line(["a", "a"], [1.0, 1.0])], r"run\.jsonl:2 \(s\): document 'a' stands twice"),
        ([HEAD, line(["a"], [1.0]), line(["a"], [1.0])], r"run\.jsonl:3: query 'q' stands there twice"),
        ([{**HEAD, "stages": []}], "has no stages"),
    ],
)
def test_wrong_jsonl_is_named(tmp_path: Path, lines: list[dict[str, object]], named: str) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in lines))
    with pytest.raises(InvalidInput, match=named):
        Run.read(path)

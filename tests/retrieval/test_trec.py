"""Runs keep the order we meant in every reader, and survive a round trip."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.trec import ScoredId, format_run, read_run, strictly_falling

WORDS = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=8)
FINITE = st.sampled_from([0.0, -0.0, 1.0, -3.5, 1e-45, 1e30]) | st.floats(-(2.0**100), 2.0**100, width=32)
SCORES = st.lists(FINITE, max_size=20).map(lambda values: np.array(sorted(values, reverse=True), np.float32))


@given(SCORES)
def test_written_scores_fall_strictly_and_hardly_move(scores: np.ndarray) -> None:
    falling = strictly_falling(scores)
    assert (falling[1:] < falling[:-1]).all()
    assert (falling <= scores).all()
    for place in range(1, len(scores)):
        if scores[place] < falling[place - 1]:
            assert falling[place] == scores[place]


@given(st.lists(WORDS, unique=True, max_size=20), st.data())
def test_round_trip(ids: list[str], data: st.DataObject) -> None:
    scores = np.array(sorted(data.draw(st.lists(FINITE, min_size=len(ids), max_size=len(ids))), reverse=True), "f4")
    lines = format_run("q", ids, scores).splitlines(keepends=True)
    expected = [ScoredId(id_, float(score)) for id_, score in zip(ids, strictly_falling(scores), strict=True)]
    back = read_run(lines[::-1]).get("q", [])  # the order of lines does not matter
    assert [id_ for id_, _ in back] == ids
    assert [np.float32(score) for _, score in back] == [np.float32(score) for _, score in expected]


@given(st.lists(WORDS, unique=True, min_size=1, max_size=12), st.data())
def test_trec_eval_sees_our_order(ids: list[str], data: st.DataObject) -> None:
    """trec_eval: by float32 score, ties by descending id; our first passage must be its first."""
    pytrec_eval = pytest.importorskip("pytrec_eval")
    scores = np.array(sorted(data.draw(st.lists(FINITE, min_size=len(ids), max_size=len(ids))), reverse=True), "f4")
    run = dict(read_run(format_run("q", ids, scores).splitlines())["q"])
    for rank, id_ in enumerate(ids, 1):
        found = pytrec_eval.RelevanceEvaluator({"q": {id_: 1}}, {"recip_rank"}).evaluate({"q": run})
        assert found["q"]["recip_rank"] == pytest.approx(1 / rank)


@pytest.mark.parametrize(
    ("query", "ids", "tag", "named"),
    [
        ("q 1", ["a"], "t", "query id 'q 1'"),
        ("q", ["a b"], "t", "passage id 'a b'"),
        ("q", ["a\u00a0b"], "t", "passage id"),
        ("q", [""], "t", "passage id ''"),
        ("q", ["a"], "my run", "tag 'my run'"),
    ],
)
def test_blanks_are_refused(query: str, ids: list[str], tag: str, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        format_run(query, ids, np.ones(1, np.float32), tag=tag)


def test_bad_rankings_are_refused() -> None:
    with pytest.raises(InvalidInput, match="'a' stands twice"):
        format_run("q", ["a", "b", "a"], np.array([3, 2, 1], np.float32))
    with pytest.raises(InvalidInput, match="descending"):
        format_run("q", ["a", "b"], np.array([1, 2], np.float32))
    with pytest.raises(InvalidInput, match="finite"):
        format_run("q", ["a", "b"], np.array([np.nan, 2], np.float32))
    with pytest.raises(InvalidInput, match="1 ids and 2 scores"):
        format_run("q", ["a"], np.array([2, 1], np.float32))


def test_reads_files_and_names_the_line(tmp_path: Path) -> None:
    text = "q1 Q0 b 2 1.0 x\nq1 Q0 a 1 1.0 x\n\nq2 Q0 c 1 7 x\n"
    plain, packed = tmp_path / "run.trec", tmp_path / "run.trec.gz"
    plain.write_text(text, encoding="utf-8")
    packed.write_bytes(gzip.compress(text.encode()))
    for path in (plain, str(packed)):
        assert read_run(path) == {"q1": [("a", 1.0), ("b", 1.0)], "q2": [("c", 7.0)]}
    for line, named in [
        ("q1 Q0 a 1 x x", "not a run line"),
        ("q1 Q0 a 1 1.0", "not a run line"),
        ("q1 Q0 a 1 nan x", "finite"),
        ("q2 Q0 c 2 1.0 x", "twice"),
    ]:
        plain.write_text(text + line + "\n", encoding="utf-8")
        with pytest.raises(InvalidInput, match=rf"run\.trec:5: .*{named}"):
            read_run(plain)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "run.trec.gz"
    whole = gzip.compress(b"".join(f"q Q0 d{n} {n} {-n} x\n".encode() for n in range(1, 3000)))
    for damaged in (whole[:-9], whole[:40] + bytes(20) + whole[60:], b"q Q0 d 1 1 x\n", whole[:5]):
        path.write_bytes(damaged)
        with pytest.raises(InvalidInput, match=r"run\.trec\.gz: damaged gzip data"):
            read_run(path)
    plain = tmp_path / "run.trec"
    plain.write_bytes(b"q Q0 d 1 1 x\nq Q0 caf\xe9 2 0 x\n")
    with pytest.raises(InvalidInput, match=r"run\.trec:2: not UTF-8 \(byte 8 of the line\)"):
        read_run(plain)

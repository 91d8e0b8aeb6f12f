"""Scoring straight from strings gives what scoring a run does."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.eval import Run, Scores, score, score_file, score_lists, trec_columns
from spaniel.retrieval.errors import InvalidInput

MEASURES = ["nDCG@3", "AP", "RR", "R@2", "P@2", "Judged@3", "Rprec", "Success@1"]
QUERIES, DOCUMENTS = ["q0", "q1", "q2", "q3"], ["d0", "d1", "d2", "d3", "q0", "q1"]
ROWS = st.lists(
    st.tuples(st.sampled_from(QUERIES), st.sampled_from(DOCUMENTS), st.sampled_from([0.0, 1.0, 2.5])),
    unique_by=lambda row: row[:2],
)
QRELS = st.dictionaries(
    st.sampled_from(QUERIES), st.dictionaries(st.sampled_from(DOCUMENTS), st.integers(-1, 3)), min_size=1
).filter(lambda qrels: any(qrels.values()))


def same(a: Scores, b: Scores) -> bool:
    assert a.warnings == b.warnings
    return a.query_ids == b.query_ids and all(np.array_equal(a.values[m], b.values[m]) for m in MEASURES)


@given(ROWS, QRELS, st.booleans())
def test_lists(rows: list[tuple[str, str, float]], qrels: dict[str, dict[str, int]], grouped: bool) -> None:
    rows = sorted(rows, key=lambda row: row[0]) if grouped else rows
    columns = tuple([row[n] for row in rows] for n in range(3))
    expected = score(Run.from_lists(*columns, name="r"), qrels, MEASURES, relevance=2)  # type: ignore[arg-type]
    for trusted in (False, True):
        found = score_lists(*columns, qrels, MEASURES, relevance=2, trusted=trusted)  # type: ignore[arg-type]
        assert same(found, expected)


@given(ROWS, QRELS, st.booleans(), st.sampled_from([1, 60, 1 << 14]), st.randoms(use_true_random=False))
def test_files(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, float]],
    qrels: dict[str, dict[str, int]],
    grouped: bool,
    chunk: int,
    random: object,
) -> None:
    rows = sorted(rows, key=lambda row: row[0]) if grouped else rows
    path = tmp_path_factory.mktemp("runs") / "run.trec"
    ranks = list(range(len(rows)))
    if not grouped:
        random.shuffle(ranks)  # type: ignore[attr-defined]
    path.write_text("".join(f"{q} Q0 {d} {rank} {s} x\n" for (q, d, s), rank in zip(rows, ranks, strict=True)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trec_columns, "_CHUNK_BYTES", chunk)
        assert same(score_file(path, qrels, MEASURES), score(Run.read(path), qrels, MEASURES))


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    qrels = {"q": {"a": 1}}
    with pytest.raises(InvalidInput, match="'a' stands twice under query 'q'"):
        score_lists(["q", "q"], ["a", "a"], [2.0, 1.0], qrels, ["AP"])
    with pytest.raises(InvalidInput, match="2 queries, 1 documents and 2 scores"):
        score_lists(["q", "q"], ["a"], [2.0, 1.0], qrels, ["AP"])
    with pytest.raises(InvalidInput, match="'Bpref' needs a run"):
        score_lists(["q"], ["a"], [2.0], qrels, ["Bpref"])
    path = tmp_path / "run.trec"
    for text, named in [
        ("q Q0 a 1 2 x\nq Q0 a 2 1 x\n", r"run\.trec:2: document 'a' stands twice"),
        ("q Q0 a 1 2 x\nq Q0 b 2 x\n", r"run\.trec:2: 5 columns"),
        ("q Q0 a 1 2 x\nq Q0 b second 2 x\n", r"run\.trec:2: the rank is 'second'"),
    ]:
        path.write_text(text)
        with pytest.raises(InvalidInput, match=named):
            score_file(path, qrels, ["AP"])

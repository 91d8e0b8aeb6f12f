"""The NumPy measures against pytrec_eval and ir_measures, on random runs with ties, gaps and odd labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.eval.measures import score
from spaniel.eval.run import Run

ir_measures = pytest.importorskip("ir_measures")
pytrec_eval = pytest.importorskip("pytrec_eval")

QUERIES = [f"q{n}" for n in range(6)]
DOCUMENTS = [f"d{n}" for n in range(14)]
GRADES = st.integers(-2, 3)
QRELS = st.dictionaries(
    st.sampled_from(QUERIES), st.dictionaries(st.sampled_from(DOCUMENTS), GRADES, max_size=10), min_size=1
).filter(lambda qrels: any(qrels.values()))
# Few distinct values: most results tie, some only as float32.
SCORES = st.sampled_from([0.0, 0.5, 1.0, 1.00000001, -3.0])
RUNS = st.dictionaries(
    st.sampled_from(QUERIES),
    st.dictionaries(st.sampled_from(DOCUMENTS), SCORES, max_size=14).map(lambda d: [*d.items()]),
)

TREC_EVAL = {
    "nDCG": "ndcg",
    "nDCG@3": "ndcg_cut_3",
    "nDCG@10": "ndcg_cut_10",
    "AP": "map",
    "AP@5": "map_cut_5",
    "RR": "recip_rank",
    "R@3": "recall_3",
    "R@100": "recall_100",
    "P@1": "P_1",
    "P@10": "P_10",
    "Success@1": "success_1",
    "Success@5": "success_5",
    "Rprec": "Rprec",
}


def rank_scores(run: Run) -> dict[str, dict[str, float]]:
    """The run's order as scores that no tool can see otherwise."""
    return {
        query: {found.id: float(len(ranking) - rank) for rank, found in enumerate(ranking)}
        for query in run.query_ids
        if (ranking := run.ranking(query))
    }


def judged(qrels: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """What pytrec_eval can bear: no empty query, and no negative grade, which makes it crash (see test_traps.py)."""
    return {query: {id_: max(grade, 0) for id_, grade in e.items()} for query, e in qrels.items() if e}


@settings(max_examples=300)
@given(RUNS, QRELS, st.integers(1, 3))
def test_equal_to_pytrec_eval(
    rankings: dict[str, list[tuple[str, float]]], qrels: dict[str, dict[str, int]], rel: int
) -> None:
    run = Run.from_rankings(rankings, name="r")
    ours = score(run, qrels, list(TREC_EVAL), relevance=rel)
    evaluator = pytrec_eval.RelevanceEvaluator(judged(qrels), set(TREC_EVAL.values()), relevance_level=rel)
    theirs = evaluator.evaluate(rank_scores(run))
    assert ours.query_ids == tuple(judged(qrels))
    for measure, trec_name in TREC_EVAL.items():
        expected = [theirs.get(query, {}).get(trec_name, 0.0) for query in ours.query_ids]
        np.testing.assert_allclose(ours.values[measure], expected, rtol=0, atol=1e-9, err_msg=measure)


IR_MEASURES = [
    "RR@3",
    "RR(rel=2)@10",
    "Judged@4",
    "Judged@100",
    "nDCG(gains={0:1,1:5,3:2})@5",
    "AP(rel=2)@3",
    "R(rel=3)@5",
    "P(rel=2)@5",
    "Rprec(rel=2)",
]


@settings(max_examples=150)
@given(RUNS, QRELS)
def test_equal_to_ir_measures(rankings: dict[str, list[tuple[str, float]]], qrels: dict[str, dict[str, int]]) -> None:
    qrels = judged(qrels)  # gains= applies to negative grades too
    run = Run.from_rankings(rankings, name="r")
    ours = score(run, qrels, IR_MEASURES)
    parsed = {ir_measures.parse_measure(name): name for name in IR_MEASURES}
    for metric in ir_measures.iter_calc(list(parsed), judged(qrels), rank_scores(run)):
        place = ours.query_ids.index(metric.query_id)
        assert ours.values[parsed[metric.measure]][place] == pytest.approx(metric.value, abs=1e-9), metric


@settings(max_examples=150)
@given(RUNS, QRELS)
def test_judged_only_is_equal_where_no_grade_is_negative(
    rankings: dict[str, list[tuple[str, float]]], qrels: dict[str, dict[str, int]]
) -> None:
    """trec_eval cannot tell a negative grade from no judgement; to us it is one."""
    qrels = {query: {id_: abs(grade) for id_, grade in entries.items()} for query, entries in qrels.items()}
    names = ["nDCG@3", "AP", "AP@2", "RR", "R@3", "P@3", "Success@1", "Rprec"]
    run = Run.from_rankings(rankings, name="r")
    ours = score(run, qrels, names, judged_only=True)
    parsed = {ir_measures.parse_measure(name)(judged_only=True): name for name in names}
    for metric in ir_measures.iter_calc(list(parsed), judged(qrels), rank_scores(run)):
        place = ours.query_ids.index(metric.query_id)
        assert ours.values[parsed[metric.measure]][place] == pytest.approx(metric.value, abs=1e-9), metric


def test_relevance_at_and_below_zero() -> None:
    run = Run.from_rankings({"q": [("none", 9.0), ("minus2", 8.0), ("minus1", 7.0), ("zero", 6.0)]}, name="r")
    qrels = {"q": {"minus2": -2, "minus1": -1, "zero": 0}}
    found = score(run, qrels, ["RR(rel=0)", "RR(rel=-1)", "RR(rel=-2)", "R(rel=-1)@3", "nDCG(gains={-1:2})"])
    expected = [1 / 4, 1 / 3, 1 / 2, 1 / 2, 1 / np.log2(4)]
    assert [found.mean(measure) for measure in found.values] == pytest.approx(expected)


@given(RUNS, QRELS)
def test_exponential_gains_by_the_definition(
    rankings: dict[str, list[tuple[str, float]]], qrels: dict[str, dict[str, int]]
) -> None:
    run = Run.from_rankings(rankings, name="r")
    ours = score(run, qrels, ["nDCG(dcg='exp-log2')@4"])
    for query, value in zip(ours.query_ids, ours.values["nDCG(dcg='exp-log2')@4"], strict=True):
        gains = {id_: 2.0 ** max(grade, 0) - 1 for id_, grade in qrels[query].items()}
        found = [gains.get(id_, 0.0) for id_, _ in run.ranking(query)][:4]
        best = sorted(gains.values(), reverse=True)[:4]
        dcg, ideal = (sum(gain / np.log2(rank + 2) for rank, gain in enumerate(row)) for row in (found, best))
        assert value == pytest.approx(dcg / ideal if ideal else 0.0, abs=1e-12)


def test_many_rows_are_looked_up_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    rankings = {f"q{q}": [(f"d{d}", 1.0) for d in range(q % 7)] for q in range(50)}
    qrels = {f"q{q}": {f"d{d}": d % 3 for d in range(q % 5)} for q in range(50)}
    run = Run.from_rankings(rankings, name="r")
    whole = score(run, qrels, ["nDCG@5", "AP", "RR"])
    monkeypatch.setattr("spaniel.eval.measures.judging._CHUNK", 3)
    pieces = score(run, qrels, ["nDCG@5", "AP", "RR"])
    for measure, values in whole.values.items():
        assert np.array_equal(values, pieces.values[measure])

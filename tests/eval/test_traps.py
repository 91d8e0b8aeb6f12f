"""What has made published figures wrong: each trap of evaluation by name, and that we do not step into it.

Those that concern ties, order, missing queries, empty sets, labels, measures and types; traps in data stand in
test_traps_data.py. Where a trap is another tool's, the test shows both.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spaniel.eval import Run, score, score_file, score_lists
from spaniel.retrieval.errors import InvalidInput

ir_measures = pytest.importorskip("ir_measures")
pytrec_eval = pytest.importorskip("pytrec_eval")

TIED = [("d1", 1.0), ("d2", 1.0), ("d3", 1.0)]


def trec_eval(qrels: dict[str, dict[str, int]], run: dict[str, dict[str, float]], measure: str) -> dict[str, float]:
    found = pytrec_eval.RelevanceEvaluator(qrels, {measure}).evaluate(run)
    return {query: values[measure] for query, values in found.items()}


def test_ties_trec_eval_breaks_them_by_descending_document_id() -> None:
    run = Run.from_rankings({"q": TIED}, name="r")
    for place, document in enumerate(["d1", "d2", "d3"]):
        assert trec_eval({"q": {document: 1}}, {"q": dict(TIED)}, "recip_rank")["q"] == pytest.approx(1 / (3 - place))
        assert score(run, {"q": {document: 1}}, ["RR"]).mean("RR") == pytest.approx(1 / (1 + place))


def test_ties_trec_eval_order_can_be_had_when_reading(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_text("".join(f"q Q0 {id_} {rank} 1.0 x\n" for rank, (id_, _) in enumerate(TIED, 1)))
    theirs = Run.read(path, ties="trec_eval")
    assert [id_ for id_, _ in theirs.ranking("q")] == ["d3", "d2", "d1"]
    for document, _ in TIED:
        expected = trec_eval({"q": {document: 1}}, {"q": dict(TIED)}, "ndcg")["q"]
        assert score(theirs, {"q": {document: 1}}, ["nDCG"]).mean("nDCG") == pytest.approx(expected)


def test_ties_the_rank_column_decides_where_trec_eval_ignores_it(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_text("q Q0 d1 3 1.0 x\nq Q0 d2 1 1.0 x\nq Q0 d3 2 1.0 x\n")
    assert [id_ for id_, _ in Run.read(path).ranking("q")] == ["d2", "d3", "d1"]
    assert score_file(path, {"q": {"d1": 1}}, ["RR"]).mean("RR") == pytest.approx(1 / 3)


def test_ties_float32_scores_that_differ_only_as_float64_tie() -> None:
    scores = {"d1": 1.00000001, "d2": 1.0}
    assert trec_eval({"q": {"d1": 1}}, {"q": scores}, "recip_rank")["q"] == 0.5
    rankings = {"q": [("d2", 1.0), ("d1", 1.00000001)]}
    assert score(Run.from_rankings(rankings, name="r"), {"q": {"d1": 1}}, ["RR"]).mean("RR") == 0.5


def test_ties_near_duplicates_keep_our_order_in_every_tool(tmp_path: Path) -> None:
    """What we write falls strictly, so that trec_eval and readers of ranks agree."""
    run = Run.from_rankings({"q": [(f"d{n}", 0.1 + 1e-9 * n) for n in range(9)]}, name="r")
    run.to_trec(tmp_path / "run.trec")
    with (tmp_path / "run.trec").open() as lines:
        parsed = pytrec_eval.parse_run(lines)
    for rank, (id_, _) in enumerate(run.ranking("q"), 1):
        assert trec_eval({"q": {id_: 1}}, parsed, "recip_rank")["q"] == pytest.approx(1 / rank)


def test_ties_ir_measures_rr_and_rr_at_10_disagree_and_ours_do_not() -> None:
    qrels, tied = {"q": {"d1": 1}}, {"q": dict(TIED)}
    theirs = ir_measures.calc_aggregate([ir_measures.RR, ir_measures.RR @ 10], qrels, tied)
    assert theirs[ir_measures.RR] != theirs[ir_measures.RR @ 10]
    ours = score(Run.from_rankings({"q": TIED}, name="r"), qrels, ["RR", "RR@10"])
    assert ours.mean("RR") == ours.mean("RR@10")


def test_ties_measures_of_ir_measures_see_our_order() -> None:
    """Bpref (pytrec_eval) and SDCG-like measures get scores that say nothing but our ranks."""
    qrels = {"q": {"d1": 1, "d2": 0, "d3": 0}}
    assert score(Run.from_rankings({"q": TIED}, name="r"), qrels, ["Bpref"]).mean("Bpref") == 1.0
    assert score(Run.from_rankings({"q": TIED[::-1]}, name="r"), qrels, ["Bpref"]).mean("Bpref") == 0.0


def test_ties_at_the_cut_are_reported() -> None:
    run = Run.from_rankings({"q": [(f"d{n}", 1.0) for n in range(20)]}, name="r")
    assert any("equal scores at ranks 10 and 11" in text for text in score(run, {"q": {"d0": 1}}, ["P@10"]).warnings)


def test_ties_hundreds_of_them_stay_in_order() -> None:
    """An unstable sort shows from about twenty ties on."""
    documents = [f"d{n}" for n in np.random.default_rng(0).permutation(500)]
    run = Run.from_lists(["q"] * 500, documents, [0.5] * 500, name="r")
    assert [id_ for id_, _ in run.ranking("q")] == documents


MISSING = ({"q1": {"a": 1}, "q2": {"a": 1}}, {"q1": [("a", 1.0)]})


@pytest.mark.parametrize("measure", ["nDCG@10", "AP", "RR", "RR@10", "R@10", "P@1", "Success@1", "Rprec", "Judged@10"])
def test_missing_queries_count_zero_in_every_measure(measure: str) -> None:
    qrels, rankings = MISSING
    assert trec_eval(qrels, {"q1": {"a": 1.0}}, "map") == {"q1": 1.0}  # and its mean would be 1
    run = Run.from_rankings(rankings, name="r")
    found = score(run, qrels, [measure])
    assert found.mean(measure) == 0.5
    assert found.warnings[0] == "1 of 2 judged queries are not in the run and count 0, such as 'q2'"
    empty = Run.from_rankings({**rankings, "q2": []}, name="r")
    assert score(empty, qrels, [measure]).mean(measure) == 0.5


def test_missing_queries_count_zero_in_measures_of_ir_measures() -> None:
    qrels, rankings = MISSING
    for more in ({}, {"q2": []}):
        found = score(Run.from_rankings({**rankings, **more}, name="r"), qrels, ["SetP", "Bpref", "IPrec@0.1"])
        assert [found.mean(measure) for measure in found.values] == [0.5, 0.5, 0.5]


def test_empty_qrels_of_a_query_do_not_touch_later_queries() -> None:
    """pytrec_eval issue 49: an empty query shifted the judgements of those after it."""
    qrels = {"q1": {"a": 1}, "q2": {}, "q3": {"b": 1}}
    run = Run.from_rankings({q: [("a", 2.0), ("b", 1.0)] for q in qrels}, name="r")
    found = score(run, qrels, ["RR", "Bpref"])
    assert found.query_ids == ("q1", "q3")
    assert found.values["RR"].tolist() == [1.0, 0.5]
    assert any("1 queries of the run have no judgements" in text for text in found.warnings)


def test_empty_run_scores_zero() -> None:
    found = score(Run.from_rankings({}, name="r"), {"q": {"a": 1}}, ["nDCG@10", "AP", "Judged@10", "Bpref"])
    assert [found.mean(measure) for measure in found.values] == [0.0] * 4


def test_empty_qrels_are_refused() -> None:
    with pytest.raises(InvalidInput, match="not one judgement"):
        score(Run.from_rankings({"q": [("a", 1.0)]}, name="r"), {"q": {}}, ["AP"])


def test_empty_of_relevant_documents_a_query_stays_and_is_counted() -> None:
    found = score(Run.from_rankings({"q1": [("a", 1.0)]}, name="r"), {"q1": {"a": 1}, "q2": {"a": 0}}, ["nDCG@10"])
    assert found.mean("nDCG@10") == 0.5
    assert any("1 of 2 judged queries have no document of grade 1 or more" in text for text in found.warnings)


def test_run_queries_without_judgements_are_ignored_and_counted() -> None:
    found = score(Run.from_rankings({"q1": [("a", 1.0)], "x": [("a", 1.0)]}, name="r"), {"q1": {"a": 1}}, ["R@1"])
    assert found.query_ids == ("q1",)
    assert any("1 queries of the run have no judgements and are left out, such as 'x'" in t for t in found.warnings)


def test_labels_gain_is_linear_unless_the_name_says_otherwise() -> None:
    run = Run.from_rankings({"q": [("a", 2.0), ("b", 1.0)]}, name="r")
    found = score(run, {"q": {"a": 1, "b": 3}}, ["nDCG@2", "nDCG(dcg='exp-log2')@2"])
    second = 1 / np.log2(3)
    assert found.mean("nDCG@2") == pytest.approx((1 + 3 * second) / (3 + second))
    assert found.mean("nDCG(dcg='exp-log2')@2") == pytest.approx((1 + 7 * second) / (7 + second))


def test_labels_the_ideal_is_of_all_judged_documents_not_of_those_retrieved() -> None:
    run = Run.from_rankings({"q": [("a", 1.0)]}, name="r")
    assert score(run, {"q": {"a": 1, "b": 1}}, ["nDCG@10"]).mean("nDCG@10") == pytest.approx(1 / (1 + 1 / np.log2(3)))


def test_labels_negative_grades_gain_nothing_and_are_judged() -> None:
    run = Run.from_rankings({"q": [("spam", 2.0), ("a", 1.0)]}, name="r")
    found = score(run, {"q": {"spam": -2, "a": 1}}, ["nDCG@2", "Judged@2", "P(judged_only=True)@1", "SetP"])
    assert found.mean("nDCG@2") == pytest.approx(1 / np.log2(3))
    assert found.mean("Judged@2") == 1.0
    assert found.mean("P(judged_only=True)@1") == 0.0  # trec_eval -J leaves the negative out and gives 1
    assert found.mean("SetP") == 0.5
    with pytest.raises(InvalidInput, match="'infAP' cannot be computed with negative grades"):
        score(run, {"q": {"spam": -1, "a": 1}}, ["infAP"])


def test_labels_all_negative_queries_never_reach_pytrec_eval() -> None:
    """It writes outside its memory over them: a fresh process, so that a crash would be seen."""
    code = """
import random
from spaniel.eval import Run, score
r = random.Random(1)
documents = [f"d{n}" for n in range(14)]
for _ in range(300):
    queries = [f"q{n}" for n in r.sample(range(6), r.randint(1, 6))]
    qrels = {q: {d: r.randint(-2, 1) for d in r.sample(documents, r.randint(1, 10))} for q in queries}
    run = Run.from_rankings({q: [(d, 1.0) for d in r.sample(documents, 9)] for q in queries}, name="r")
    score(run, qrels, ["SetP", "SetR", "Bpref", "IPrec@0.1", "SetAP"])
print("done")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "done\n")


def test_labels_grade_2_rule_of_deep_learning_leaves_ndcg_alone() -> None:
    run = Run.from_rankings({"q": [("a", 2.0), ("b", 1.0)]}, name="r")
    found = score(run, {"q": {"a": 1, "b": 3}}, ["RR", "R@1", "AP", "nDCG@1"], relevance=2)
    assert [found.mean(measure) for measure in found.values] == [0.5, 0.0, 0.5, pytest.approx(1 / 3)]


def test_measures_rr_at_10_is_not_rr() -> None:
    run = Run.from_rankings({"q": [(f"d{n}", 20.0 - n) for n in range(20)]}, name="r")
    found = score(run, {"q": {"d10": 1}}, ["RR@10", "RR"])
    assert (found.mean("RR@10"), found.mean("RR")) == (0.0, 1 / 11)


def test_measures_recall_is_not_capped() -> None:
    run = Run.from_rankings({"q": [("a", 2.0), ("b", 1.0)]}, name="r")
    assert score(run, {"q": {"a": 1, "b": 1, "c": 1, "d": 1}}, ["R@2"]).mean("R@2") == 0.5


def test_measures_precision_divides_by_the_cutoff() -> None:
    assert score(Run.from_rankings({"q": [("a", 2.0)]}, name="r"), {"q": {"a": 1}}, ["P@10"]).mean("P@10") == 0.1


def test_measures_judged_divides_by_what_was_retrieved() -> None:
    run = Run.from_rankings({"q": [("a", 2.0), ("x", 1.0)], "none": []}, name="r")
    found = score(run, {"q": {"a": 0}, "missing": {"a": 1}, "none": {"a": 1}}, ["Judged@10"])
    assert found.values["Judged@10"].tolist() == [0.5, 0.0, 0.0]


def test_measures_unjudged_documents_are_not_relevant_unless_left_out() -> None:
    run = Run.from_rankings({"q": [("x", 2.0), ("a", 1.0)]}, name="r")
    assert score(run, {"q": {"a": 1}}, ["RR"]).mean("RR") == 0.5
    assert score(run, {"q": {"a": 1}}, ["RR"], judged_only=True).mean("RR") == 1.0


def test_self_retrieval_is_dropped_before_the_cut_and_reported_when_not() -> None:
    rankings = {"q": [("q", 9.0), *((f"d{n}", 8.0 - n) for n in range(3))]}
    run = Run.from_rankings(rankings, name="r")
    assert any("own id" in text for text in score(run, {"q": {"d2": 1}}, ["R@3"]).warnings)
    assert score(run.cut(3).without_self(), {"q": {"d2": 1}}, ["R@3"]).mean("R@3") == 0.0
    kept = score(run.without_self().cut(3), {"q": {"d2": 1}}, ["R@3"])
    assert kept.mean("R@3") == 1.0
    assert kept.warnings == ("only 33% of the top 10 results are judged; the others count as not relevant",)


def test_self_retrieval_drops_the_own_id_not_the_first_result() -> None:
    run = Run.from_rankings({"q": [("a", 3.0), ("q", 2.0)]}, name="r").without_self()
    assert [id_ for id_, _ in run.ranking("q")] == ["a"]


def test_self_retrieval_leaves_the_callers_run_as_it_was() -> None:
    rankings = {"q": [("q", 3.0), ("a", 2.0)]}
    run = Run.from_rankings(rankings, name="r")
    run.without_self()
    assert [id_ for id_, _ in run.ranking("q")] == ["q", "a"]
    assert rankings == {"q": [("q", 3.0), ("a", 2.0)]}


@pytest.mark.parametrize("grade", [np.int64(1), 1.0, True, "1", None])
def test_types_of_grades_are_checked(grade: object) -> None:
    with pytest.raises(InvalidInput, match=r"query 'q', document 'a'.*the grade is.*must be str and grades int"):
        score(Run.from_rankings({"q": [("a", 1.0)]}, name="r"), {"q": {"a": grade}}, ["AP"])  # type: ignore[dict-item]


def test_types_of_scores_may_be_numpys() -> None:
    run = Run.from_rankings({"q": [("a", np.float32(1)), ("b", np.int64(2))]}, name="r")
    assert [id_ for id_, _ in run.ranking("q")] == ["b", "a"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_types_nan_scores_are_refused(value: float) -> None:
    with pytest.raises(InvalidInput, match="'a': the score is"):
        Run.from_rankings({"q": [("a", value)]}, name="r")
    with pytest.raises(InvalidInput, match="'a': the score is"):
        score_lists(["q"], ["a"], [value], {"q": {"a": 1}}, ["AP"])


def test_order_of_lines_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_text("q1 Q0 c 3 1 x\nq2 Q0 a 1 5 x\nq1 Q0 a 1 3 x\nq1 Q0 b 2 2 x\n")
    qrels = {"q1": {"b": 1}, "q2": {"a": 1}}
    for found in (score(Run.read(path), qrels, ["RR"]), score_file(path, qrels, ["RR"])):
        assert found.values["RR"].tolist() == [0.5, 1.0]


def test_depth_below_the_cutoff_is_reported() -> None:
    run = Run.from_rankings({"q": [("a", 1.0)]}, name="r")
    assert score(run, {"q": {"a": 1}}, ["P@1", "R@100"]).warnings == (
        "R@100 looks at 100 results, the run has at most 1 a query",
    )

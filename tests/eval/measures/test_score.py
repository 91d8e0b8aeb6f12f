"""`score`: one rule for every measure, nothing odd left unsaid."""

import shutil
import sys
from typing import Any

import numpy as np
import pytest

from spaniel.eval import Run, score
from spaniel.retrieval.errors import InvalidInput, MissingExtra

RUN = Run.from_rankings({"q1": [("a", 3.0), ("b", 2.0), ("c", 1.0)], "q2": [("a", 1.0)]}, name="r")
QRELS = {"q2": {"b": 1}, "q1": {"b": 2, "c": 1}}


def test_values_stand_in_the_order_of_the_qrels_under_the_names_given() -> None:
    found = score(RUN, QRELS, ["RR@10", "nDCG@10", "MRR", "RR@10"])
    assert found.query_ids == ("q2", "q1")
    assert list(found.values) == ["RR@10", "nDCG@10", "MRR"]
    assert found.values["RR@10"].tolist() == found.values["MRR"].tolist() == [0.0, 0.5]
    assert found.mean("RR@10") == 0.25
    assert found.of("q1")["RR@10"] == 0.5
    assert found.warnings == ("RR@10 looks at 10 results, the run has at most 3 a query",)
    with pytest.raises(InvalidInput, match="'AP' was not computed"):
        found.mean("AP")
    with pytest.raises(InvalidInput, match="'q9' has no judgements"):
        found.of("q9")
    with pytest.raises(ValueError, match="read-only"):
        found.values["RR@10"][0] = 1.0


def test_relevance_and_judged_only_yield_to_the_name() -> None:
    found = score(RUN, QRELS, ["R@5", "R(rel=1)@5", "RR(judged_only=False)", "RR"], relevance=2, judged_only=True)
    assert found.of("q1") == {"R@5": 1.0, "R(rel=1)@5": 1.0, "RR(judged_only=False)": 0.5, "RR": 1.0}
    assert score(RUN, {"q1": {"c": 1, "d": 2}}, ["R@5"], relevance=2).mean("R@5") == 0.0


@pytest.mark.parametrize(
    ("measures", "named"), [([], "pass a list"), ("nDCG@10", "pass a list"), (["xyzzy"], "no measure is called")]
)
def test_measures_that_are_none(measures: Any, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        score(RUN, QRELS, measures)


@pytest.mark.parametrize(
    ("qrels", "named"),
    [
        ({}, "not one judgement"),
        ({"q": {}}, "not one judgement"),
        ({"q": {"d": 1.0}}, "the grade is 1.0 .float.*ids must be str and grades int"),
        ({"q": {"d": np.int64(1)}}, "the grade is .*int64"),
        ({"q": {"d": True}}, "the grade is True"),
        ({"q": {7: 1}}, "document 7 .int."),
        ({7: {"d": 1}}, "7: dict"),
        ({"q": ["d"]}, "'q': list"),
        ({"q": {"d": 2**40}}, "the largest is"),
    ],
)
def test_qrels_that_are_none(qrels: Any, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        score(RUN, qrels, ["nDCG@10"])


def test_what_is_odd_is_said() -> None:
    tied = [(f"d{n}", 1.0) for n in range(12)]
    run = Run.from_rankings({"q1": [("q1", 2.0), *tied], "q9": tied}, name="r")
    found = score(run, {"q1": {"d1": 1}, "q2": {"d1": 0}}, ["R@100"]).warnings
    assert found == (
        "1 of 2 judged queries are not in the run and count 0, such as 'q2'",
        "1 queries of the run have no judgements and are left out, such as 'q9'",
        "1 of 2 judged queries have no document of grade 1 or more and can only score 0",
        "1 queries find a document with their own id; Run.without_self drops it",
        "R@100 looks at 100 results, the run has at most 13 a query",
        "2 of 2 queries have equal scores at ranks 10 and 11; tools with another rule for ties will report other "
        "figures",
        "only 10% of the top 10 results are judged; the others count as not relevant",
    )
    assert score(RUN, {"q1": {"a": 1, "b": 0, "c": 1}, "q2": {"a": 1}}, ["R@3"]).warnings == ()


def test_a_query_numbered_like_a_document_is_not_that_document() -> None:
    run = Run.from_rankings({"1": [("3", 2.0), ("1", 1.0)], "2": [("1", 2.0), ("2", 1.0)]}, name="r")
    assert score(run, {"1": {"3": 1, "1": 0}, "2": {"1": 1, "2": 0}}, ["R@2"]).warnings == ()


def test_other_measures_come_from_ir_measures() -> None:
    pytest.importorskip("ir_measures")
    found = score(RUN, {**QRELS, "q3": {"a": 1}}, ["nDCG@10", "Bpref", "IPrec@0.5", "SetP(rel=2)"])
    assert list(found.values) == ["nDCG@10", "Bpref", "IPrec@0.5", "SetP(rel=2)"]
    assert found.of("q3") == dict.fromkeys(found.values, 0.0)
    assert found.of("q1")["SetP(rel=2)"] == pytest.approx(1 / 3)
    assert score(RUN, QRELS, ["SetP"], relevance=2).of("q1") == {"SetP": pytest.approx(1 / 3)}
    with pytest.raises(InvalidInput, match=r"does not compute 'StRecall@5'.*pyndeval"):
        score(RUN, QRELS, ["StRecall@5"])
    with pytest.raises(InvalidInput, match="unsupported params found"):
        score(RUN, QRELS, ["Bpref(nonsense=1)"])


@pytest.mark.skipif(shutil.which("perl") is None, reason="gdeval is a perl program")
def test_err_takes_any_ids() -> None:
    """gdeval knows queries by numbers alone and drops what stands before a hyphen; figures by Chapelle et al."""
    pytest.importorskip("ir_measures")
    run = Run.from_rankings({"PLAIN-2": [("d-1", 3.0), ("d 2", 2.0)], "where?": [("x", 1.0)], "9-2": []}, name="r")
    found = score(run, {"where?": {"y": 1}, "PLAIN-2": {"d-1": 1, "d 2": 4}, "9-2": {"x": 2}}, ["ERR@10"])
    assert found.of("PLAIN-2")["ERR@10"] == pytest.approx(1 / 16 + 15 / 16 * 15 / 16 / 2, abs=1e-5)
    assert found.of("where?")["ERR@10"] == found.of("9-2")["ERR@10"] == 0.0
    with pytest.raises(InvalidInput, match=r"'ERR@10': the program under it failed") as caught:
        score(run, {"9-2": {"x": 5}}, ["ERR@10"])
    assert "grades up to 4" in caught.value.hint


@pytest.mark.parametrize(
    ("measure", "named"),
    [
        ("NERR9@10", "needs max_rel, the highest grade"),
        ("SDCG(max_rel=2)", "needs a cutoff"),
        ("IPrec", "needs a recall"),
        ("Accuracy(rel='x')", "invalid param rel"),
    ],
)
def test_what_a_measure_lacks_is_named(measure: str, named: str) -> None:
    pytest.importorskip("ir_measures")
    with pytest.raises(InvalidInput, match=named):
        score(RUN, QRELS, [measure])


def test_rank_biased_precision_or_what_it_needs() -> None:
    """Moffat and Zobel, TOIS 2008: (1 - p) times the sum of p^(rank - 1) over relevant results."""
    ir_measures = pytest.importorskip("ir_measures")
    if ir_measures.cwl_eval.is_available():
        assert score(RUN, QRELS, ["RBP(p=0.8)"]).of("q1")["RBP(p=0.8)"] == pytest.approx(0.2 * (0.8 + 0.64))
    else:
        with pytest.raises(InvalidInput, match=r"'RBP\(p=0.8\)'.*ir-measures\[cwl_eval\]") as caught:
            score(RUN, QRELS, ["RBP(p=0.8)"])
        assert caught.value.hint.startswith("install what is named")


def test_without_ir_measures_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ir_measures", None)  # what import finds for a package that is not there
    with pytest.raises(MissingExtra) as caught:
        score(RUN, QRELS, ["Bpref"])
    assert caught.value.hint == "pip install 'spaniel[eval]'"
    assert score(RUN, QRELS, ["nDCG@10"]).mean("nDCG@10") > 0

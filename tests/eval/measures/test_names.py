"""Names of measures: parsed as ir_measures does, misspelt ones answered with what was meant."""

import pytest

from spaniel.eval.measures.names import FAST, parse
from spaniel.retrieval.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "name", "params", "at"),
    [
        ("nDCG@10", "nDCG", {}, 10),
        ("NDCG@10", "nDCG", {}, 10),
        (" AP ", "AP", {}, None),
        ("MAP(rel=2)@100", "AP", {"rel": 2}, 100),
        ("R(judged_only=True)@5", "R", {"judged_only": True}, 5),
        ("nDCG(dcg='exp-log2', gains={0: 0, 1: 3})@5", "nDCG", {"dcg": "exp-log2", "gains": {0: 0, 1: 3}}, 5),
        ("IPrec@0.1", "IPrec", {}, 0.1),
        ("MRR(rel=-1)", "RR", {"rel": -1}, None),
    ],
)
def test_forms(text: str, name: str, params: dict[str, object], at: float | None) -> None:
    measure = parse(text)
    assert (measure.text, measure.name, measure.params, measure.at) == (text.strip(), name, params, at)


@pytest.mark.parametrize("text", ["nDCG@10", "AP(rel=2)@100", "RR", "Rprec", "Judged@10", "Success@5", "P@3", "R@7"])
def test_ir_measures_reads_the_same(text: str) -> None:
    ir_measures = pytest.importorskip("ir_measures")
    theirs, ours = ir_measures.parse_measure(text), parse(text)
    assert ours.name == theirs.NAME
    assert theirs.params == {**ours.params, **({} if ours.at is None else {"cutoff": ours.at})}


def test_every_fast_measure_is_one_of_ir_measures() -> None:
    registry = pytest.importorskip("ir_measures").measures.registry
    for name, (params, _) in FAST.items():
        assert params <= registry[name].SUPPORTED_PARAMS.keys()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ndcg@10", "nDCG@10"),
        ("nDGC@10", "nDCG@10"),
        ("recall_100", "R@100"),
        ("map", "AP"),
        ("recip_rank", "RR"),
        ("Reccall(rel=2)@5", "R(rel=2)@5"),
        ("SetFF", "SetF"),
        ("nERR@10", "ERR@10"),
    ],
)
def test_did_you_mean(text: str, meant: str) -> None:
    with pytest.raises(InvalidInput, match="no measure is called") as caught:
        parse(text)
    assert caught.value.hint == f"did you mean {meant!r}?"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("nDCG@", "is no measure"),
        ("nDCG@10; import os", "is no measure"),
        ("nDCG(__import__('os').getcwd())", "is no measure"),
        ("nDCG(rel=open)@10", "is no measure"),
        ("(" * 500, "is no measure"),
        ("1@2", "is no measure"),
        ("R", "needs a cutoff"),
        ("R@0", "whole number from 1"),
        ("R@1.5", "whole number from 1"),
        ("R@True", "whole number from 1"),
        ("Rprec@5", "takes no cutoff"),
        ("nDCG(rel=2)@10", "nDCG has no parameter 'rel'"),
        ("AP(rel='x')", "rel is 'x'; it must be a whole number"),
        ("nDCG(dcg='log10')@10", "dcg is 'log10'"),
        ("nDCG(gains={'a':1})@10", "gains is"),
        ("R(judged_only=1)@10", "judged_only is 1"),
    ],
)
def test_wrong_names_are_named(text: str, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        parse(text)
    with pytest.raises(InvalidInput, match="write the name as text"):
        parse(10)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("NDCG_10", "nDCG@10"),
        ("nDCG_10", "nDCG@10"),
        ("ndcg_cut_10", "nDCG@10"),
        ("NDCG_CUT_5", "nDCG@5"),
        ("Recall_100", "R@100"),
        ("MAP_100", "AP@100"),
        ("mrr_10", "RR@10"),
        ("P_5", "P@5"),
        ("Rprec_5", "Rprec"),
    ],
)
def test_underscores_before_cutoffs_are_understood(text: str, meant: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse(text)
    assert raised.value.hint == f"did you mean {meant!r}?"
    parse(meant)

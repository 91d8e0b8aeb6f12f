"""How near two cross-encoders rank: the measures against scipy's and by hand, and what the gate lets through."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.cross_encoder import small_cross_encoder
from contracts.small_model import write_json
from hypothesis import given
from hypothesis import strategies as st

from spaniel.models.folder import read_folder
from spaniel.models.graph.export import export
from spaniel.models.pair_ranking import (
    JudgedQuery,
    PairGate,
    asked_of_sample,
    check_loss,
    compared,
    kendall,
    loss,
    score_pairs,
    spearman,
)
from spaniel.rerank.cross_encoders.open import open_pair_model
from spaniel.retrieval.errors import ModelError

few = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=12)


@given(few)
def test_correlations_of_ranks_are_scipy_s(pairs: list[tuple[int, int]]) -> None:
    stats = pytest.importorskip("scipy.stats")
    one, other = np.array(pairs, np.float64).T
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert kendall(one, other) == spearman(one, other) == 0
        return
    assert kendall(one, other) == pytest.approx(stats.kendalltau(one, other).statistic)
    assert spearman(one, other) == pytest.approx(stats.spearmanr(one, other).statistic)


def scores(n: int, seed: int, noise: float) -> list[Any]:
    rng = np.random.default_rng(seed)
    true = np.random.default_rng(0).standard_normal((8, n))
    return list(true + noise * rng.standard_normal((8, n)))


def test_the_gate_takes_small_differences_and_refuses_large_ones() -> None:
    exact = compared(scores(40, 1, 0), scores(40, 2, 0))
    found = (exact.correlation, exact.kendall, exact.spearman, exact.ndcg, exact.queries, exact.passages)
    assert found == pytest.approx((1, 1, 1, 1, 8, 40))
    near = compared(scores(40, 1, 0), scores(40, 2, 0.05))
    near.check(PairGate(), "int8")
    far = compared(scores(40, 1, 0), scores(40, 2, 0.5))
    assert far.kendall < near.kendall <= 1
    with pytest.raises(
        ModelError, match=rf"int8: .* tau is {far.kendall:.4f}, asked for is 0\.9; nDCG@10 is"
    ) as caught:
        far.check(PairGate(), "int8")
    assert "fp32" in caught.value.hint
    with pytest.raises(ModelError):
        near.check(PairGate(least_ndcg=0.99999), "int8")


def test_a_score_that_is_no_number_never_passes() -> None:
    broken = scores(40, 1, 0)
    broken[3][5] = np.nan
    found = compared(scores(40, 1, 0), broken)
    with pytest.raises(ModelError, match="nan"):
        found.check(PairGate(-1, -1, 0), "int8")
    judged = [JudgedQuery("q", ["a"] * 40, [1] + [0] * 39, [1])] * 8
    with pytest.raises(ModelError):
        check_loss(loss(scores(40, 1, 0), broken, judged), PairGate(most_loss=10), "int8")


def test_loss_by_judgements_counts_relevant_ones_that_were_not_found() -> None:
    judged = [JudgedQuery("q", ["a", "b", "c"], [0, 2, 0], [2, 1])]
    ideal = 2 + 1 / np.log2(3)
    found = loss([np.array([0.1, 0.9, 0.2])], [np.array([0.1, 0.5, 0.9])], judged)
    assert found["fp32"] == pytest.approx(2 / ideal, abs=1e-6)
    assert found["int8"] == pytest.approx(2 / np.log2(3) / ideal, abs=1e-6)
    with pytest.raises(ModelError, match=r"nDCG@10 is 0\.4796, that of fp32 0\.7602 over 1 queries"):
        check_loss(found | {"int8": 0.4796, "fp32": 0.7602}, PairGate(), "int8")
    check_loss(found, PairGate(most_loss=0.5), "int8")
    assert loss([np.zeros(2)], [np.zeros(2)], [JudgedQuery("q", ["a", "b"], [0, 0], [])])["loss"] == 0


def test_the_order_of_irrelevant_passages_does_not_count() -> None:
    """Scores like those of a trained reranker: all but a few lie close together."""
    rng = np.random.default_rng(0)
    true = [np.concatenate([[6.0], rng.uniform(-9, 2, 4), -11 + 0.2 * rng.standard_normal(67)]) for _ in range(8)]

    def noisy(sd: float) -> list[Any]:
        return [scores + sd * rng.standard_normal(72) for scores in true]

    near = compared(true, noisy(0.1))
    near.check(PairGate(), "int8")
    assert near.spearman < 0.95
    with pytest.raises(ModelError):
        compared(true, noisy(0.5)).check(PairGate(), "int8")


def test_the_sample_has_a_relevant_passage_for_each_query() -> None:
    asked = asked_of_sample()
    assert len(asked) == 8 and len({query for query, _ in asked}) == 8
    assert all(len(texts) == 75 and query in texts[0] for query, texts in asked)
    assert all(query not in texts[1:] for query, texts in asked)
    for _, (text, *_, first, second, third) in asked:
        assert all(len(each.split()) == 320 for each in (first, second, third))
        assert first.startswith(text) and not second.startswith(text) and not third.startswith(text)


def test_long_pairs_are_read_to_their_end(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    made = export(small_cross_encoder(tmp_path / "long", positions=600), tmp_path / "out", head="classify")
    text = " ".join(["w1"] * 505)
    one, other = score_pairs(made.graph, read_folder(made.path), [("w2", [text, f"{text} w3"])], longest=600)[0]
    assert one != other


def test_texts_are_read_as_the_model_reads_them(tmp_path: Path) -> None:
    """In lower case, and without types, where its files say so."""
    pytest.importorskip("onnxruntime")
    folder = small_cross_encoder(tmp_path / "m")
    asked = ("W1 w2", ["W3", "w4 W5 w6"])
    found = []
    for lower, names in ((False, ["input_ids", "token_type_ids"]), (True, ["input_ids", "attention_mask"])):
        write_json(folder / "sentence_bert_config.json", {"do_lower_case": lower, "max_seq_length": 48})
        write_json(folder / "tokenizer_config.json", {"model_input_names": names})
        made = export(folder, tmp_path / f"{lower}", head="classify")
        model = open_pair_model(made.path, cache=tmp_path)
        (scores,) = score_pairs(made.graph, read_folder(folder), [asked], longest=48)
        assert scores == pytest.approx(model.logits(model.tokenised(*asked)), abs=1e-5)
        found.append(scores)
    assert (found[0] != found[1]).all()

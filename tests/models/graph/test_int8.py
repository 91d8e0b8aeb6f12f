"""int8 graphs: near the float32 ones, the same in any company, and refused when they are not near."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spaniel.models import quantize
from spaniel.models.graph.export import export
from spaniel.models.pair_ranking import PairGate
from spaniel.models.parity import parity, sample_texts
from spaniel.retrieval.errors import InvalidInput, ModelError

from .conftest import FAMILIES, Make, batch, run

PADDING = {name: sizes.get("pad_token_id", 0) for name, (_, sizes) in FAMILIES.items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_int8_is_near_fp32_and_alike_in_any_company(make_model: Make, tmp_path: Path, family: str) -> None:
    folder, _ = make_model(family)
    made, inputs = (
        export(folder, tmp_path / "out", precision="both", least_cosine=0.98),
        batch(1, padding=PADDING[family]),
    )
    found, expected = run(made.int8_graph, inputs), run(made.graph, inputs)
    assert (found * expected).sum(1).min() > 0.98
    for i, length in enumerate(inputs["attention_mask"].sum(1)):
        alone = run(made.int8_graph, {name: value[i : i + 1, :length] for name, value in inputs.items()})[0]
        # Not to the bit: a sum that differs in its last bit can fall to the other side of a step.
        np.testing.assert_allclose(found[i], alone, atol=2e-3)
    assert made.manifest["parity"]["measure"] == "cosine"  # type: ignore[index,call-overload]


@pytest.mark.parametrize("hidden_act", ["gelu_new", "relu", "silu"])
def test_activations_have_codes_for_all_they_can_give(make_model: Make, tmp_path: Path, hidden_act: str) -> None:
    folder, _ = make_model("bert", hidden_act=hidden_act)
    made, inputs = export(folder, tmp_path / "out", precision="both", least_cosine=0.98), batch(2)
    assert (run(made.int8_graph, inputs) * run(made.graph, inputs)).sum(1).min() > 0.98


def test_classifier_passes_by_correlation(make_model: Make, tmp_path: Path) -> None:
    folder, _ = make_model("bert", kind="ForSequenceClassification", num_labels=1)
    lenient = PairGate(least_correlation=0.5, least_kendall=0, least_ndcg=0)  # the sample's words are all unknown to it
    made = export(folder, tmp_path / "out", head="classify", precision="int8", pairs=lenient)
    assert not made.graph.exists() and made.int8_graph.is_file()
    assert made.manifest["parity"]["measure"] == "correlation"  # type: ignore[index,call-overload]


def test_int8_too_far_away_is_refused_and_leaves_nothing(make_model: Make, tmp_path: Path) -> None:
    folder, _ = make_model("bert")
    with pytest.raises(ModelError, match=r"int8: cosine with fp32 is down to [01]\.\d+, 1\.1 is asked for") as raised:
        export(folder, tmp_path / "out", precision="both", least_cosine=1.1)
    assert "--precision fp32" in raised.value.hint
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("stricter", [{"least_cosine": 1.1}, {"least_ndcg": 1.1}])
def test_an_export_that_is_there_has_to_pass_too(make_model: Make, tmp_path: Path, stricter: dict[str, Any]) -> None:
    folder, _ = make_model("bert")
    made = export(folder, tmp_path / "out", precision="both", least_cosine=0.98)
    assert export(folder, tmp_path / "out", precision="both", least_cosine=0.98).manifest == made.manifest
    with pytest.raises(ModelError, match=r"1\.1 is asked for"):
        export(folder, tmp_path / "out", precision="both", **{"least_cosine": 0.98} | stricter)


def test_unknown_precision_is_named(make_model: Make, tmp_path: Path) -> None:
    folder, _ = make_model("bert")
    with pytest.raises(InvalidInput, match="'int4' is not one of fp32, int8, both"):
        export(folder, tmp_path / "out", precision="int4")  # type: ignore[arg-type]


def test_outputs_that_are_no_numbers_do_not_pass() -> None:
    nothing: Any = [{"embedding": np.zeros((1, 4), np.float32)}]
    with pytest.raises(ModelError, match="cosine with fp32 is down to nan"):
        parity(nothing, nothing, "embedding").check(0.5, "int8")


def test_sample_has_short_and_long_texts() -> None:
    words = [len(text.split()) for text in sample_texts()]
    assert len(words) >= 20 and min(words) < 8 and max(words) > 60


def test_weights_too_small_for_a_step() -> None:
    for value in (0.0, 1e-45, 1e-43, 1e-35):
        codes, scales = quantize.columns(np.full((5, 7), value, np.float32))
        assert not codes.any() and (scales == 1).all()


FLOATS = st.floats(-100, 100, width=32)


@given(arrays(np.float32, (5, 7), elements=FLOATS))
def test_codes_are_within_half_a_step(weight: Any) -> None:
    for codes, scales in (quantize.columns(weight), quantize.rows(weight)):
        assert codes.dtype == np.int8 and codes.min() >= -127
        assert (np.abs(codes * scales - weight) <= 0.5001 * scales + 1e-12).all()


@given(arrays(np.float32, (5, 7), elements=FLOATS), arrays(np.float32, 5, elements=st.floats(0, 1000, width=32)))
def test_smoothing_leaves_the_product(weight: Any, peaks: Any) -> None:
    factors = quantize.smoothing(peaks, weight)
    assert (factors > 0).all() and np.isfinite(factors).all()
    np.testing.assert_allclose((peaks / factors) @ (weight * factors[:, None]), peaks @ weight, rtol=1e-3, atol=1e-1)

"""Every family and head against transformers, on small random models."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spaniel.models.graph.export import Head, export
from spaniel.models.graph.relative import bucket_of
from spaniel.retrieval.errors import ModelError

from .conftest import FAMILIES, Make, batch, run, run_torch, with_types

PADDING = {name: sizes.get("pad_token_id", 0) for name, (_, sizes) in FAMILIES.items()}
TYPED = ("bert", "electra")
"""Families that tell the two texts of a pair apart by token_type_ids."""


@pytest.mark.parametrize("family", FAMILIES)
def test_hidden_equals_transformers(make_model: Make, tmp_path: Path, family: str) -> None:
    folder, model = make_model(family)
    made = export(folder, tmp_path / "out", head="hidden")
    inputs = batch(1, longest=33, padding=PADDING[family])
    found, expected = run(made.graph, inputs), run_torch(model, inputs)
    real = inputs["attention_mask"] == 1  # what stands at padding is nobody's business
    np.testing.assert_allclose(found[real], expected[real], atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("labels", [1, 3])
def test_logits_equal_transformers(make_model: Make, tmp_path: Path, family: str, labels: int) -> None:
    folder, model = make_model(family, kind="ForSequenceClassification", num_labels=labels)
    made = export(folder, tmp_path / "out", head="classify")
    inputs = batch(2, padding=PADDING[family])
    fed = with_types(inputs) if family in TYPED else inputs
    np.testing.assert_allclose(run(made.graph, fed), run_torch(model, fed), atol=1e-4)
    assert made.manifest["dimension"] == labels


@pytest.mark.parametrize("family", ["bert", "distilbert", "mpnet"])
def test_encoders_inside_a_model_with_a_head_are_found(make_model: Make, tmp_path: Path, family: str) -> None:
    folder, model = make_model(family, kind="ForSequenceClassification")
    made, inputs = export(folder, tmp_path / "out"), batch(3, padding=PADDING[family])
    hidden = run_torch(getattr(model, family), inputs)
    mask = inputs["attention_mask"][..., None]
    mean = (hidden * mask).sum(1) / mask.sum(1)
    np.testing.assert_allclose(run(made.graph, inputs), mean / np.linalg.norm(mean, axis=1, keepdims=True), atol=1e-4)


def test_a_head_that_is_not_there_is_named(make_model: Make, tmp_path: Path) -> None:
    folder, _ = make_model("roberta")
    with pytest.raises(ModelError, match=r"classifier\.dense\.weight is missing; there is embeddings"):
        export(folder, tmp_path / "out", head="classify")


@pytest.mark.parametrize("head", ["pool", "hidden"])
def test_vectors_do_not_depend_on_padding(make_model: Make, tmp_path: Path, head: Head) -> None:
    folder, _ = make_model("mpnet")
    made, inputs = export(folder, tmp_path / "out", head=head), batch(4, padding=1)
    whole = run(made.graph, inputs)
    for i, length in enumerate(inputs["attention_mask"].sum(1)):
        alone = run(made.graph, {name: value[i : i + 1, :length] for name, value in inputs.items()})[0]
        np.testing.assert_allclose(whole[i] if head == "pool" else whole[i, :length], alone, atol=1e-5)


def test_buckets_of_distances_are_those_of_transformers(transformers: Any) -> None:
    import torch
    from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

    distances = np.arange(-600, 601)
    for buckets in (8, 32, 64):
        expected = MPNetEncoder.relative_position_bucket(torch.from_numpy(distances), num_buckets=buckets)
        np.testing.assert_array_equal(bucket_of(distances, buckets), expected.numpy())

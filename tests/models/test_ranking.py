"""Rankings of an int8 model held against those of the fp32 one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.small_model import small_bert

from spaniel.models.graph.export import export
from spaniel.models.parity import sample_texts
from spaniel.models.ranking import LEAST_NDCG, passages, ranked
from spaniel.retrieval.errors import ModelError


def vectors(n: int = 40, seed: int = 0) -> Any:
    made = np.random.default_rng(seed).standard_normal((n, 16)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def slow_ndcg(reference: Any, given: Any) -> float:
    """Query by query, as it is defined."""
    means = []
    for i in range(len(given)):
        others = [j for j in range(len(given)) if j != i]
        truth, found = (
            sorted(others, key=lambda j: (-float(rows[i].astype(float) @ rows[j].astype(float)), j))[:10]
            for rows in (reference, given)
        )
        gain = {j: 10 - place for place, j in enumerate(truth)}
        reached, best = (
            sum(gain.get(j, 0) / np.log2(place + 2) for place, j in enumerate(each)) for each in (found, truth)
        )
        means.append(reached / best)
    return float(np.mean(means))


def test_as_it_is_defined() -> None:
    reference = vectors()
    for noise in (0.0, 0.05, 0.5):
        given = (reference + noise * vectors(seed=1)).astype(np.float32)
        assert ranked(reference, given).ndcg == pytest.approx(slow_ndcg(reference, given), abs=1e-12)
    same = ranked(reference, reference)
    assert same.ndcg == pytest.approx(1)
    assert (same.overlap, same.texts) == (1.0, 40)


def test_vectors_of_another_model_do_not_pass() -> None:
    found = ranked(vectors(), vectors(seed=1))
    assert found.ndcg < 0.5 and found.overlap < 0.5
    with pytest.raises(ModelError, match=r"int8: nDCG@10 against the ranking of fp32 is 0\.\d+, 0\.97 is asked for"):
        found.check(LEAST_NDCG, "int8")


def test_vectors_that_are_no_numbers_do_not_pass() -> None:
    broken = vectors()
    broken[3, 1] = np.nan
    with pytest.raises(ModelError, match="is nan"):
        ranked(vectors(), broken).check(0.0, "int8")


def test_enough_pieces_of_the_sample_and_no_words_lost() -> None:
    pieces = passages(sample_texts())
    assert len(pieces) >= 60 and max(len(piece.split()) for piece in pieces) == 12
    assert " ".join(pieces).split() == " ".join(sample_texts()).split()


def test_an_export_is_measured_and_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    model = small_bert(tmp_path / "m")
    made = export(model, tmp_path / "out", precision="int8", least_cosine=0.9, least_ndcg=0.5)
    told: Any = made.manifest["parity"]
    assert 0.5 < told["ranking"]["ndcg@10"] <= 1 and told["ranking"]["texts"] >= 60
    with pytest.raises(ModelError, match=r"nDCG@10 against the ranking of fp32"):
        export(model, tmp_path / "other", precision="int8", least_cosine=0.9, least_ndcg=1.1)
    assert not (tmp_path / "other").exists()

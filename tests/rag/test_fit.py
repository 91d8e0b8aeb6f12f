"""Fitting on a collection is `fit_weights` on what its index finds."""

from pathlib import Path

import numpy as np
import pytest
from contracts.toy_encoder import ToyEncoder

from spaniel.index.build import build
from spaniel.rag.pipelines.fit import fit_hybrid
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document, Query

WORDS = [f"w{place}" for place in range(40)]


def test_values_are_those_of_searches(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    documents = [Document(f"d{place}", " ".join(rng.choice(WORDS, 8))) for place in range(50)]
    encoder = ToyEncoder()
    plain = [Query(f"q{place}", " ".join(rng.choice(WORDS, 3))) for place in range(12)]
    queries = [
        Query(q.id, q.text, vector=v)
        for q, v in zip(plain, encoder.encode([q.text for q in plain], kind="query"), strict=True)
    ]
    qrels = {q.id: {f"d{place}": 1, f"d{place + 20}": 2, "gone": 1} for place, q in enumerate(plain[:10])}
    with build(documents, tmp_path / "kb", dense=encoder, store="float32") as kb:
        found = fit_hybrid(kb, queries, qrels, folds=3)
        assert len(found.out_of_fold) == 10
        assert sum(found.weights) == pytest.approx(1.0)
        ranked = kb.hybrid().search(queries[:10], k=10)
        discounts = 1 / np.log2(np.arange(2, 12))
        ideal = float(np.array([2, 1, 1]) @ discounts[:3])
        for place, ranking in enumerate(ranked):
            gains = [qrels[f"q{place}"].get(id_, 0) for id_ in kb.passages.ids(ranking.ids)]
            assert found.at_equal[place] == pytest.approx(float(np.array(gains) @ discounts) / ideal)
        with pytest.raises(InvalidInput, match="10 judged queries for 11 folds"):
            fit_hybrid(kb, queries, qrels, folds=11)

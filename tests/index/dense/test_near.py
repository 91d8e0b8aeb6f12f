"""Feedback, diversity and near duplicates over vectors in memory."""

import numpy as np
import pytest
from contracts.memory_parts import MemoryPart, unit_vectors
from contracts.retriever import RetrieverContract, Subject
from contracts.toy import ListStore
from contracts.toy_encoder import ToyEncoder, toy_card
from numpy.typing import NDArray

from spaniel.index.dense.duplicates import duplicate_groups
from spaniel.index.dense.feedback import Feedback, rocchio
from spaniel.index.dense.mmr import Mmr
from spaniel.index.dense.retriever import DenseRetriever, DenseSegment
from spaniel.retrieval.calibration import calibrated
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.mmr import mmr
from spaniel.retrieval.pipeline import Pipeline
from spaniel.retrieval.types import Query, Ranking

QUERIES = ["red fish", "dog", "cloud stone river", "a blue house by the river", "dog"]
VECTORS = unit_vectors(90, 32, 1)


def dense(**options: object) -> DenseRetriever:
    segments = [DenseSegment(MemoryPart(VECTORS[:40])), DenseSegment(MemoryPart(VECTORS[40:]), 40)]
    store = ListStore([f"text {place}" for place in range(90)])
    given: dict[str, object] = {"encoder": ToyEncoder(), "depth": 20, "passages": store, **options}
    return DenseRetriever(segments, toy_card(), **given)  # type: ignore[arg-type]


class TestOpenGate(RetrieverContract):
    @pytest.fixture
    def subject(self) -> Subject:
        return Subject(Feedback(dense(), gate=0.0), QUERIES, 90)


def by_hand(retriever: DenseRetriever, query: NDArray[np.float32], fed: list[int]) -> Ranking:
    moved = 0.8 * query + 0.2 * VECTORS[fed].mean(axis=0)
    moved = (moved / np.linalg.norm(moved)).astype(np.float32)
    return retriever.search([Query("q", "", vector=moved)])[0]


def test_rocchio_moves_towards_the_mean() -> None:
    retriever = dense()
    query = VECTORS[7] * 0.5 + VECTORS[8] * 0.6
    query /= np.linalg.norm(query)
    tops = retriever.search([Query("q", "", vector=query)])[0].ids[:3].tolist()
    found = Feedback(retriever, gate=0.0).search([Query("q", "", vector=query)])[0]
    assert found.ids.tolist() == by_hand(retriever, query, tops).ids.tolist()
    np.testing.assert_allclose(rocchio(query[None], VECTORS[None, :3], weight=0.0)[0], query, rtol=1e-6)
    plain = rocchio(query[None], VECTORS[None, :2], weight=0.5, unit=False)[0]
    np.testing.assert_allclose(plain, 0.5 * query + 0.25 * VECTORS[0] + 0.25 * VECTORS[1], rtol=1e-5, atol=1e-6)


def test_the_gate_leaves_queries_alone_whose_first_is_not_clear() -> None:
    retriever = dense()
    clear, unclear = Query("a", "", vector=VECTORS[3]), Query("b", "", vector=VECTORS[3] + VECTORS[4] + VECTORS[5])
    found = Feedback(retriever, gate=2.0).search([clear, unclear])
    assert found[1] == retriever.search([unclear])[0]
    assert found[0] == Feedback(retriever, gate=0.0).search([clear])[0] != retriever.search([clear])[0]
    assert Feedback(retriever, k=91, gate=0.0).search([clear]) == retriever.search([clear])


def test_another_ranking_feeds_it() -> None:
    retriever = dense()
    first = Pipeline(dense(passages=retriever.passages)) >> Mmr(retriever, weight=0.3)
    query = Query("q", "", vector=VECTORS[3])
    fed = first.search([query], k=3)[0].ids.tolist()
    found = Feedback(retriever, first, gate=9.0).search([query])[0]
    assert found.ids.tolist() == by_hand(retriever, VECTORS[3], fed).ids.tolist()
    fused = calibrated(retriever, Feedback(retriever, first)).search([query])[0]
    assert len(fused) >= 20


def test_the_average_rule_weighs_the_question_like_a_passage() -> None:
    retriever = dense()
    query = Query("q", "", vector=VECTORS[3])
    averaged = Feedback(retriever, k=4, weight=None, gate=0.0).search([query])
    assert averaged == Feedback(retriever, k=4, weight=0.8, gate=0.0).search([query])


def test_options_of_feedback() -> None:
    retriever = dense()
    for options in ({"k": 0}, {"weight": 1.5}, {"gate": -1.0}, {"gate": float("nan")}):
        with pytest.raises(InvalidInput, match="feedback"):
            Feedback(retriever, **options)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="another index"):
        Feedback(retriever, dense(name="other"))
    feedback = Feedback(retriever)
    assert (feedback.name, feedback.depth, feedback.passages) == ("dense+feedback", 20, retriever.passages)
    assert feedback.search([]) == []
    assert feedback.usage() == retriever.usage()


def test_mmr_orders_the_top_and_keeps_the_rest() -> None:
    retriever = dense()
    store = ListStore(["x"])
    [ranking] = retriever.search(["dog"])
    [found] = Mmr(retriever, weight=0.4, depth=8).rerank(["dog"], [ranking], store)
    scores = ranking.scores[:8].astype(float)
    order = mmr((scores - scores[-1]) / (scores[0] - scores[-1]), VECTORS[ranking.ids[:8]], weight=0.4)
    assert found.ids.tolist() == [*ranking.ids[:8][order].tolist(), *ranking.ids[8:].tolist()]
    assert Mmr(retriever).rerank(["a"], [Ranking.empty()], store) == [Ranking.empty()]
    assert Mmr(retriever, weight=1.0).rerank(["dog"], [ranking], store, k=3)[0].ids.tolist() == ranking.ids[:3].tolist()
    for options in ({"weight": 2.0}, {"depth": 0}):
        with pytest.raises(InvalidInput, match="mmr"):
            Mmr(retriever, **options)  # type: ignore[arg-type]


class Held:
    """Vectors by ordinal."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self.held = vectors

    def vectors(self, ordinals: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.held[ordinals]


@pytest.mark.parametrize("seed", range(20))
def test_duplicates_are_what_near_pairs_connect(seed: int) -> None:
    rng = np.random.default_rng(seed)
    centres = unit_vectors(12, 24, seed)
    vectors = centres[rng.integers(0, 12, 60)] + rng.choice([0.0, 0.03, 0.5], size=(60, 1)) * rng.normal(size=(60, 24))
    vectors[5:7] = 0
    vectors = vectors.astype(np.float32)
    ordinals = np.flatnonzero(rng.random(60) < 0.8)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    groups = {int(one): {int(one)} for one in ordinals}
    for a in groups:
        for b in groups:
            if a < b and unit[a] @ unit[b] >= 0.95:
                for one in groups[a] | groups[b]:
                    groups[one] = groups[a] | groups[b] | groups[one]
    for _ in range(60):  # until nothing changes
        for one in groups:
            groups[one] = set().union(*(groups[other] for other in groups[one]))
    expected = sorted({tuple(sorted(group)) for group in groups.values() if len(group) > 1})
    assert duplicate_groups(Held(vectors), ordinals, threshold=0.95) == [list(group) for group in expected]


def test_no_passages_no_duplicates() -> None:
    assert duplicate_groups(Held(VECTORS), np.zeros(0, np.int64)) == []
    assert duplicate_groups(Held(VECTORS), np.arange(1)) == []

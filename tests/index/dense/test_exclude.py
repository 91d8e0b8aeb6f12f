"""Excluded passages take nobody's place: what is left is found as if they were not there, however many they are."""

import numpy as np
import pytest
from contracts.memory_parts import unit_vectors
from numpy.typing import NDArray

import spaniel as sp
from spaniel.index.dense.add_dense import add_dense
from spaniel.index.dense.feedback import Feedback, rocchio
from spaniel.index.dense.retriever import DenseRetriever
from spaniel.index.dense.settings import StoreSettings
from spaniel.retrieval.types import Ranking

N, DIMENSION, K = 600, 32, 10
DRAWN = unit_vectors(N + 6, DIMENSION, 5) * np.geomspace(1, 0.05, DIMENSION).astype(
    np.float32
)  # as models' are: uneven
VECTORS, QUERY_VECTORS = DRAWN[6:], DRAWN[:6]
QUERIES = [sp.Query(str(n), "red fish bird", vector=vector) for n, vector in enumerate(QUERY_VECTORS)]
EXHAUSTIVE = {
    "float32": StoreSettings("float32"),
    "int8": StoreSettings("int8"),
    "binary": StoreSettings("binary"),
    "alone": StoreSettings("binary", rescore="none"),
}
"""Stores whose filters leave the scan's scores as they are."""
STORES = EXHAUSTIVE | {
    "pq": StoreSettings("pq"),
    "rabitq": StoreSettings("rabitq"),
    "lists": StoreSettings("binary", lists=9),
    "hnsw": StoreSettings("hnsw"),
    "ivf": StoreSettings("ivf", lists=12),
}
WORDS = ["red", "fish", "bird", "tree", "river", "stone"]


@pytest.fixture(scope="module")
def indexes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, sp.Index]:
    """Two segments each, opened when first asked for."""
    folder = tmp_path_factory.mktemp("kb")
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(WORDS, 4)) for _ in range(N)]
    documents = [sp.Document(f"d{n}", text, meta={"n": n}) for n, text in enumerate(texts)]
    path = folder / "kb"
    sp.build(documents[:400], path).close()
    sp.add(documents[400:], path).close()
    opened = {}
    for name, store in STORES.items():
        if store.kind in ("pq", "rabitq", "hnsw", "ivf"):
            pytest.importorskip("faiss")
        index = add_dense(
            path, vectors=VECTORS, ids=[f"d{n}" for n in range(N)], name="made", store=store, overwrite=True
        )
        opened[name] = index
    return opened


def others(hidden: list[int]) -> dict[str, object]:
    return {"n": {"$nin": hidden}}


def without(subject: DenseRetriever, vector: NDArray[np.float32], hidden: list[int]) -> Ranking:
    """Everything estimated, the hidden dropped, the best `candidates` of the rest by their better scores."""
    estimates: list[tuple[float, int]] = []
    for segment in subject.segments:
        [found] = segment.part.scan(vector[None], segment.part.n_passages)
        estimates += zip((-found.scores).tolist(), segment.rows.ordinals_of(found.rows).tolist(), strict=True)
    left = np.array([ordinal for _, ordinal in sorted(estimates) if ordinal not in hidden][: subject.candidates])
    scores = np.empty(len(left), np.float32)
    for segment in subject.segments:
        places, rows = segment.rows.rows_of(left)
        scores[places] = segment.part.rescore(vector, rows)
    return Ranking.sorted(left, scores)[:K]


@pytest.mark.parametrize("n_hidden", [1, 50, 150])
@pytest.mark.parametrize("name", STORES)
def test_the_best_excluded_leave_the_ranking_without_them(
    indexes: dict[str, sp.Index], name: str, n_hidden: int
) -> None:
    subject = indexes[name].dense(candidates=100)
    hidden = [np.argsort(-(VECTORS @ query))[:n_hidden].tolist() for query in QUERY_VECTORS]
    found = subject.search(QUERIES, k=K, exclude=hidden)
    assert found == [without(subject, vector, ids) for vector, ids in zip(QUERY_VECTORS, hidden, strict=True)]
    assert found == [one[:K] for one in subject.search(QUERIES, k=300, exclude=hidden)]
    assert found == [subject.search([query], k=K, exclude=[ids])[0] for query, ids in zip(QUERIES, hidden, strict=True)]
    if name in EXHAUSTIVE:
        filtered = [subject.search([q], k=K, where=others(ids))[0] for q, ids in zip(QUERIES, hidden, strict=True)]
        assert found == filtered


@pytest.mark.parametrize("n_hidden", [1, 50, 150])
@pytest.mark.parametrize("name", EXHAUSTIVE)
def test_through_hybrid_and_feedback(indexes: dict[str, sp.Index], name: str, n_hidden: int) -> None:
    index, query = indexes[name], QUERIES[0]
    hybrid = index.hybrid(candidates=60, depth=40)
    hidden = index.hybrid(400).search([query], k=n_hidden)[0].ids.tolist()
    assert len(hidden) == n_hidden
    assert hybrid.search([query], k=K, exclude=[hidden]) == hybrid.search([query], k=K, where=others(hidden))

    dense = index.dense(candidates=60)
    top = dense.search([query], k=n_hidden)[0].ids.tolist()
    [moved] = rocchio(
        QUERY_VECTORS[:1], dense.vectors(dense.search([query], k=3)[0].ids)[None], unit=dense.card.normalised
    )
    expected = dense.search([sp.Query("", "", vector=moved)], k=K, where=others(top))
    assert Feedback(dense, gate=0).search([query], k=K, exclude=[top]) == expected

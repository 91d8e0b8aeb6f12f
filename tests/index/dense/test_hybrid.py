"""Hybrid search, neighbours and near duplicates over an index on disk."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from contracts.retriever import RetrieverContract, Subject
from contracts.toy_encoder import ToyEncoder

from spaniel.index.build import build
from spaniel.index.dense.duplicates import near_duplicates
from spaniel.index.dense.neighbours import neighbours
from spaniel.index.edit import delete
from spaniel.index.index import Index, open_index
from spaniel.index.optimize import optimize
from spaniel.retrieval import fusion
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document, Ranking, as_queries

WORDS = ["red", "fish", "dog", "cloud", "stone", "river", "tree", "cat", "blue", "house", "night", "day"]
QUERIES = ["red fish", "dog", "cloud stone river", "a blue house", "unknown"]


def documents() -> list[Document]:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(3, 9))) for _ in range(70)]
    texts[20] = texts[41] = texts[7]
    return [Document(f"d{place}", text, meta={"even": place % 2 == 0}) for place, text in enumerate(texts)]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("hybrid") / "kb"
    build(documents(), found, dense=ToyEncoder(), dense_name="toy", store="float32").close()
    return found


@pytest.fixture
def kb(path: Path) -> Iterator[Index]:
    with open_index(path) as index:
        yield index


class TestHybrid(RetrieverContract):
    """The others are no subjects: ranks, deviations and ranges change with what is excluded."""

    @pytest.fixture
    def subject(self, kb: Index) -> Subject:
        # Deep enough that nothing is cut before it is fused.
        return Subject(kb.hybrid(depth=100, encoder=ToyEncoder()), QUERIES, 70)


def test_it_is_the_fusion_of_its_parts(kb: Index) -> None:
    encoder = ToyEncoder()
    words, vectors = kb.bm25(10), kb.dense("toy", 10, encoder=encoder)
    units = np.array([words.units(as_queries(QUERIES)), vectors.units(as_queries(QUERIES))]).T
    rows = list(zip(words.search(QUERIES), vectors.search(QUERIES), strict=True))

    def by_hand(place: int, row: tuple[Ranking, ...]) -> Ranking:
        return fusion.weighted(row, (np.array([0.3, 0.7]) / units[place]).tolist(), floors=[0.0, None])

    found = kb.hybrid(depth=10, weights=[0.3, 0.7], encoder=encoder).search(QUERIES)
    assert found == [by_hand(place, row) for place, row in enumerate(rows)]
    assert kb.hybrid(depth=10, fusion="rrf", encoder=encoder).search(QUERIES) == [fusion.rrf(row) for row in rows]
    floors = [0.0, None]
    expected = [fusion.convex(row, floors=floors) for row in rows]
    assert kb.hybrid(depth=10, fusion="convex", encoder=encoder).search(QUERIES) == expected


def test_depth_follows_k(kb: Index) -> None:
    assert kb.hybrid(encoder=ToyEncoder()).depth == 400
    assert kb.hybrid(10, encoder=ToyEncoder()).depth == 400
    assert kb.hybrid(1000, encoder=ToyEncoder()).depth == 2000
    assert kb.hybrid(1000, depth=30, encoder=ToyEncoder()).name == "hybrid(bm25, dense)"


def test_options_that_cannot_be(kb: Index) -> None:
    for options in ({"fusion": "best"}, {"fusion": "rrf", "weights": [1, 1]}, {"fusion": "convex", "weights": [1]},
                    {"weights": [1.0]}, {"dense": "other"}, {"depth": 0}):  # fmt: skip
        with pytest.raises(InvalidInput):
            kb.hybrid(**options)  # type: ignore[arg-type]


def test_neighbours_are_the_nearest_without_itself(kb: Index) -> None:
    vectors = kb.dense("toy").vectors(np.arange(70))
    scores = vectors.astype(np.float64) @ vectors[5]
    order = [place for place in np.lexsort((np.arange(70), -scores.astype(np.float32))) if place != 5]
    found = neighbours(kb, "d5", k=4)
    assert [hit.id for hit in found] == [f"d{place}" for place in order[:4]]
    assert neighbours(kb, "d7", k=2, name="toy")[0].id == "d20"
    with pytest.raises(InvalidInput, match="no passage 'nobody'"):
        neighbours(kb, "nobody")


def test_near_duplicates_by_name(path: Path, tmp_path: Path) -> None:
    with build(documents(), tmp_path / "kb", dense=ToyEncoder(), store="float32"):
        pass
    with open_index(tmp_path / "kb") as kb:
        assert ["d7", "d20", "d41"] in near_duplicates(kb, threshold=1.0)
    delete(tmp_path / "kb", ["d20"])
    with open_index(tmp_path / "kb") as kb:
        groups = near_duplicates(kb, threshold=1.0)
        assert ["d7", "d41"] in groups and not any("d20" in group for group in groups)
        with pytest.raises(InvalidInput):
            near_duplicates(kb, name="other")


def test_a_model_of_another_language_counts_less(kb: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its unit is three times as large, that of words as before."""
    queries = as_queries(QUERIES)
    usual = kb.dense().units(queries)
    for trained_on, factor in ((("german",), 3.0), (("german", "english"), 1.0), ((), 1.0)):
        monkeypatch.setattr("spaniel.index.dense.languages.languages_of", lambda source, known=trained_on: known)
        assert kb.dense().units(queries).tolist() == (factor * usual).tolist()


@pytest.mark.parametrize("store", ["float32", "binary"])
def test_optimize_changes_nothing_where_a_cluster_was_deleted(tmp_path: Path, store: str) -> None:
    """Half of the passages say the same thing and are deleted: the similarities of what is left stay what they are."""
    rng = np.random.default_rng(2)
    texts = [f"red fish {rng.choice(WORDS)}" if n % 2 else " ".join(rng.choice(WORDS, size=6)) for n in range(200)]
    made = [Document(f"d{n}", text) for n, text in enumerate(texts)]
    build(made, tmp_path / "kb", dense=ToyEncoder(), dense_name="toy", store=store).close()  # type: ignore[arg-type]
    delete(tmp_path / "kb", [f"d{n}" for n in range(1, 200, 2)])
    found = []
    for _ in range(2):
        with open_index(tmp_path / "kb") as index:
            units = index.dense(encoder=ToyEncoder()).units(as_queries(["dog"])).tolist()
            rankings = index.hybrid(encoder=ToyEncoder()).search(QUERIES, k=30)
            found.append((units, [[index.passages.ids(r.ids), r.scores.tolist()] for r in rankings]))
        optimize(tmp_path / "kb")
    assert found[0] == found[1]

"""The contract of retrievers over dense parts: every kind of store, several segments, the dead left out."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from contracts.retriever import RetrieverContract, Subject, check_form
from contracts.toy_encoder import ToyEncoder

import spaniel as sp
from spaniel.index.dense.add_dense import add_dense
from spaniel.index.dense.faiss_fitted import Searcher
from spaniel.index.dense.faiss_hnsw import HnswSearcher
from spaniel.index.dense.settings import StoreSettings
from spaniel.models.text import passage_text
from spaniel.retrieval.errors import InvalidInput, InvalidQuery, ModelError

WORDS = ["red", "green", "blue", "fish", "bird", "dog", "cat", "house", "tree", "river", "stone", "cloud"]
QUERIES = ["red fish", "dog", "cloud stone river", "tree tree cat", "a blue house by the river"]
ENCODER = ToyEncoder()
EXACT = {"float32": 1e-6, "float16": 1e-3, "int8": 1e-2}


def documents(first: int, n: int) -> list[sp.Document]:
    """Few words, so that equal passages are common; every third is of the year 2000."""
    rng = np.random.default_rng(first)
    return [
        sp.Document(f"d{i}", " ".join(rng.choice(WORDS, rng.integers(1, 6))), meta={"year": 2000 + i % 3})
        for i in range(first, first + n)
    ]


EVERYTHING = documents(0, 60) + documents(60, 35) + documents(95, 24) + documents(119, 1)


def grown(path: Path, store: StoreSettings) -> sp.Index:
    """Four segments, and every seventh document deleted."""
    sp.build(documents(0, 60), path, dense=ENCODER, dense_name="toy", store=store).close()
    for first, n in [(60, 35), (95, 24), (119, 1)]:
        sp.add(documents(first, n), path, encoder=ENCODER).close()
    sp.delete(path, [f"d{number}" for number in range(0, 120, 7)])
    return sp.open(path)


class Contract(RetrieverContract):
    store: StoreSettings

    @pytest.fixture(scope="class")
    @classmethod
    def index(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sp.Index]:
        if cls.store.kind in ("hnsw", "ivf", "pq", "rabitq"):
            pytest.importorskip("faiss")
        with cls.made(tmp_path_factory.mktemp("kb") / "kb") as index:
            yield index

    @classmethod
    def made(cls, path: Path) -> sp.Index:
        return grown(path, cls.store)

    @pytest.fixture
    def subject(self, index: sp.Index) -> Subject:
        return Subject(index.dense("toy", 20, encoder=ENCODER, candidates=25), QUERIES, 120)

    def test_finds_the_living_that_match(self, subject: Subject, index: sp.Index) -> None:
        for ranking in subject.retriever.search(QUERIES, k=200, where={"year": 2001}):
            check_form(ranking)
            assert sorted(ranking.ids.tolist()) == [n for n in range(120) if n % 7 and n % 3 == 1]

    def test_scores_are_near_the_dot_product(self, index: sp.Index) -> None:
        retriever = index.dense("toy", encoder=ENCODER, candidates=200)
        texts = [passage_text(d.title, d.text) for d in EVERYTHING]
        vectors, queries = ENCODER.encode(texts, kind="passage"), ENCODER.encode(QUERIES, kind="query")
        off = EXACT.get(self.store.kind, 0.02 if self.store.rescore != "none" else 0.5)
        for query, ranking in zip(queries, retriever.search(QUERIES), strict=True):
            assert np.abs(vectors[ranking.ids] @ query - ranking.scores).max() < off
            assert np.abs(retriever.vectors(ranking.ids[:5]) @ query - ranking.scores[:5]).max() < off


class TestFloat32(Contract):
    store = StoreSettings("float32")


class TestFloat16(Contract):
    store = StoreSettings("float16")


class TestInt8(Contract):
    store = StoreSettings("int8")


class TestBinary(Contract):
    store = StoreSettings("binary")


class TestBinaryAlone(Contract):
    store = StoreSettings("binary", factor=True, rescore="none")


class TestBinaryLists(Contract):
    store = StoreSettings("binary", lists=9)

    @pytest.fixture
    def subject(self, index: sp.Index) -> Subject:
        """One list visited, so that most results stand in others; all scored again, for estimates there are rough."""
        return Subject(index.dense("toy", 20, encoder=ENCODER, candidates=120, nprobe=1), QUERIES, 120)


class TestBinaryListsAlone(TestBinaryLists):
    store = StoreSettings("binary", rescore="none", lists=9)


class TestHnsw(Contract):
    store = StoreSettings("hnsw")


class TestIvf(Contract):
    store = StoreSettings("ivf")


class TestPq(Contract):
    store = StoreSettings("pq", rescore="float16")


class TestRabitq(Contract):
    store = StoreSettings("rabitq", rescore="float32")


class TestHnswFiltersByItself(TestHnsw):
    @pytest.fixture(autouse=True)
    def no_exact(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(HnswSearcher, "exact_below", 0)


class TestPqFiltersByItself(TestPq):
    @pytest.fixture(autouse=True)
    def no_exact(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Searcher, "exact_below", 0)


class TestOptimized(TestFloat32):
    @classmethod
    def made(cls, path: Path) -> sp.Index:
        grown(path, cls.store).close()
        sp.optimize(path)
        return sp.open(path)

    @pytest.fixture
    def subject(self, index: sp.Index) -> Subject:
        return Subject(index.dense(k=20, encoder=ENCODER, threads=2), QUERIES, 120)


del Contract


@pytest.mark.parametrize("kind", EXACT)
def test_segments_deletes_and_merging_do_not_change_results(kind: str, tmp_path: Path) -> None:
    store = StoreSettings(kind)  # type: ignore[arg-type]
    kept = [document for number, document in enumerate(EVERYTHING) if number % 7]
    with sp.build(kept, tmp_path / "whole", dense=ENCODER, store=store) as whole:
        expected = [[(hit.id, hit.score) for hit in found(whole, query)] for query in QUERIES]
    with grown(tmp_path / "many", store) as many:
        assert [[(hit.id, hit.score) for hit in found(many, query)] for query in QUERIES] == expected
    sp.optimize(tmp_path / "many")
    with sp.open(tmp_path / "many") as one:
        assert [[(hit.id, hit.score) for hit in found(one, query)] for query in QUERIES] == expected


def found(index: sp.Index, query: str) -> list[sp.Hit]:
    return list((index.dense(encoder=ENCODER) >> Everything())(query))


class Everything:
    name = "everything"

    def cut(self, query: object, ranking: sp.Ranking) -> int:
        return len(ranking)

    def explain(self, query: object, ranking: sp.Ranking) -> dict[str, int]:
        return {"k": len(ranking)}


def test_several_models(tmp_path: Path) -> None:
    other = ToyEncoder(16, seed=4, name="other")
    sp.build(documents(0, 30), tmp_path / "kb", dense=ENCODER, dense_name="first", store="float32").close()
    with add_dense(tmp_path / "kb", other, name="second", store="binary") as index:
        assert index.dense_names == ("first", "second")
        assert index.dense(encoder=ENCODER).card.name == "toy"
        assert index.dense("second", encoder=other).name == "binary"
        with pytest.raises(ModelError, match="dimension"):
            index.dense("second", encoder=ENCODER)
        with pytest.raises(InvalidInput, match="first, second"):
            index.dense("third")


def test_options_that_cannot_be(tmp_path: Path) -> None:
    with sp.build(documents(0, 30), tmp_path / "kb", dense=ENCODER, store="float32") as index:
        for options in ({"nprobe": 4}, {"ef": 4}, {"device": "tpu"}, {"k": 0}, {"candidates": 0}, {"threads": 0}):
            with pytest.raises(InvalidInput):
                index.dense(encoder=ENCODER, **options)
    with pytest.raises(InvalidInput, match="closed"):
        index.dense(encoder=ENCODER)
    with sp.build(documents(0, 3), tmp_path / "words") as index, pytest.raises(InvalidInput, match="no dense part"):
        index.dense()


def test_efforts(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    with sp.build(documents(0, 60), tmp_path / "ivf", dense=ENCODER, store=StoreSettings("ivf", lists=9)) as index:
        assert len(index.dense(encoder=ENCODER, nprobe=2).search(["dog"], k=60)[0]) == 60
        with pytest.raises(InvalidInput, match="nprobe"):
            index.dense(encoder=ENCODER, nprobe=0)
        with pytest.raises(InvalidInput, match="ef"):
            index.dense(encoder=ENCODER, ef=9)


def test_a_model_that_is_gone(tmp_path: Path) -> None:
    """The card of a toy names nothing that could be opened: texts fail, vectors do not."""
    with sp.build(documents(0, 30), tmp_path / "kb", dense=ENCODER, store="float32") as index:
        [vector] = ENCODER.encode(["dog"], kind="query")
        assert len(index.dense().search([sp.Query("", "dog", vector=vector)], k=5)[0]) == 5
        with pytest.raises(ModelError):
            index.dense().search(["dog"])


def test_reordered_segments_keep_rows_and_the_dead(tmp_path: Path) -> None:
    """Postings in another order than the vectors: with consecutive ordinals, then with gaps."""
    path, dead = tmp_path / "kb", [f"d{number}" for number in range(0, 120, 11)]
    sp.build(EVERYTHING, path, dense=ENCODER, store="float32").close()
    sp.optimize(path)
    sp.delete(path, dead)
    expected = [d.id for d in EVERYTHING if d.id not in dead]
    for _ in range(2):
        with sp.open(path) as index:
            [vector] = ENCODER.encode(["red dog"], kind="query")
            hits = found(index, "red dog")
            assert sorted(hit.id for hit in hits) == sorted(expected)
            for hit in hits[:20]:
                own = ENCODER.encode([passage_text(hit.passage.title, hit.passage.text)], kind="passage")[0]
                assert abs(own @ vector - hit.score) < 1e-6
        sp.optimize(path)
        if "d50" in expected:
            sp.delete(path, ["d50"])
            expected.remove("d50")


def test_a_vector_where_two_models_are_is_an_error(tmp_path: Path) -> None:
    sp.build(documents(0, 30), tmp_path / "kb", dense=ENCODER, dense_name="first", store="float32").close()
    [vector] = ENCODER.encode(["dog"], kind="query")
    with add_dense(tmp_path / "kb", ToyEncoder(16, seed=4, name="other"), name="second", store="binary") as index:
        with pytest.raises(InvalidQuery, match=r"first, second.*model="):
            index.search(sp.Query("", "dog", vector=vector))
        with pytest.raises(InvalidInput, match="candidates"):
            index.hybrid(dense="first", encoder=ENCODER, candidates=0)


@pytest.mark.parametrize("store", ["float32", "int8", "binary"])
def test_vectors_that_are_large_but_not_too_large(tmp_path: Path, store: str) -> None:
    """What is accepted can be searched, in the order of the dot products."""
    sp.build(documents(0, 30), tmp_path / "kb").close()
    ids = [f"d{n}" for n in range(30)]
    vectors = np.eye(30, 16, dtype=np.float32) * np.float32(1e16)
    vectors[5] *= -1
    with add_dense(tmp_path / "kb", vectors=vectors, ids=ids, store=store) as index:  # type: ignore[arg-type]
        [ranking] = index.dense().search([sp.Query("", "", vector=vectors[2])], k=30)
        assert (ranking.ids[0], len(ranking)) == (2, 30)
        assert sp.verify(tmp_path / "kb").problems == ()
    with pytest.raises(InvalidInput, match="1e\\+16"):
        add_dense(tmp_path / "kb", vectors=vectors * 2, ids=ids, name="more")

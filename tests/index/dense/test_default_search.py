"""`Index.search`: both kinds of search where the index holds the vectors of one model, else words."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.toy_encoder import ToyEncoder

import spaniel as sp
from spaniel.models.encoders import open as opening
from spaniel.retrieval.errors import InvalidInput, MissingExtra

TEXTS = ["dogs bark at cats", "cats sleep", "dogs sleep", "a key to the vault", "rotate every key"]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(opening, "open_encoder", lambda model, **options: ToyEncoder())
    documents = [sp.Document(f"d{n}", text) for n, text in enumerate(TEXTS)]
    sp.build(documents, tmp_path / "kb", dense=ToyEncoder(), store="float32").close()
    return tmp_path / "kb"


def test_both_are_asked(path: Path) -> None:
    with sp.open(path) as kb:
        results = kb.search("dogs")
        assert len(results) == len(TEXTS)  # words alone would find two
        assert {record.name for record in results.trace} >= {"bm25", "dense"}
        assert {place.stage for place in results[0].stages} >= {"bm25", "dense"}
        assert [hit.id for hit in results] == [hit.id for hit in kb.hybrid()("dogs")]
        assert results.ms > 0


def test_filters_and_exclusions_hold(path: Path) -> None:
    with sp.open(path) as kb:
        first = kb.search("dogs")[0].id
        ordinal = int(first[1:])
        assert first not in [hit.id for hit in kb.search("dogs", exclude=[ordinal])]
        assert [hit.id for hit in kb.search("dogs", where={"id": "d3"})] == ["d3"]
    sp.delete(path, [first])
    with sp.open(path) as kb:
        assert first not in [hit.id for hit in kb.search("dogs")]


def test_a_search_does_not_depend_on_those_before(path: Path) -> None:
    with sp.open(path) as kb, sp.open(path) as other:
        assert len(other.search("dogs", k=1000)) == len(TEXTS)
        assert [hit.score for hit in kb.search("dogs")] == [hit.score for hit in other.search("dogs")]


def scores(results: Any) -> list[tuple[str, float]]:
    return [(hit.id, hit.score) for hit in results]


def test_the_first_model_stays_the_one_that_is_meant(path: Path) -> None:
    with sp.open(path) as kb:
        before = scores(kb.search("dogs"))
    vectors = np.eye(5, 8, dtype=np.float32)
    sp.add_dense(path, vectors=vectors, ids=[f"d{n}" for n in range(5)], name="other", store="float32").close()
    asked = sp.Query("q", "dogs", vector=vectors[3])
    with sp.open(path) as kb:
        assert kb.dense_names == ("toy", "other") and kb.is_hybrid
        assert scores(kb.search("dogs")) == before
        assert scores(kb.search("dogs", model="toy")) == before
        assert scores(kb.search("dogs", model="toy", retriever="dense")) == scores(kb.search("dogs", retriever="dense"))
        assert {hit.id for hit in kb.search("dogs", retriever="bm25")} == {"d0", "d2"}
        assert kb.search(asked, model="other", retriever="dense")[0].id == "d3"
        assert kb.neighbours("d0")[0].score == kb.neighbours("d0", model="toy")[0].score
        assert {hit.score for hit in kb.neighbours("d0", 2, model="other")} == {0.0}
        assert kb.duplicates(0.9999, model="other") == []
        for wrong in ({"model": "none"}, {"retriever": "binary"}, {"retriever": "bm25", "model": "toy"}):
            with pytest.raises(InvalidInput):
                kb.search("dogs", **wrong)  # type: ignore[arg-type]
    sp.drop_dense(path, "toy")
    with sp.open(path) as kb:
        assert not kb.is_hybrid
        assert {hit.id for hit in kb.search("dogs")} == {"d0", "d2"}


def test_a_vector_of_ones_own_needs_no_model(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(model: object, **options: Any) -> ToyEncoder:
        raise MissingExtra("onnxruntime", "cpu")

    monkeypatch.setattr(opening, "open_encoder", missing)
    vector = ToyEncoder().encode(["rotate every key"], kind="passage")[0]
    with sp.open(path) as kb:
        assert kb.search(sp.Query("q", "key", vector=vector))[0].id == "d4"
        with pytest.raises(MissingExtra) as raised:
            kb.search("key")
        assert "spaniel[cpu]" in raised.value.hint and "bm25()" in raised.value.hint
        assert [hit.id for hit in kb.hybrid(encoder=ToyEncoder())("rotate every key", k=1)] == ["d4"]
        assert kb.explain_score("key", "d4")["id"] == "d4"


def test_vectors_made_elsewhere_leave_words(path: Path) -> None:
    sp.drop_dense(path, "toy")
    sp.add_dense(path, vectors=np.eye(5, 8, dtype=np.float32), ids=[f"d{n}" for n in range(5)], store="float32").close()
    with sp.open(path) as kb:
        assert not kb.is_hybrid
        assert {hit.id for hit in kb.search("dogs")} == {"d0", "d2"}
        asked = sp.Query("q", "", vector=np.eye(5, 8, dtype=np.float32)[3])
        assert kb.search(asked)[0].id == "d3"


def test_what_cannot_be_asked(path: Path) -> None:
    with sp.open(path) as kb:
        for k in (0, -1, 1.5):
            with pytest.raises(InvalidInput):
                kb.search("dogs", k=k)  # type: ignore[arg-type]
        with pytest.raises(InvalidInput):
            kb.search(["dogs", "cats"])  # type: ignore[arg-type]
        with pytest.raises(sp.InvalidQuery):
            kb.search(sp.Query("q", "dogs", vector=np.ones(3, np.float32)))
    with pytest.raises(InvalidInput):
        kb.search("dogs")

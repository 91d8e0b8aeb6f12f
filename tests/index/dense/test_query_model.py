"""A model that asks in place of the one that made the vectors: given to a retriever, to an open index, or for good."""

import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.toy_encoder import ToyEncoder
from contracts.toy_encoder import ToyTowers as Towers

from spaniel.index.build import add, build
from spaniel.index.check import verify
from spaniel.index.dense.add_dense import add_dense
from spaniel.index.dense.settings import DenseSettings, StoreSettings
from spaniel.index.edit import delete
from spaniel.index.index import Index, open_index
from spaniel.index.manifest import decode_manifest
from spaniel.index.optimize import optimize
from spaniel.index.query_model import set_query_model
from spaniel.models.card import ModelCard
from spaniel.models.encoders import open as opening
from spaniel.models.encoders.base import Encoder
from spaniel.retrieval.errors import IndexCorrupt, IndexTooNew, InvalidInput, ModelError
from spaniel.retrieval.types import Document

ASKED = ["crash of the writer", "page byte byte"]


def documents(first: int, count: int) -> list[Document]:
    words = ["index", "store", "commit", "query", "score", "writer", "crash", "disk", "byte", "page"]
    generator = np.random.default_rng(first)
    return [Document(f"d{n}", " ".join(generator.choice(words, 6))) for n in range(first, first + count)]


def made(source: str) -> ToyEncoder:
    """toy-0: the start; out-7: two towers; other-3: another model."""
    kind, _, number = source.partition("-")
    return Towers(int(number)) if kind.endswith("out") else ToyEncoder(seed=int(number))


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was opened by its place, in order; a card opens the same model again or is an error."""
    places: list[str] = []

    def open_encoder(model: str | ModelCard, **options: Any) -> Encoder:
        encoder = made(model.source if isinstance(model, ModelCard) else str(model))
        places.append(encoder.card.source)
        if isinstance(model, ModelCard):
            opening.check_same(model, encoder.card, model.source)
        return encoder

    monkeypatch.setattr(opening, "open_encoder", open_encoder)
    return places


@pytest.fixture(params=["float32", "int8", "binary"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    build(documents(0, 40), tmp_path / "kb", dense=ToyEncoder(), store=request.param).close()
    return tmp_path / "kb"


@pytest.fixture
def index(path: Path) -> Iterator[Index]:
    with open_index(path) as opened:
        yield opened


def files(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in path.iterdir() if each.is_file() and each.name != "write.lock"}


class TestARetriever:
    def test_asks_with_it(self, index: Index, opened: list[str]) -> None:
        vectors = Towers(7).asks.encode(ASKED, kind="query")
        by_place, by_object = index.dense(query_model="out-7"), index.dense(encoder=Towers(7))
        again = index.dense(query_model=Path("out-7"))
        for dense in (by_place, by_object, again):
            assert (dense.query_vectors(ASKED) == vectors).all()
            assert dense.search(ASKED) == by_place.search(ASKED) != index.dense().search(ASKED)
        assert opened == ["out-7", "toy-0"]  # each once
        assert index.hybrid(query_model="out-7").search(ASKED) != index.hybrid().search(ASKED)

    def test_another_models_passages_are_an_error(self, index: Index) -> None:
        for given in ({"query_model": "toy-3"}, {"encoder": Towers(7, seed=3)}, {"query_model": Towers(7, seed=3)}):
            with pytest.raises(ModelError, match="made with 'toy', asked with 'toy': sha256") as error:
                index.dense(**given)  # type: ignore[arg-type]
            assert "use 'toy-0'" in error.value.hint and "add-dense INDEX" in error.value.hint

    def test_what_is_no_model(self, index: Index) -> None:
        with pytest.raises(InvalidInput, match="not both"):
            index.dense(encoder=Towers(7), query_model="out-7")
        for wrong in ("", 3):
            with pytest.raises(InvalidInput, match="is no model"):
                index.dense(query_model=wrong)  # type: ignore[arg-type]


class TestAnOpenIndex:
    def test_asks_with_it_everywhere(self, path: Path, opened: list[str]) -> None:
        with open_index(path, query_model="out-7") as index, open_index(path) as plain:
            assert index.dense().search(ASKED) == plain.dense(query_model="out-7").search(ASKED)
            assert index.hybrid().search(ASKED) == plain.hybrid(query_model="out-7").search(ASKED)
            assert [hit.id for hit in index.search("crash", retriever="dense")] != [
                hit.id for hit in plain.search("crash", retriever="dense")
            ]
            assert index.dense(query_model="out-8").search(ASKED) == plain.dense(query_model="out-8").search(ASKED)
            assert index.query_models == {"toy": Towers(7).card} and not plain.query_models
        assert opened.count("out-7") == 2

    def test_is_known_by_its_model(self, path: Path) -> None:
        names = []
        for model in (None, "out-7", "out-8", Towers(7)):
            with open_index(path, query_model=model) as index:
                names.append(index.passages.identity)
        assert names[1] == names[3] and len(set(names)) == 3

    def test_moves_on(self, path: Path, opened: list[str]) -> None:
        with open_index(path, query_model="out-7") as index:
            before = index.passages.identity
            add(documents(40, 5), path, encoder=ToyEncoder()).close()
            assert index.reopen() and index.passages.identity != before
            assert len(index.dense().search(ASKED, k=50)[0]) == 45 and list(index.query_models) == ["toy"]
            build(documents(0, 4), path, dense=ToyEncoder(seed=3), store="float32", overwrite=True).close()
            with pytest.raises(ModelError, match="made with 'toy'"):
                index.reopen()
            assert len(index.dense().search(ASKED, k=50)[0]) == 45
        assert opened.count("out-7") == 1

    def test_of_several_parts_those_that_it_fits(self, path: Path) -> None:
        add_dense(path, ToyEncoder(seed=3), name="other", store="float32").close()
        add_dense(path, vectors=np.eye(40), ids=[f"d{n}" for n in range(40)], name="given", store="float32").close()
        with open_index(path, query_model="out-7") as index:
            assert list(index.query_models) == ["toy"]
            assert (index.dense("other", encoder=ToyEncoder(seed=3)).query_vectors(["a"]) != 0).any()
        with pytest.raises(ModelError, match=r"dense-toy.*made with 'toy'"):
            open_index(path, query_model="toy-4")

    def test_without_vectors(self, tmp_path: Path) -> None:
        build(documents(0, 3), tmp_path / "words").close()
        with pytest.raises(InvalidInput, match="holds no vectors of a model"):
            open_index(tmp_path / "words", query_model="out-7")


class TestForGood:
    def test_only_the_manifest_changes_and_can_go_back(self, path: Path) -> None:
        before = files(path)
        with open_index(path) as plain:
            usual = plain.dense().search(ASKED)
        set_query_model(path, "out-7")
        after = files(path)
        assert {name for name in after if after[name] != before.get(name)} == {"MANIFEST"} and set(after) == set(before)
        assert verify(path).ok
        with open_index(path) as index:
            assert (index.dense().query_vectors(ASKED) == Towers(7).asks.encode(ASKED, kind="query")).all()
            assert index.query_models == {"toy": Towers(7).card}
            [model] = index.info()["models"]  # type: ignore[misc, union-attr]
            assert model["query"]["source"] == "out-7"  # type: ignore[index, call-overload]
            assert index.dense(encoder=ToyEncoder()).search(ASKED) == usual
        assert after["MANIFEST"].startswith(b"spaniel manifest 4 ")
        set_query_model(path, None)
        assert b'"query"' not in (path / "MANIFEST").read_bytes()
        assert (path / "MANIFEST").read_bytes().startswith(b"spaniel manifest 2 ")
        with open_index(path) as index:
            assert index.dense().search(ASKED) == usual

    def test_stays_through_a_life(self, path: Path, opened: list[str]) -> None:
        set_query_model(path, Towers(7))
        add(documents(40, 6), path).close()
        delete(path, ["d3"])
        optimize(path)
        assert verify(path).ok
        assert opened == ["toy-0"]  # passages are encoded by the model that made the others
        right = ToyEncoder().encode([document.text for document in documents(40, 6)], kind="passage")
        with open_index(path) as index:
            assert index.query_models == {"toy": Towers(7).card}
            seen = index.dense().vectors(index.passages.ordinals_of(["d40"])["d40"])
            assert (seen[0] @ right[0]) / np.linalg.norm(seen[0]) > 0.9
            assert len(index.dense().search(ASKED, k=60)[0]) == 45

    def test_vectors_made_anew(self, path: Path) -> None:
        set_query_model(path, Towers(7))
        add_dense(path, ToyEncoder(), name="toy", store="float16", overwrite=True).close()
        with open_index(path) as index:  # the same passages in another store
            assert index.query_models == {"toy": Towers(7).card}
        add_dense(path, Towers(8), name="toy", store="float16", overwrite=True).close()
        with open_index(path) as index:  # a model that brings a tower for questions
            assert not index.query_models and index.settings.dense["toy"].asks == Towers(8).card
        set_query_model(path, Towers(7))
        add_dense(path, ToyEncoder(seed=3), name="toy", store="float16", overwrite=True).close()
        with open_index(path) as index:
            assert not index.query_models

    def test_the_model_itself_is_no_other(self, path: Path) -> None:
        set_query_model(path, "toy-0")
        with open_index(path) as index:
            assert not index.query_models

    def test_refused(self, path: Path) -> None:
        before = files(path)
        with pytest.raises(ModelError, match="made with 'toy', asked with 'toy'"):
            set_query_model(path, "toy-3")
        with pytest.raises(InvalidInput, match="no dense part 'x'"):
            set_query_model(path, "out-7", name="x")
        assert files(path) == before
        add_dense(path, vectors=np.eye(40), ids=[f"d{n}" for n in range(40)], name="given", store="float32").close()
        with pytest.raises(InvalidInput, match="nobody knows which model"):
            set_query_model(path, "out-7", name="given")

    def test_a_folder_that_holds_another_by_now(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        set_query_model(path, "out-7")
        monkeypatch.setattr(opening, "open_encoder", lambda card, **_: opening.check_same(card, Towers(9).card, "out"))
        with open_index(path) as index, pytest.raises(ModelError, match="query_sha256") as error:
            index.dense().search(ASKED)
        assert f"query-model {path} MODEL --name toy" in error.value.hint


def test_an_index_made_with_two_towers(tmp_path: Path) -> None:
    build(documents(0, 9), tmp_path / "kb", dense=Towers(7), store="float32").close()
    assert (tmp_path / "kb" / "MANIFEST").read_bytes().startswith(b"spaniel manifest 4 ")
    with open_index(tmp_path / "kb") as index:
        assert (index.dense().query_vectors(ASKED) == Towers(7).asks.encode(ASKED, kind="query")).all()
        assert index.dense(encoder=ToyEncoder()).search(ASKED) == index.dense(query_model="toy-0").search(ASKED)
    add(documents(9, 2), tmp_path / "kb", encoder=ToyEncoder()).close()  # its passages are the start's


class TestTheManifest:
    def test_settings_are_checked(self) -> None:
        both = DenseSettings(ToyEncoder().card, StoreSettings("float32"), Towers(7).card)
        assert DenseSettings.from_json(both.to_json()) == both and both.asks == Towers(7).card
        assert "query" not in replace(both, query=None).to_json()
        for wrong in (ToyEncoder(seed=3).card.to_json(), {"name": "x"}, 3):
            with pytest.raises((ValueError, TypeError)):
                DenseSettings.from_json({**both.to_json(), "query": wrong})

    def test_the_version_has_to_fit(self, tmp_path: Path) -> None:
        build(documents(0, 3), tmp_path / "kb", dense=ToyEncoder(), store="float32").close()
        set_query_model(tmp_path / "kb", Towers(7))
        whole = (tmp_path / "kb" / "MANIFEST").read_bytes()
        for version, kind in ((2, IndexCorrupt), (3, IndexCorrupt), (5, IndexTooNew)):
            first, _, body = whole.partition(b"\n")
            words = first.split()
            crc = zlib.crc32(body, zlib.crc32(b"%d %s\n" % (version, words[3])))
            forged = b"spaniel manifest %d %s %08x\n" % (version, words[3], crc) + body
            with pytest.raises(kind):
                decode_manifest(forged, tmp_path)

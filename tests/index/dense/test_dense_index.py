"""Indexes with dense parts, whole: built, added to, deleted from, merged, verified; what a search finds stays right."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.toy_encoder import ToyEncoder
from numpy.typing import NDArray

from spaniel.index.build import add, build
from spaniel.index.check import verify
from spaniel.index.dense import binary
from spaniel.index.dense.add_dense import add_dense, drop_dense
from spaniel.index.dense.lists import NO_ROW, Lists, place_rows
from spaniel.index.dense.settings import StoreSettings
from spaniel.index.edit import delete
from spaniel.index.index import Index, open_index
from spaniel.index.optimize import optimize
from spaniel.models.encoders.base import Encoded, Encoder, Kind
from spaniel.models.text import passage_text
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.types import Document, Query

WORDS = ["index", "store", "commit", "rename", "query", "score", "reader", "writer", "crash", "disk", "byte", "page"]
EXACT = ("float32", "float16", "int8")


def documents(first: int, count: int, seed: int = 0) -> list[Document]:
    generator = np.random.default_rng([first, seed])
    return [
        Document(f"d{n}", " ".join(generator.choice(WORDS, 6)), title=str(generator.choice(WORDS)))
        for n in range(first, first + count)
    ]


def found(index: Index, name: str, encoder: Encoder, query: str, k: int = 10) -> list[tuple[str, float]]:
    """(id, score) of the best passages over all segments, by descending score, ties by ordinal."""
    [vector] = encoder.encode([query], kind="query")
    pairs: list[tuple[float, int]] = []
    for segment in index.passages:
        [best] = segment.dense(name).scan(vector[None], k, segment.live_rows)
        ordinals = segment.rows.ordinals_of(best.rows)
        assert (segment.rows.rows_of(ordinals)[1] == best.rows).all()
        pairs += zip((-best.scores).tolist(), ordinals.tolist(), strict=True)
    pairs = sorted(pairs)[:k]
    ids = index.passages.ids([ordinal for _, ordinal in pairs])
    return [(name, -score) for name, (score, _) in zip(ids, pairs, strict=True)]


def assert_finds(path: Path, encoders: Mapping[str, Encoder], alive: Sequence[Document]) -> None:
    """Every dense part ranks the living documents, in order of insertion, as their vectors do; all bytes are right."""
    assert verify(path).ok, verify(path).problems
    with open_index(path) as index:
        assert set(index.dense_names) == set(encoders)
        for name, encoder in encoders.items():
            vectors = encoder.encode([passage_text(d.title, d.text) for d in alive], kind="passage")
            for query in ("crash of the writer", "page byte byte"):
                exact = vectors @ encoder.encode([query], kind="query")[0]
                seen = found(index, name, encoder, query, k=len(alive) + 5)
                assert sorted(name for name, _ in seen) == sorted(d.id for d in alive)
                right = {d.id: score for d, score in zip(alive, exact.tolist(), strict=True)}
                assert all(abs(score - right[name]) < 0.02 for name, score in seen)


@pytest.mark.parametrize("store", EXACT)
def test_a_life(tmp_path: Path, store: str) -> None:
    path, encoder = tmp_path / "kb", ToyEncoder()
    alive = documents(0, 30)
    with build(alive, path, dense=encoder, store=store) as index:
        [model] = index.info()["models"]  # type: ignore[misc, union-attr]
        assert model["name"] == "toy" and model["store"]["kind"] == store  # type: ignore[index, call-overload]
    assert_finds(path, {"toy": encoder}, alive)
    add([*documents(30, 5), *documents(3, 1, seed=1)], path, on_duplicate="replace", encoder=encoder).close()
    alive = [*alive[:3], *alive[4:], *documents(30, 5), *documents(3, 1, seed=1)]
    assert_finds(path, {"toy": encoder}, alive)
    delete(path, ["d0", "d31", "d29"])
    alive = [document for document in alive if document.id not in ("d0", "d31", "d29")]
    assert_finds(path, {"toy": encoder}, alive)
    other = ToyEncoder(16, seed=5, name="Other/Model-2")
    add_dense(path, other, store="int8").close()
    assert_finds(path, {"toy": encoder, "model_2": other}, alive)
    optimize(path)
    assert_finds(path, {"toy": encoder, "model_2": other}, alive)
    drop_dense(path, "toy")
    assert_finds(path, {"model_2": other}, alive)
    drop_dense(path, "model_2")
    assert_finds(path, {}, alive)
    assert (path / "MANIFEST").read_bytes().startswith(b"spaniel manifest 1 ")


def test_scores_stay_to_the_bit_when_segments_are_merged(tmp_path: Path) -> None:
    path, encoder = tmp_path / "kb", ToyEncoder()
    for store in EXACT:
        build(documents(0, 20), path, dense=encoder, store=store, overwrite=True).close()
        add(documents(20, 20), path, encoder=encoder).close()
        delete(path, ["d7", "d33"])
        with open_index(path) as index:
            before = found(index, "toy", encoder, "crash page")
        optimize(path)
        with open_index(path) as index:
            assert found(index, "toy", encoder, "crash page") == before


def test_repeated_ids_within_a_build(tmp_path: Path) -> None:
    path, encoder = tmp_path / "kb", ToyEncoder()
    given = [*documents(0, 10), *documents(2, 3, seed=9)]
    build(given, path, dense=encoder, store="float32", on_duplicate="replace").close()
    alive = [*given[:2], *given[5:]]
    assert_finds(path, {"toy": encoder}, alive)
    add_dense(path, encoder, name="again", store="float16").close()
    optimize(path)
    assert_finds(path, {"toy": encoder, "again": encoder}, alive)


def test_a_reader_keeps_parts_it_has_not_used_yet(tmp_path: Path) -> None:
    path, encoder = tmp_path / "kb", ToyEncoder()
    build(documents(0, 20), path, dense=encoder, store="float32").close()
    with open_index(path) as reader:
        for number in range(3):
            build(documents(50 * number, 9), path, dense=encoder, store="int8", overwrite=True).close()
        assert len(found(reader, "toy", encoder, "disk", k=20)) == 20


def test_an_index_of_nothing(tmp_path: Path) -> None:
    path, encoder = tmp_path / "kb", ToyEncoder()
    build([], path, dense=encoder, store="float32").close()
    assert_finds(path, {"toy": encoder}, [])
    add(documents(0, 3), path, encoder=encoder).close()
    assert_finds(path, {"toy": encoder}, documents(0, 3))


class TestErrors:
    """Nothing is lost by any of them."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        build(documents(0, 12), tmp_path / "kb", dense=ToyEncoder(), store="float32").close()
        return tmp_path / "kb"

    @pytest.fixture(autouse=True)
    def nothing_is_lost(self, path: Path) -> object:
        before = {p.name: p.read_bytes() for p in path.iterdir() if p.is_file() and p.name != "write.lock"}
        yield
        assert before == {p.name: p.read_bytes() for p in path.iterdir() if p.is_file() and p.name != "write.lock"}
        assert_finds(path, {"toy": ToyEncoder()}, documents(0, 12))

    def test_another_model(self, path: Path) -> None:
        with pytest.raises(ModelError, match="made with 'toy', asked with 'toy': sha256") as error:
            add(documents(20, 2), path, encoder=ToyEncoder(seed=1))
        for word in ("add-dense", "--overwrite", "--name"):
            assert word in error.value.hint

    def test_vectors_that_are_none(self, path: Path) -> None:
        class Broken(ToyEncoder):
            def encode(self, texts: object, *, kind: str) -> object:  # type: ignore[override]
                return np.full((len(texts), 32), np.nan, np.float32)  # type: ignore[arg-type]

        class Short(ToyEncoder):
            def encode(self, texts: object, *, kind: str) -> object:  # type: ignore[override]
                return np.zeros((len(texts), 31), np.float32)  # type: ignore[arg-type]

        with pytest.raises(ModelError, match="NaN"):
            add(documents(20, 2), path, encoder=Broken())
        with pytest.raises(ModelError, match=r"shape \(2, 31\)"):
            add(documents(20, 2), path, encoder=Short())
        with pytest.raises(ModelError, match="NaN"):
            add_dense(path, Broken(), name="more")

    def test_names(self, path: Path) -> None:
        with pytest.raises(InvalidInput, match="has a dense part 'toy' already"):
            add_dense(path, ToyEncoder())
        with pytest.raises(InvalidInput, match="no dense part 'minilm'"):
            drop_dense(path, "minilm")
        for name in ("", "A", "x" * 33, "../x"):
            with pytest.raises(InvalidInput, match="dense name"):
                add_dense(path, ToyEncoder(), name=name)
        with pytest.raises(InvalidInput, match="'flot32' is not one of"):
            add_dense(path, ToyEncoder(), name="x", store="flot32")
        with open_index(path) as index, pytest.raises(InvalidInput, match="it has toy"):
            index.passages.open[0].dense("x")

    def test_given_vectors(self, path: Path) -> None:
        ids = [f"d{n}" for n in range(12)]
        vectors = np.ones((12, 4), np.float32)
        wrong = vectors.copy()
        wrong[3, 1] = np.inf
        for some, names, reason in (
            (wrong, ids, "that of 'd3' holds NaN, infinity or values above"),
            (vectors[:5], ids, "5 of them for 12 ids"),
            (vectors[:11], ids[:11], "1 passages of the index have no vector, the first is 'd11'"),
            (np.ones((13, 4)), [*ids, "zz"], "1 are not in the index, the first is 'zz'"),
            (vectors, [*ids[:11], "d3"], "'d3' comes twice"),
            (np.ones((12, 4), int), ids, "int64"),
            (np.ones(12), ids, "float64"),
        ):
            with pytest.raises(InvalidInput, match=reason):
                add_dense(path, vectors=some, ids=names)  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="give a model, or vectors"):
            add_dense(path, ToyEncoder(), vectors=vectors, ids=ids)
        with pytest.raises(InvalidInput, match="no model"):
            add_dense(path)


def test_given_vectors_are_found_and_more_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "kb"
    build(documents(0, 6), path).close()
    vectors = np.eye(9)
    order = [3, 1, 0, 5, 4, 2]
    add_dense(path, vectors=vectors[order], ids=[f"d{n}" for n in order], store="float16", name="mine").close()
    assert verify(path).ok
    with open_index(path) as index:
        [best] = index.passages.open[0].dense("mine").scan(vectors[4:5].astype(np.float32), 1)
        assert (best.rows.tolist(), best.scores.tolist()) == ([4], [1.0])
    before = (path / "MANIFEST").read_bytes()
    with pytest.raises(InvalidInput, match="'mine' were made elsewhere") as error:
        add(documents(6, 1), path)
    assert "vectors=" in error.value.hint and f"drop-dense {path} mine" in error.value.hint
    ids = [f"d{n}" for n in range(9)]
    for given, reason in (
        ({"mine": (ids[:6], vectors[:6])}, "1 of the passages added have no vector in 'mine', the first is 'd6'"),
        ({"mine": (ids, np.eye(9, 4))}, "have 4 dimensions, those of 'mine' in the index 9"),
        ({"mine": (ids, 2 * vectors)}, "not all of length 1"),
        ({"other": (ids, vectors)}, "no dense part .* the index has \\['mine'\\]"),
        ({"mine": (ids, vectors[:8])}, "8 of them for 9 ids"),
    ):
        with pytest.raises(InvalidInput, match=reason):
            add(documents(6, 1), path, vectors=given)
        assert (path / "MANIFEST").read_bytes() == before
    more = [*documents(6, 3), *documents(7, 1, seed=2), *documents(2, 1, seed=2)]
    add(more, path, on_duplicate="replace", vectors={"mine": (ids, vectors[::-1])}).close()
    delete(path, ["d4"])
    for _ in range(2):
        assert verify(path).ok
        with open_index(path) as index:
            asked = [Query(str(n), "", vector=vectors[n].astype(np.float32)) for n in range(9)]
            found = [index.passages.ids(ranking.ids) for ranking in index.dense("mine").search(asked, k=1)]
        assert [each for [each] in found][:4] == ["d0", "d1", "d6", "d3"]
        assert found[6] == ["d2"] and found[5] == ["d5"]
        optimize(path)


def test_given_vectors_beside_a_model(tmp_path: Path) -> None:
    path, encoder = tmp_path / "kb", ToyEncoder()
    build(documents(0, 3), path, dense=encoder, store="float32").close()
    add_dense(path, vectors=np.eye(3), ids=["d0", "d1", "d2"], name="mine").close()
    add(documents(3, 1), path, encoder=encoder, vectors={"mine": (["d3"], np.ones((1, 3)) / 3**0.5)}).close()
    drop_dense(path, "mine")
    assert_finds(path, {"toy": encoder}, [*documents(0, 3), *documents(3, 1)])
    with pytest.raises(InvalidInput, match="'toy' is no dense part with vectors made elsewhere"):
        add(documents(4, 1), path, encoder=encoder, vectors={"toy": (["d4"], np.ones((1, 32)))})


class Interrupted(ToyEncoder):
    """Encodes some texts, then is interrupted; counts them."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.n, self.most = 0, most

    def _encoded(self, texts: list[str], kind: Kind) -> Encoded:
        if self.n + len(texts) > self.most:
            raise KeyboardInterrupt
        self.n += len(texts)
        return super()._encoded(texts, kind)


@pytest.mark.parametrize("again", [{"store": "int8"}, {"store": "int8", "columns": {"year": "integer"}}])
def test_another_store_loses_nothing_of_an_interrupted_build(tmp_path: Path, again: dict[str, Any]) -> None:
    path, source = tmp_path / "kb", tmp_path / "docs.tsv"
    source.write_text("id\ttext\n" + "".join(f"d{n}\ttext number {n}\n" for n in range(300)))
    with pytest.raises(KeyboardInterrupt):
        build(source, path, dense=Interrupted(256), store="float32")
    told: list[str] = []
    rest = Interrupted(1000)
    build(source, path, dense=rest, on_progress=lambda progress: told.append(progress.note), **again).close()
    assert rest.n == 44
    notes = [note for note in told if note]
    afresh = "the unfinished build that was found had other columns; starting afresh"
    assert notes[0] == (afresh if "columns" in again else "going on after 300 documents of an unfinished build")
    assert notes[1] == "going on after 256 texts that were encoded before"
    assert verify(path).ok


def test_replacing_a_part(tmp_path: Path) -> None:
    path, encoder = tmp_path / "kb", ToyEncoder()
    build(documents(0, 8), path, dense=encoder, store="float32").close()
    other = ToyEncoder(8, seed=3)
    add_dense(path, other, store="float16", overwrite=True).close()
    assert_finds(path, {"toy": other}, documents(0, 8))


def test_encoders_by_name(tmp_path: Path) -> None:
    path = tmp_path / "kb"
    build(documents(0, 20), path, dense=ToyEncoder(), store="float32").close()
    add_dense(path, ToyEncoder(seed=1), name="other").close()
    add(documents(20, 2), path, encoder={"toy": ToyEncoder(), "other": ToyEncoder(seed=1)}).close()
    assert verify(path).ok
    with pytest.raises(InvalidInput, match="no vectors called 'none'; there are: toy, other"):
        add(documents(30, 2), path, encoder={"none": ToyEncoder()})
    with pytest.raises(ModelError, match="asked with 'toy'"):
        add(documents(30, 2), path, encoder={"toy": ToyEncoder(seed=1), "other": ToyEncoder(seed=1)})


def test_verify_sees_rows_that_lists_name_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer's fault, under right checksums; the second tier gives every vector all the same."""

    def faulty(members: NDArray[np.int64], centres: NDArray[np.float32]) -> Lists:
        made = place_rows(members, centres)
        first, second = np.flatnonzero(made.row != NO_ROW)[:2]
        made.row[second] = made.row[first]
        return made

    monkeypatch.setattr(binary, "place_rows", faulty)
    path = tmp_path / "kb"
    build(documents(0, 40), path, dense=ToyEncoder(), dense_name="toy", store=StoreSettings("binary", lists=3)).close()
    [problem] = verify(path).problems
    assert "twice" in str(problem)


@pytest.mark.parametrize("store", ["float32", "float16", "int8", "binary", "hnsw", "ivf", "pq", "rabitq"])
def test_a_passage_without_text_answers_no_question(tmp_path: Path, store: str) -> None:
    if store not in (*EXACT, "binary"):
        pytest.importorskip("faiss")
    encoder = ToyEncoder()
    alive = [*documents(0, 30), Document("empty", "", title="")]
    build(alive, tmp_path / "kb", dense=encoder, dense_name="toy", store=store)
    assert verify(tmp_path / "kb").ok
    with open_index(tmp_path / "kb") as index:
        dense = index.dense("toy", encoder=encoder)
        for query in ("crash of the writer", "my puppy"):
            [ranking] = dense.search([Query("q", query)], k=31)
            ids = index.passages.ids(ranking.ids.tolist())
            scores = dict(zip(ids, ranking.scores.tolist(), strict=True))
            assert scores["empty"] == pytest.approx(0, abs=1e-6)
        assert ids[0] != "empty"

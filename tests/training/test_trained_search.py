"""A folder that training wrote, searched with: as a query model over the start's index, and as an index's own model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.small_model import small_bert

from spaniel.index.build import add, build
from spaniel.index.check import verify
from spaniel.index.dense.add_dense import add_dense
from spaniel.index.dense.settings import StoreSettings
from spaniel.index.index import open_index
from spaniel.index.optimize import optimize
from spaniel.index.query_model import set_query_model
from spaniel.models.encoders.open import open_encoder
from spaniel.rag.pipelines.spec import IndexSpec
from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.types import Document

torch = pytest.importorskip("torch", reason="the extra train is not installed")
pytest.importorskip("sentence_transformers", reason="the extra train is not installed")
pytest.importorskip("onnx", reason="the extra cpu is not installed")
from spaniel.training.output import write_model  # noqa: E402
from spaniel.training.tower import Tower  # noqa: E402

ASKED = ["w1 w2", "w30 w31 w32", "w7"]
FAISS = ("hnsw", "ivf", "pq", "rabitq")
OUT_DIMENSION = 16


def documents(first: int, count: int) -> list[Document]:
    generator = np.random.default_rng(first)
    return [
        Document(f"d{n}", " ".join(f"w{w}" for w in generator.integers(0, 40, 6))) for n in range(first, first + count)
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A start, what ADORE makes of it (`out`), and what BPR does (`hash`)."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPANIEL_CACHE", str(folder / "cache"))
        small_bert(folder / "start")
        query = moved(Tower.open(folder / "start", kind="query", cache=folder / "cache"))
        write_model(folder / "out", passage=folder / "start", query=query)
        rng = np.random.default_rng(2)
        weight = rng.standard_normal((24, OUT_DIMENSION)).astype(np.float32)
        passage = Tower.open(folder / "start", kind="passage", cache=folder / "cache")
        query = moved(Tower.open(folder / "start", kind="query", cache=folder / "cache"))
        passage.add_hash(weight, rng.standard_normal(OUT_DIMENSION).astype(np.float32))
        query.add_hash(weight, None)
        write_model(folder / "hash", passage=passage, query=query, codes="sign")
        yield folder


def moved(tower: Tower) -> Tower:
    """The tower with other weights, as if trained."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in tower.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return tower


@pytest.mark.parametrize("store", ["float32", "float16", "int8", "binary", "codes alone", *FAISS])
def test_asks_every_kind_of_store(place: Path, tmp_path: Path, store: str) -> None:
    if store in FAISS:
        pytest.importorskip("faiss", reason="the extra cpu is not installed")
    kept: Any = StoreSettings("binary", rescore="none") if store == "codes alone" else store
    start, out = str(place / "start"), str(place / "out")
    build(documents(0, 60), tmp_path / "kb", dense=start, store=kept).close()
    with open_index(tmp_path / "kb") as index, open_encoder(out) as encoder:
        usual = index.dense().search(ASKED)
        asked = index.dense(query_model=out)
        assert np.allclose(asked.query_vectors(ASKED), encoder.encode(ASKED, kind="query"), atol=1e-6)
        found = asked.search(ASKED)
        assert found != usual and found == index.dense(encoder=encoder).search(ASKED)
        with pytest.raises(ModelError, match="made with"):
            index.dense(query_model=str(place / "hash"))
    set_query_model(tmp_path / "kb", out)
    add(documents(60, 5), tmp_path / "kb").close()
    optimize(tmp_path / "kb")
    assert verify(tmp_path / "kb").ok
    with open_index(tmp_path / "kb") as index:
        assert len(index.dense().search(ASKED, k=65)[0]) <= 65 and index.query_models["start"].query_sha256
    set_query_model(tmp_path / "kb", None)
    with open_index(tmp_path / "kb") as index:
        assert not index.query_models


def test_an_index_made_with_it_is_the_starts_index(place: Path, tmp_path: Path) -> None:
    """The same vectors, to the bit; each asks the other's."""
    for name in ("start", "out"):
        build(documents(0, 20), tmp_path / name, dense=str(place / name), store="float32").close()
    with open_index(tmp_path / "start") as one, open_index(tmp_path / "out") as other:
        everything = np.arange(20)
        assert (one.dense().vectors(everything) == other.dense().vectors(everything)).all()
        assert other.dense().search(ASKED) == one.dense(query_model=str(place / "out")).search(ASKED)
        assert one.dense().search(ASKED) == other.dense(query_model=str(place / "start")).search(ASKED)
    add(documents(20, 3), tmp_path / "out").close()
    add_dense(tmp_path / "start", str(place / "out"), name="start", store="int8", overwrite=True).close()
    with open_index(tmp_path / "start") as index:
        assert index.settings.dense["start"].model.query_sha256


def test_a_hash_model_is_kept_by_its_own_codes(place: Path, tmp_path: Path) -> None:
    """`store="binary"`: the code of a passage is the sign of what the graph gives, and the question is not cut."""
    model, path = str(place / "hash"), tmp_path / "kb"
    given = documents(0, 30)
    with build(given, path, dense=model, store="binary") as index, open_encoder(model) as encoder:
        assert index.settings.dense["hash"].store == StoreSettings("binary", codes="sign")
        assert len(index.dense().search(ASKED, k=30)[0]) == 30
        vectors = encoder.encode([each.text for each in given], kind="passage")
    add_dense(path, model, name="bits", store="binary").close()
    add_dense(path, model, name="said", store=StoreSettings("binary", codes="itq", rescore="none")).close()
    add_dense(path, model, name="left", store=StoreSettings("binary", rescore="none")).close()
    add_dense(path, model, name="learned", store=StoreSettings("binary", "learned")).close()
    add_dense(path, model, name="bare", store=StoreSettings("binary", "sign", factor=False, rescore="none")).close()
    with open_index(path) as index:
        codes = {name: dense.store.codes for name, dense in index.settings.dense.items()}
        own = dict.fromkeys(("hash", "bits", "left", "bare"), "sign")
        assert codes == own | {"said": "itq", "learned": "learned"}
        decoded = index.dense("bare").vectors(np.arange(30))
        assert (np.sign(decoded) == np.where(vectors > 0, 1, -1)).mean() > 0.99
    assert IndexSpec(dense=model).kept.codes == IndexSpec(dense=model, store={"kind": "binary"}).kept.codes == "sign"
    assert IndexSpec(dense=model, store={"kind": "binary", "codes": "itq"}).kept.codes == "itq"
    assert IndexSpec(dense=model, store="float32").kept == StoreSettings("float32")
    assert IndexSpec(dense=str(place / "out")).kept.codes == "learned"

"""Pipelines over vectors: what is built for them, shared by them, and said of them. Every model is a toy."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from contracts.small_collection import QUERIES, write
from contracts.toy_encoder import ToyEncoder, ToyTowers

from spaniel.eval.collections import Collection, collection
from spaniel.eval.outcome import System
from spaniel.index.build import build
from spaniel.index.dense.feedback import Feedback
from spaniel.index.index import Index
from spaniel.models.card import ModelCard
from spaniel.models.encoders import open as opening
from spaniel.rag.pipelines.dense_stages import Dense
from spaniel.rag.pipelines.indexes import cached_index, opened_index
from spaniel.rag.pipelines.named import find_pipeline
from spaniel.rag.pipelines.spec import IndexSpec, PipelineSpec, read_pipeline
from spaniel.rag.pipelines.stages import Bm25
from spaniel.rag.pipelines.systems import systems
from spaniel.retrieval.calibration import calibrated
from spaniel.retrieval.errors import InvalidInput, ModelError

ASKED = list(QUERIES.values())
TOY = IndexSpec(dense="toy-0", store="float32")


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> list[ToyEncoder]:
    """Every model is a toy; those that were opened, in order."""
    opened: list[ToyEncoder] = []

    def open_encoder(model: str | ModelCard, **options: Any) -> ToyEncoder:
        source = model.source if isinstance(model, ModelCard) else model
        known = source.startswith("toy")
        if source.startswith("out"):
            opened.append(ToyTowers(int(source[-1])))
            return opened[-1]
        opened.append(ToyEncoder(seed=int(source[-1])) if known else ToyEncoder(name="minilm"))
        return opened[-1]

    monkeypatch.setattr(opening, "open_encoder", open_encoder)
    return opened


@pytest.fixture
def small(tmp_path: Path) -> Collection:
    return collection(write(tmp_path / "small"))


@pytest.fixture
def index(small: Collection, tmp_path: Path, toys: list[ToyEncoder]) -> Iterator[Index]:
    with build(small.path, tmp_path / "kb", dense=ToyEncoder(), store="float32") as opened:
        yield opened


def passages_encoded(toys: list[ToyEncoder]) -> int:
    return sum(text not in ASKED for toy in toys for text in toy.asked)


def test_stores_are_indexes_of_their_own_and_encode_once(
    small: Collection, tmp_path: Path, toys: list[ToyEncoder]
) -> None:
    specs = [
        TOY,
        IndexSpec(dense="toy-0", store="int8"),
        IndexSpec(dense="toy-0", store={"kind": "binary"}),
        IndexSpec(),
    ]
    built = [cached_index(small, spec, cache=tmp_path / "c") for spec in specs]
    assert len({each.identity for each in built}) == 4
    # Six passages, once; one of them is a query's text too.
    assert passages_encoded(toys) + sum(toy.asked.count("purr") for toy in toys) == 6
    assert [[s.store.kind for s in each.index.settings.dense.values()] for each in built] == [
        ["float32"], ["int8"], ["binary"], [],
    ]  # fmt: skip
    again = cached_index(small, TOY, cache=tmp_path / "c")
    assert again.identity == built[0].identity
    other = cached_index(small, IndexSpec(dense="toy-1", store="float32"), cache=tmp_path / "c")
    assert other.identity != built[0].identity
    models: Any = again.card()["models"]
    assert models["toy"]["model"]["sha256"] == ToyEncoder().card.sha256
    assert models["toy"]["store"]["kind"] == "float32"
    assert "models" not in built[3].card()
    for each in (*built, again, other):
        each.index.close()


@pytest.mark.parametrize("name", ["dense", "binary", "hybrid"])
def test_named_pipelines(small: Collection, tmp_path: Path, toys: list[ToyEncoder], name: str) -> None:
    with ExitStack() as stack:
        ready = systems([find_pipeline(name)], small, stack, cache=tmp_path / "c", depth=5)[name]
        rankings = ready.pipeline.search(ASKED)
        assert all(map(len, rankings))
        assert ready.definition is not None
        described: Any = ready.definition["index"]
        assert (described["dense"], described["precision"]) == ("minilm", "fp32")


def test_pipelines_share_an_index_of_one_store(small: Collection, tmp_path: Path, toys: list[ToyEncoder]) -> None:
    with ExitStack() as stack:
        specs = [find_pipeline(name) for name in ("binary", "hybrid", "dense", "bm25")]
        ready = systems(specs, small, stack, cache=tmp_path / "c")
        stores = [ready[name].pipeline.passages for name in ("binary", "hybrid", "dense", "bm25")]
        assert stores[0] is stores[1]
        assert len({id(store) for store in stores}) == 3


FILE = """
name = "mine"
[index]
dense = "toy-0"
store = {kind = "float32"}
[[stages]]
type = "calibrated"
weights = [0.3, 0.7]
  [[stages.sources]]
  type = "bm25"
  [[stages.sources]]
  type = "feedback"
  gate = 0
    [[stages.sources.sources]]
    type = "dense"
    depth = 4
    [[stages.sources.sources]]
    type = "convex"
      [[stages.sources.sources.sources]]
      type = "bm25"
      [[stages.sources.sources.sources]]
      type = "dense"
[[stages]]
type = "mmr"
weight = 0.9
"""


def test_a_file_of_everything(index: Index, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(FILE)
    spec = read_pipeline(tmp_path / "mine.toml")
    pipeline = spec.make(index, depth=6)
    _, trace = pipeline.traced_search(ASKED)
    assert [record.name for record in trace.records] == [
        "bm25", "dense+feedback", "calibrated(bm25, dense+feedback)", "mmr",
    ]  # fmt: skip
    from spaniel.retrieval.pipeline import convex

    words, vectors = index.bm25(6), index.dense(None, 6)
    fed = Feedback(index.dense(None, 4), convex(words, vectors), gate=0.0)
    expected = calibrated(words, fed, weights=[0.3, 0.7]).search(ASKED)
    assert trace.steps[2][1] == expected
    assert spec.to_json() == read_pipeline(tmp_path / "mine.toml").to_json()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[index]\nstore = 'zip'\n[[stages]]\ntype = 'dense'", "'zip' is not one of"),
        ("[index]\nstore = {knd = 'pq'}\n[[stages]]\ntype = 'dense'", "its keys are kind, codes"),
        ("[index]\nprecision = 'int4'\n[[stages]]\ntype = 'dense'", "precision = 'int4'"),
        ("[[stages]]\ntype = 'dense'\ncandidates = 0", "candidates is 0"),
        ("[[stages]]\ntype = 'dense'\ndepth = 0", "depth is 0"),
        ("[[stages]]\ntype = 'calibrated'", "has no sources"),
        ("[[stages]]\ntype = 'feedback'\n[[stages.sources]]\ntype = 'bm25'", "takes a dense source"),
        ("[[stages]]\ntype = 'bm25'\n[[stages]]\ntype = 'mmr'\nweight = 2", "weight is 2"),
        ("[[stages]]\ntype = 'mmr'", r"stage 1 \(mmr\) does not search"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(InvalidInput, match=said):
        read_pipeline(tmp_path / "p.toml")


def test_an_index_with_other_vectors_is_refused(index: Index, small: Collection, tmp_path: Path) -> None:
    stages = find_pipeline("dense").stages
    made = PipelineSpec("a", stages, TOY).make(index)
    assert made.search(["moon"]) == index.dense().search(["moon"])
    for wanted in (IndexSpec(dense="toy-1", store="float32"), IndexSpec(dense="toy", store="int8")):
        with pytest.raises(InvalidInput, match=r"needs .* vectors of toy.*has float32 vectors of toy first"):
            PipelineSpec("a", stages, wanted).make(index)
    with build(small.path, tmp_path / "plain") as plain, pytest.raises(InvalidInput, match="has none"):
        find_pipeline("hybrid").make(plain)
    found = opened_index(index.path)
    assert "models" in found.card()
    found.index.close()


def test_named_pipelines_search_the_vectors_of_a_given_index(index: Index, small: Collection, tmp_path: Path) -> None:
    with ExitStack() as stack:
        specs = [find_pipeline("dense"), find_pipeline("hybrid")]
        ready = systems(specs, small, stack, cache=tmp_path / "c", index=index.path)
        for system in ready.values():
            assert system.definition is not None
            kept = system.definition["index"]
            assert isinstance(kept, dict) and kept["dense"] == "toy" and kept["store"]["kind"] == "float32"
    with pytest.raises(InvalidInput, match=r"needs binary vectors; .* has float32 vectors of toy first") as refused:
        find_pipeline("binary").make(index)
    assert refused.value.hint == "the pipelines dense and hybrid search the vectors that are there"
    with build(small.path, tmp_path / "codes", dense=ToyEncoder(), store="binary") as codes:
        found = codes.dense(k=6).search(ASKED)
        assert [find_pipeline(name).make(codes, depth=6).search(ASKED) for name in ("dense", "binary")] == [found] * 2
        assert find_pipeline("binary").over(codes).index.dense == "toy"
    assert find_pipeline("dense").over(index).over(index) == find_pipeline("dense").over(index)


ASKED_BY = """
[index]
dense = "toy-0"
store = "float32"
[[stages]]
type = "calibrated"
  [[stages.sources]]
  type = "bm25"
  [[stages.sources]]
  type = "feedback"
    [[stages.sources.sources]]
    type = "dense"
    query_model = "{model}"
"""


class TestQueryModels:
    """Named in a file, or for all pipelines at once: whose questions they are tells runs apart."""

    def ready(self, small: Collection, tmp_path: Path, stack: ExitStack, model: str, **options: Any) -> System:
        (tmp_path / "asked.toml").write_text(ASKED_BY.format(model=model))
        return systems([read_pipeline(tmp_path / "asked.toml")], small, stack, cache=tmp_path / "c", **options)["asked"]

    def test_in_a_file(self, small: Collection, tmp_path: Path, toys: list[ToyEncoder]) -> None:
        with ExitStack() as stack:
            one, other = (self.ready(small, tmp_path, stack, model) for model in ("out-7", "out-8"))
            assert one.definition is not None and other.definition is not None
            [told] = one.definition["query_models"]  # type: ignore[misc, union-attr]
            assert told == ToyTowers(7).card.to_json() != other.definition["query_models"][0]  # type: ignore[index, call-overload]
            assert one.index == other.index  # nothing was built or encoded anew
            assert one.pipeline.search(ASKED) != other.pipeline.search(ASKED)
        assert passages_encoded([toy for toy in toys if not isinstance(toy, ToyTowers)]) <= 6

    def test_a_folder_that_was_trained_again(
        self, small: Collection, tmp_path: Path, toys: list[ToyEncoder], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with ExitStack() as stack:
            before = self.ready(small, tmp_path, stack, "out-7").definition
            known = opening.open_encoder
            monkeypatch.setattr(opening, "open_encoder", lambda m, **o: known("out-9" if m == "out-7" else m, **o))
            after = self.ready(small, tmp_path, stack, "out-7").definition
        assert before != after

    def test_for_all(self, small: Collection, tmp_path: Path, toys: list[ToyEncoder]) -> None:
        specs = [PipelineSpec("vectors", (Dense(),), TOY), PipelineSpec("words", (Bm25(),))]
        with ExitStack() as stack:
            plain = systems(specs, small, stack, cache=tmp_path / "c")
            asked = systems(specs, small, stack, cache=tmp_path / "c", query_model="out-7")
            assert asked["words"].index == plain["words"].index
            before, after = dict(plain["vectors"].index or {}), dict(asked["vectors"].index or {})
            assert after["identity"] != before["identity"]
            models: Any = after["models"]
            assert models["toy"]["query"] == ToyTowers(7).card.to_json() and "query" not in before["models"]["toy"]  # type: ignore[index, call-overload, operator]
            right = asked["vectors"].pipeline.search(ASKED)
            assert right != plain["vectors"].pipeline.search(ASKED)
        with build(small.path, tmp_path / "kb", dense=ToyEncoder(), store="float32") as index, ExitStack() as stack:
            assert index.dense(query_model="out-7").search(ASKED) == right
            given = systems(specs[:1], small, stack, cache=tmp_path / "c", index=tmp_path / "kb", query_model="out-7")
            assert given["vectors"].pipeline.search(ASKED) == right
            assert (given["vectors"].index or {})["identity"] != index.passages.identity

    def test_of_other_passages(self, small: Collection, tmp_path: Path, toys: list[ToyEncoder]) -> None:
        with ExitStack() as stack, pytest.raises(ModelError, match="made with 'toy', asked with 'toy'"):
            self.ready(small, tmp_path, stack, "toy-3")

    def test_two_indexes_of_one_passages(self, small: Collection, tmp_path: Path, toys: list[ToyEncoder]) -> None:
        built = [
            cached_index(small, IndexSpec(dense=model, store="float32"), cache=tmp_path / "c")
            for model in ("toy-0", "out-7", "out-8")
        ]
        assert len({each.identity for each in built}) == 3
        assert passages_encoded(toys) + sum(toy.asked.count("purr") for toy in toys) == 6  # once
        for each in built:
            each.index.close()

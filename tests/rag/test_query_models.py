"""Query models that a file names are found wherever they stand: in any source of a pipeline, in any arm of a route."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields, replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from contracts.pets_collection import write_pets
from contracts.toy_encoder import ToyEncoder, ToyTowers

from spaniel.eval.answering.evaluate import AnswerSystem
from spaniel.eval.collections import Collection, collection
from spaniel.index.build import build
from spaniel.index.index import Index
from spaniel.models.card import ModelCard
from spaniel.models.encoders import open as opening
from spaniel.rag.engine.spec import read_engine
from spaniel.rag.pipelines.answerers import answerers
from spaniel.rag.pipelines.dense_stages import Dense, asked, query_models_named
from spaniel.rag.pipelines.models import query_models_in
from spaniel.rag.pipelines.spec import PipelineSpec
from spaniel.rag.pipelines.stages import STAGES, Bm25, StageSpec
from spaniel.retrieval.errors import InvalidInput, ModelError

NAMED = Dense(query_model="out-7")
WITH_SOURCES = sorted(name for name, kind in STAGES.items() if "sources" in {field.name for field in fields(kind)})  # type: ignore[arg-type]
ROUTED = """
name = "routed"
[[stages]]
type = "bm25"
[route]
policy = "thompson"
context = "none"
arms = {{one = "default", two = "{arm}"}}
"""


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """`out-7` has the passages of any toy and asks as seed 7; other models are `toy`; `gone` is not there."""

    def open_encoder(model: str | ModelCard, **options: Any) -> ToyEncoder:
        source = model.source if isinstance(model, ModelCard) else model
        if source == "gone":
            raise ModelError("'gone' is no folder and no model that is known")
        return ToyTowers(int(source[-1])) if source.startswith("out") else ToyEncoder()

    monkeypatch.setattr(opening, "open_encoder", open_encoder)


@pytest.fixture
def pets(tmp_path: Path) -> Collection:
    return collection(write_pets(tmp_path / "pets"))


@pytest.fixture
def kb(pets: Collection, tmp_path: Path) -> Iterator[Index]:
    with build(pets.path, tmp_path / "kb", dense=ToyEncoder(), store="float32") as opened:
        yield opened


def holding(name: str) -> list[StageSpec]:
    """The stage over one or two sources, of which one names a query model, in every way that it can be."""
    made: list[StageSpec] = []
    for sources in ((NAMED,), *permutations((NAMED, Bm25())), *permutations((NAMED, Dense()))):
        try:
            made.append(STAGES[name](sources=sources))  # type: ignore[call-arg]
        except InvalidInput:
            continue
    return made


@pytest.mark.parametrize("name", WITH_SOURCES)
def test_every_stage_that_has_sources(name: str, kb: Index) -> None:
    made = holding(name)
    assert made
    for stage in made:
        for whole in (stage, STAGES["rrf"](sources=(Bm25(), stage))):  # type: ignore[call-arg]
            pipeline = PipelineSpec("held", (whole,)).make(kb)
            assert query_models_in(pipeline) == [ToyTowers(7).card.to_json()], stage
            assert query_models_named(whole).count("out-7") == 1
            assert asked(whole) == (Dense() in getattr(stage, "sources", ()))


def engine(folder: Path, stages: str, pets: Collection, stack: ExitStack, **options: Any) -> AnswerSystem:
    (folder / "arm.toml").write_text(f"[[stages]]\ntype = 'dense'\n{stages}\n")
    (folder / "e.toml").write_text(ROUTED.format(arm=folder / "arm.toml"))
    spec = read_engine(folder / "e.toml")
    return answerers([spec], pets, stack, cache=folder / "c", index=folder / "kb", **options)["routed"]


def test_arms_of_a_route_tell_answers_apart(pets: Collection, kb: Index, tmp_path: Path) -> None:
    with ExitStack() as stack:
        one, other = (engine(tmp_path, f"query_model = 'out-{n}'", pets, stack) for n in (7, 8))
        told = [dict(each.definition)["query_models"] for each in (one, other)]
        assert told == [[ToyTowers(n).card.to_json()] for n in (7, 8)]


def test_arms_of_a_route_are_asked(pets: Collection, kb: Index, tmp_path: Path) -> None:
    """By what was named for all, where they leave it to the index; where they do not, the card does not claim it."""
    with ExitStack() as stack:
        plain, given = (engine(tmp_path, "", pets, stack, query_model=model) for model in (None, "out-7"))
        assert plain.index != given.index and "query" in str(given.index)
        own = engine(tmp_path, "query_model = 'out-8'", pets, stack, query_model="out-7")
        assert own.index == plain.index


def test_a_model_that_is_not_there_is_told_with_its_key(kb: Index) -> None:
    spec = replace(NAMED, query_model="gone")
    with pytest.raises(ModelError, match="stage dense, query_model = 'gone': 'gone' is no folder") as caught:
        PipelineSpec("held", (spec,)).make(kb)
    assert "begins in the folder you are in" in caught.value.hint

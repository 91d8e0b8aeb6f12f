"""Engines as files: read, written back, refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from contracts.told_generator import DOCUMENTS
from contracts.toy_encoder import ToyEncoder
from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.build import build
from spaniel.index.index import Index
from spaniel.models.encoders import open as opening
from spaniel.rag.engine.engine import Engine
from spaniel.rag.engine.generator_specs import ExtractiveSpec, OpenAISpec
from spaniel.rag.engine.route_specs import RewriteSpec, RouteSpec
from spaniel.rag.engine.spec import AnswerSpec, EngineSpec, read_engine
from spaniel.rag.generators.extractive.generator import Extractive
from spaniel.rag.packing.top_k import TopK
from spaniel.rag.pipelines.cut_stages import CutThreshold
from spaniel.rag.pipelines.spec import PipelineSpec, read_pipeline
from spaniel.rag.pipelines.stages import Bm25, Likelihood, Rrf
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document

WHOLE = """
name = "docs"

[[stages]]
type = "bm25"
k1 = 1.2

[[stages]]
type = "threshold"
min_score = 0.1

[answer]
k = 3
budget_tokens = 500
instructions = "Be \\"brief\\"."
require_citations = true
fallback = "extractive"

[pack]
type = "top-k"
order = "edges"

[generator]
type = "extractive"
max_sentences = 1

[route]
policy = "thompson"
context = "none"
settings = {seed = 3, floor = 0.1}
arms = {none = "", one = "default", ql = "ql"}

[rewrite]
policy = "thompson"
arms = ["none", "simplify"]
"""
SHARE = st.floats(0, 1)
PIPELINES = st.sampled_from(
    [PipelineSpec("p", (Bm25(k1=1.5),)), PipelineSpec("q", (Rrf((Bm25(), Likelihood())), CutThreshold(0.5)))]
)
ANSWERS = st.builds(
    AnswerSpec,
    k=st.integers(1, 99),
    instructions=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    require_citations=st.booleans(),
    fallback=st.none() | st.just("extractive"),
)
GENERATORS = st.builds(
    ExtractiveSpec,
    st.integers(1, 9),
    SHARE,
    SHARE,
    st.none() | SHARE,
    st.booleans(),
    st.sampled_from(["sentences", "span"]),
    st.none() | st.booleans(),
)
ROUTES = st.builds(
    RouteSpec,
    policy=st.sampled_from(["thompson", "linucb"]),
    settings=st.dictionaries(st.just("seed"), st.integers(0, 99)),
    context=st.sampled_from(["question", "search"]),
    state=st.none() | st.just("learned.json"),
    arms=st.just({"none": "", "one": "default"}) | st.just({"none": "", "one": "bm25", "b": "ql"}),
    log=st.none() | st.just("decisions.jsonl"),
    shadow=st.none() | st.just("one"),
)
REWRITES = st.builds(
    RewriteSpec,
    arms=st.sampled_from([("none", "clarify"), ("none", "expand", "simplify"), ("none", "paraphrase", "decompose")]),
    context=st.sampled_from(["question", "both"]),
    settings=st.just({"preferences": {"quality": 1.0, "tokens": 0.0}, "scales": {"tokens": 100.0}, "floor": 0.1}),
    budgets=st.just({}) | st.just({"tokens": 500.0}),
) | st.just(RewriteSpec(arms=("simplify",), log="decisions.jsonl"))


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@given(
    st.builds(
        EngineSpec,
        name=st.just("mine"),
        pipeline=st.none() | PIPELINES,
        answer=ANSWERS,
        packer=st.builds(TopK, order=st.sampled_from(["best", "edges"]), max_passages=st.none() | st.integers(1, 9)),
        generator=GENERATORS,
        route=st.none() | ROUTES,
        rewrite=st.none() | REWRITES,
    )
)
def test_what_is_written_reads_back_equal(tmp_path_factory: pytest.TempPathFactory, spec: EngineSpec) -> None:
    path = written(tmp_path_factory.getbasetemp(), spec.to_toml())
    assert read_engine(path) == spec


def test_an_engine_is_what_its_file_says(tmp_path: Path, kb: Index) -> None:
    path = written(tmp_path, WHOLE)
    spec = read_engine(path)
    assert spec.answer.fallback == "extractive" and spec.answer.limits.k == 3
    assert read_pipeline(path) == spec.pipeline
    with Engine.open(kb.path, path) as engine:
        assert engine.parts.limits.instructions == 'Be "brief".'
        seen = {engine.ask("may dogs come to the office?").decisions["route"].arm for _ in range(30)}
        assert seen == {"none", "one", "ql"}
        assert engine.spec == spec and engine.parts.packer == TopK(order="edges")
        found = engine.search("dogs")
    assert [record.name for record in found.trace] == ["bm25", "threshold"]


def test_nothing_said_is_the_default(tmp_path: Path, kb: Index) -> None:
    assert read_engine(written(tmp_path, "")) == EngineSpec("mine")
    assert EngineSpec().to_toml() == 'name = "engine"\n'
    with Engine.open(kb.path, EngineSpec()) as engine:
        assert engine.ask("may dogs come to the office?").citations
        assert engine.save() == []


def test_what_was_learned_is_kept(tmp_path: Path, kb: Index) -> None:
    state = tmp_path / "route.json"
    route = RouteSpec("thompson", {"seed": 1}, "none", str(state), {"none": "", "one": "default"})
    with Engine.open(kb.path, EngineSpec(route=route)) as engine:
        for _ in range(30):
            answer = engine.ask("may dogs come to the office?")
            engine.learn(answer, float(bool(answer.citations)))
        assert engine.save() == [str(state)]
    with Engine.open(kb.path, EngineSpec(route=route)) as engine:
        arms = [engine.ask("may dogs come to the office?").decisions["route"] for _ in range(10)]
    assert arms[0].step == 30 and [each.arm for each in arms].count("one") >= 8
    other = RouteSpec("epsilon-greedy", {}, "none", str(state), route.arms)
    with pytest.raises(InvalidInput, match="holds a policy 'thompson'"):
        Engine.open(kb.path, EngineSpec(route=other))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("anser = 1", "no key 'anser'; did you mean 'answer'"),
        ("answer = 1", r"answer is 1; it must be a table, begun with \[answer\]"),
        ("[answer]\nbudget = 1", "answer: no key 'budget'; did you mean 'budget_tokens'"),
        ("[answer]\nk = 0", r"mine\.toml: answer: k is 0"),
        ("[answer]\nk = 1000000000000", "k is 1000000000000"),
        ("[answer]\nfallback = 'gpt'", "it must be one of extractive"),
        ("[pack]\ntype = 'topk'", "no packer is called 'topk'; did you mean 'top-k'"),
        ("[pack]\nordre = 'best'", "no setting 'ordre'; did you mean 'order'"),
        ("[generator]\ntype = 'extractiv'", "no generator is of type 'extractiv'; did you mean 'extractive'"),
        ("[generator]\nmax_sentence = 1", "no key 'max_sentence'; did you mean 'max_sentences'"),
        ("[generator]\nthreshold = 2.0", r"toml: generator \(extractive\): threshold is 2.0"),
        ("[route]\npolicy = 'linucbb'", "linucb"),
        ("[route]\narms = {one = 'default'}", "toml: route: 1 arms leave nothing to choose"),
        ("[route]\ncontext = 'all'", "it must be one of none, question, search, both"),
        ("[route]\nshadow = 'two'", "'two' is no arm; there are none, one"),
        ("[route]\nbudgets = {tokens = 500}", "'tokens' is no cost that linucb learns"),
        ("[rewrite]\narms = ['simplify']\nshadow = 'simplify'", "one arm leaves nothing to choose"),
        ("[rewrite]\narms = ['none', 'magic']", "rewrite: arms = .*: 'magic' is not one of none, expand, simplify"),
        ("[index]\ndense = 'minilm'", r"has \[index\] and no \[\[stages\]\]"),
        ("name = 3", "name is 3"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_engine(written(tmp_path, text))


def test_arms_that_are_not_there_are_told_when_the_engine_is_made(kb: Index) -> None:
    route: Any = RouteSpec("thompson", {}, "none", None, {"a": "bm52", "b": ""})
    with pytest.raises(InvalidInput, match="bm25"):
        Engine.open(kb.path, EngineSpec(route=route))


def test_sentences_are_compared_by_the_indexs_own_model_where_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "open_encoder", lambda model, **options: ToyEncoder())
    spec = EngineSpec(generator=ExtractiveSpec(encoder=True, index_frequencies=True, threshold=0.0))
    with build(DOCUMENTS, tmp_path / "kb", dense=ToyEncoder(), store="float32") as index:
        engine = Engine.of_spec(index, spec)
        answer = engine.ask("may dogs come to the office?")
        assert answer.usage["encoded_texts"] > 0 and answer.citations
        assert [record.name for record in answer.trace[:3]] == ["bm25", "dense", "hybrid(bm25, dense)"]
        assert [hit.id for hit in engine.search("dogs", 3)] == [hit.id for hit in index.search("dogs", 3)]


@pytest.mark.parametrize(
    ("n", "wanted", "of_index"), [(1000, None, True), (999, None, False), (1000, False, False), (2, True, True)]
)
def test_an_index_that_is_large_enough_says_what_words_weigh(
    tmp_path: Path, n: int, wanted: bool | None, of_index: bool
) -> None:
    documents = [Document(str(i), "Keys expire.") for i in range(n)]
    with build(documents, tmp_path / "kb") as index:
        made = ExtractiveSpec(index_frequencies=wanted).make(index)
        assert isinstance(made, Extractive)
        frequencies = made.reader.frequencies
        assert (frequencies is not None) is of_index
        assert frequencies is None or frequencies.n_passages == n


def test_servers_are_named_and_their_keys_are_not(tmp_path: Path, kb: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = OpenAISpec(
        base_url="https://llm.example/v1", model="m", key_variable="MINE", prompt_price=1.0, answer_price=2.0
    )
    whole = EngineSpec("mine", generator=spec)
    assert read_engine(written(tmp_path, whole.to_toml())) == whole
    monkeypatch.setenv("MINE", "sesame")
    made = spec.make(kb)
    assert made.name == "m" and "sesame" not in repr(made) + whole.to_toml()
    assert made.cost_of(1_000_000, 1_000_000) == 3.0  # type: ignore[attr-defined]
    for wrong, said in (
        ({"model": ""}, "model is missing"),
        ({"answer_price": None}, "prompt_price and answer_price"),
        ({"key_file": "k"}, "not both"),
        ({"prompt_price": None, "answer_price": None, "max_money": 1.0}, "max_money needs"),
    ):
        with pytest.raises(InvalidInput, match=said):
            replace(spec, **wrong)  # type: ignore[arg-type]
    (tmp_path / "key").write_text("two keys")
    with pytest.raises(InvalidInput, match="does not hold one key"):
        replace(spec, key_variable=None, key_file=str(tmp_path / "key")).make(kb)

"""The adapter keeps MTEB's contract: recorded here from mteb 2.26.24, and compared with mteb where it is installed."""

import importlib.util
import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from contracts.small_collection import DOCUMENTS, QUERIES

from spaniel.index.analysis.spec import analyzer_names
from spaniel.index.build import build
from spaniel.rag.mteb import _ANALYZERS, MtebSearch
from spaniel.rag.pipelines.named import find_pipeline
from spaniel.retrieval.errors import InvalidInput, MissingExtra

# (name, given by name only, may be left out) of mteb/models/models_protocols.py, SearchProtocol, mteb 2.26.24.
INDEX = [
    ("corpus", False, False), ("task_metadata", True, False), ("hf_split", True, False), ("hf_subset", True, False),
    ("encode_kwargs", True, False), ("num_proc", True, False),
]  # fmt: skip
SEARCH = [
    ("queries", False, False), ("task_metadata", True, False), ("hf_split", True, False), ("hf_subset", True, False),
    ("top_k", True, False), ("encode_kwargs", True, False), ("top_ranked", True, True), ("num_proc", True, False),
]  # fmt: skip

CORPUS = [{"id": id_, "title": title, "text": text} for id_, (title, text) in DOCUMENTS.items()]
ASKED = [{"id": id_, "text": text} for id_, text in QUERIES.items()]
HOW: dict[str, Any] = {
    "task_metadata": SimpleNamespace(eval_langs=["eng-Latn"]), "hf_split": "test", "hf_subset": "default",
    "encode_kwargs": {}, "num_proc": None,
}  # fmt: skip


def taken(method: Any) -> list[tuple[str, bool, bool]]:
    """The arguments a method takes, `self` and `**kwargs` left out."""
    given = [each for name, each in inspect.signature(method).parameters.items() if name != "self"]
    assert given[-1].kind is inspect.Parameter.VAR_KEYWORD
    return [
        (each.name, each.kind is inspect.Parameter.KEYWORD_ONLY, each.default is not inspect.Parameter.empty)
        for each in given[:-1]
    ]


@pytest.fixture
def model(tmp_path: Path) -> Iterator[MtebSearch]:
    made = MtebSearch("bm25", folder=tmp_path / "work")
    yield made
    made.close()


def test_the_methods_are_those_of_the_protocol() -> None:
    assert taken(MtebSearch.index) == INDEX
    assert taken(MtebSearch.search) == SEARCH
    assert isinstance(inspect.getattr_static(MtebSearch, "mteb_model_meta"), property)


def test_the_protocol_is_as_recorded(model: MtebSearch) -> None:
    protocols = pytest.importorskip("mteb.models.models_protocols")
    assert taken(protocols.SearchProtocol.index) == INDEX
    assert taken(protocols.SearchProtocol.search) == SEARCH
    assert isinstance(model, protocols.SearchProtocol)
    assert model.mteb_model_meta.name == "spaniel/bm25"


def test_mteb_is_optional(model: MtebSearch) -> None:
    if importlib.util.find_spec("mteb"):
        pytest.skip("mteb is installed")
    with pytest.raises(MissingExtra, match="mteb"):
        _ = model.mteb_model_meta


def test_results_are_those_of_the_pipeline(model: MtebSearch, tmp_path: Path) -> None:
    model.index(iter(CORPUS), **HOW)
    found = model.search(iter(ASKED), top_k=3, **HOW)
    assert list(found) == list(QUERIES) and found["q4"] == {}
    with build(_as_file(tmp_path), tmp_path / "kb") as kb:
        expected = find_pipeline("bm25").make(kb).search(list(QUERIES.values()), k=3)
        for (query, scores), ranking in zip(found.items(), expected, strict=True):
            assert list(scores) == kb.passages.ids(ranking.ids), query
    for scores in found.values():
        assert all(type(score) is float for score in scores.values())
        falling = list(scores.values())
        assert falling == sorted(set(falling), reverse=True)


def _as_file(folder: Path) -> Path:
    path = folder / "corpus.jsonl"
    path.write_text("".join(json.dumps({**row, "_id": row["id"]}) + "\n" for row in CORPUS), encoding="utf-8")
    return path


def test_reranking_tasks_say_what_may_come_back(model: MtebSearch) -> None:
    model.index(CORPUS, **HOW)
    only = {"q2": ["d4", "d1"], "q1": []}
    found = model.search(ASKED[:2], top_k=10, top_ranked=only, **HOW)
    assert found["q1"] == {} and set(found["q2"]) == {"d4", "d1"}


def test_a_new_task_is_a_new_index(model: MtebSearch, tmp_path: Path) -> None:
    model.index(CORPUS, **HOW)
    model.index(CORPUS[:1], **HOW)
    assert set(model.search([{"id": "x", "text": "moon"}], top_k=5, **HOW)["x"]) == {"d1"}
    assert len(list((tmp_path / "work").iterdir())) == 1
    model.close()
    assert list((tmp_path / "work").iterdir()) == []


def test_instructions_and_conversations_are_text(model: MtebSearch) -> None:
    model.index(CORPUS, **HOW)
    rows: list[dict[str, Any]] = [
        {"id": "a", "text": "nothing", "instruction": "moon"},
        {"id": "b", "text": ["nothing", "moon"]},
        {"id": "c", "text": [{"role": "user", "content": "moon"}], "instruction": None},
    ]
    found = model.search(rows, top_k=5, **HOW)
    assert set(found["a"]) == set(found["b"]) == set(found["c"]) == {"d1", "d3", "d4"}
    with pytest.raises(InvalidInput, match="'d' is int"):
        model.search([{"id": "d", "text": 3}], top_k=5, **HOW)


@pytest.mark.parametrize(
    ("languages", "analyzer"),
    [
        (["deu-Latn"], "german"),
        ({"default": ["eng-Latn"], "de": ["deu-Latn"]}, "english"),
        (["eng-Latn", "deu-Latn"], "standard"),
        (["kat-Geor"], "standard"),
        ([], "standard"),
    ],
)
def test_the_task_says_the_language(model: MtebSearch, languages: Any, analyzer: str) -> None:
    model.index(CORPUS, **{**HOW, "task_metadata": SimpleNamespace(eval_langs=languages)})
    assert model._index is not None and model._index.settings.analyzer is not None
    assert model._index.settings.analyzer.name == analyzer


def test_the_language_can_be_given(tmp_path: Path) -> None:
    model = MtebSearch("bm25-multifield", language="french")
    model.index(CORPUS, **HOW)
    assert model._index is not None and model._index.settings.analyzer is not None
    assert model._index.settings.analyzer.name == "french" and list(model._index.settings.fields) == ["title", "text"]
    model.close()
    assert set(_ANALYZERS.values()) <= set(analyzer_names())


def test_searching_before_indexing() -> None:
    with pytest.raises(InvalidInput, match="nothing has been indexed"):
        MtebSearch().search(ASKED, top_k=1, **HOW)
    with pytest.raises(InvalidInput, match="no pipeline"):
        MtebSearch("nothing")

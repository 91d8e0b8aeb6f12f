"""Vectors on the command line: made at a build or later, searched, and what goes wrong."""

import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from contracts.toy_encoder import ToyEncoder

import spaniel as sp
from spaniel.cli import dense_options
from spaniel.index import store
from spaniel.index.dense.settings import Codes, Rescore, StoreKind
from spaniel.models.encoders import open as opening
from spaniel.models.known import languages_of
from spaniel.retrieval.errors import MissingExtra

Run = Callable[..., Any]


def test_options_name_what_the_library_knows() -> None:
    assert set(dense_options.STORES) == set(get_args(StoreKind))
    assert set(dense_options.CODES) == set(get_args(Codes))
    assert set(dense_options.RESCORE) == set(get_args(Rescore))


def test_build_keeps_vectors(spaniel: Run, source: Path, tmp_path: Path, models: list[dict[str, Any]]) -> None:
    words = ["--dense", "toy-1", "--precision", "int8", "--max-length", "64", "--query-prompt", "q: ", "--offline"]
    words += ["--codes", "sign", "--no-factor", "--rescore", "none", "--dense-name", "mine"]
    done = spaniel("index", "build", source, tmp_path / "kb", *words, "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    assert done.data["passages"] == 4
    (model,) = done.data["models"]
    assert model["name"] == "mine"
    asked = {name: value for name, value in models[0].items() if name != "on_progress"}
    given = {"precision": "int8", "max_length": 64, "query_prompt": "q: ", "offline": True, "threads": None}
    assert asked == {"model": "toy-1", **given}
    with sp.open(tmp_path / "kb") as kb:
        store = kb.settings.dense["mine"].store
        assert (store.kind, store.codes, store.factor, store.rescore) == ("binary", "sign", False, "none")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--store", "float16"], "--store belongs to vectors; give --dense MODEL"),
        (["--max-length", "64"], "--max-length belongs to vectors"),
        (
            ["--dense", "toy", "--store", "float16", "--codes", "itq"],
            "--codes belongs to --store binary, not to float16",
        ),
        (["--dense", "toy", "--store", "int8", "--rescore", "int8"], "--rescore means nothing for --store int8"),
        (["--dense", "toy", "--store", "hnsw", "--rescore", "none"], "hnsw needs vectors"),
        (["--dense", "toy", "--store", "flat"], "'flat' is not one of"),
        (["--dense", "toy", "--dense-name", "My Model"], "dense name"),
        (["--dense", "toy", "--vectors"], "--dense means nothing for token weights"),
    ],
)
def test_options_that_do_not_fit(
    spaniel: Run, source: Path, tmp_path: Path, models: list[dict[str, Any]], words: list[str], said: str
) -> None:
    done = spaniel("index", "build", source, tmp_path / "kb", *words, "--json")
    assert done.code == 2
    assert said in done.error["message"]
    assert not (tmp_path / "kb" / "MANIFEST").exists()


def test_add_encodes_what_is_new(spaniel: Run, hybrid: Path, tmp_path: Path, models: list[dict[str, Any]]) -> None:
    (tmp_path / "more.jsonl").write_text('{"_id": "fish", "text": "Fish tanks need a permit."}\n')
    del models[:]
    assert spaniel("index", "add", tmp_path / "more.jsonl", hybrid).code == 0
    assert [asked["model"] for asked in models] == ["toy-1"]
    with sp.open(hybrid) as kb:
        assert [segment.dense("toy").n_passages for segment in kb.passages] == [4, 1]


def test_threads_bound_the_model_too(spaniel: Run, source: Path, tmp_path: Path, models: list[dict[str, Any]]) -> None:
    kb, more = tmp_path / "kb", tmp_path / "more.jsonl"
    assert spaniel("index", "build", source, kb, "--dense", "toy-1", "--threads", 3).code == 0
    for word, option in (("rabbits", []), ("hares", ["--encoder", "toy-1"])):
        more.write_text(json.dumps({"_id": word, "text": word}) + "\n", encoding="utf-8")
        assert spaniel("index", "add", more, kb, "--threads", 2, *option).code == 0
    assert [model["threads"] for model in models] == [3, 2, 2]


def test_several_models(spaniel: Run, hybrid: Path) -> None:
    done = spaniel("index", "add-dense", hybrid, "toy-2", "--name", "other", "--store", "int8", "--json")
    assert done.code == 0, done.err
    assert [model["name"] for model in done.data["models"]] == ["toy", "other"]
    assert done.data["name"] == "other"
    again = spaniel("index", "add-dense", hybrid, "toy-2", "--name", "other", "--json")
    assert again.code == 2 and "other" in again.error["message"]
    assert spaniel("index", "add-dense", hybrid, "toy-3", "--name", "other", "--overwrite").code == 0
    dropped = spaniel("index", "drop-dense", hybrid, "other", "--json")
    assert dropped.data["dropped"] == "other"
    assert [model["name"] for model in dropped.data["models"]] == ["toy"]
    gone = spaniel("index", "drop-dense", hybrid, "other", "--json")
    assert gone.code == 2 and "other" in gone.error["message"]


def test_no_model_is_opened_for_an_index_that_is_not_there(
    spaniel: Run, tmp_path: Path, models: list[dict[str, Any]]
) -> None:
    done = spaniel("index", "add-dense", tmp_path / "nowhere", "toy", "--json")
    assert done.code == 2 and done.error["type"] == "IndexNotFound"
    assert models == []


def test_the_demo_goes_on_without_a_model(spaniel: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(model: object, **options: Any) -> ToyEncoder:
        raise MissingExtra("onnxruntime", "cpu")

    records = tmp_path / "records.jsonl"
    monkeypatch.setattr(opening, "open_encoder", missing)
    monkeypatch.setattr("spaniel.cli.demo._write_documents", lambda path: path.write_text(records.read_text()))
    records.write_text('{"id": "a", "text": "create a temporary directory", "kind": "class"}\n')
    done = spaniel("demo", "--dir", tmp_path / "demo")
    assert "words alone, no vectors: onnxruntime is not installed (pip install 'spaniel[cpu]')" in done.err
    assert "create a temporary directory" in done.out


def test_info_has_a_line_for_each_model(spaniel: Run, hybrid: Path) -> None:
    assert "  toy  32 dimensions of toy-1 (fp32), kept as float32\n" in spaniel("index", "info", hybrid).out
    (model,) = spaniel("index", "info", hybrid, "--json").data["models"]
    assert model["store"]["kind"] == "float32"


def test_texts_that_are_cut_are_told(
    spaniel: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: list[dict[str, Any]]
) -> None:
    counts = {"model_calls": 1, "tokens": 9, "truncated": 2}
    monkeypatch.setattr(ToyEncoder, "usage", lambda self: counts)
    done = spaniel("index", "build", source, tmp_path / "kb", "--dense", "toy")
    assert "2 texts were longer than 256 tokens" in done.err
    assert "longer" not in spaniel("index", "build", source, tmp_path / "kb2", "--dense", "toy", "--quiet").err


def test_a_model_of_another_language_is_told(
    spaniel: Run, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr("spaniel.index.dense.languages.languages_of", lambda source: ("english",))
    said = "toy was trained on English, and --language is german: expect worse of it than of words alone"
    for name, language in (("de", "german"), ("en", "english"), ("porter", "porter"), ("any", "standard")):
        done = spaniel("index", "build", source, tmp_path / name, "--dense", "toy", "--language", language)
        assert (said in done.err) == (language == "german")
    words = tmp_path / "words"
    spaniel("index", "build", source, words, "--language", "german")
    assert said in spaniel("index", "add-dense", words, "toy").err


def test_what_known_models_read() -> None:
    for source in ("minilm", "hub:sentence-transformers/all-MiniLM-L6-v2@main", "BAAI/bge-small-en-v1.5"):
        assert languages_of(source) == ["english"]
    for source in ("multilingual-e5-small", "/a/folder", "hub:some/body"):
        assert not languages_of(source)


def test_info_of_vectors_made_elsewhere(spaniel: Run, kb: Path) -> None:
    ids = ["keys", "dogs", "cats", "esc"]
    sp.add_dense(kb, vectors=np.eye(4, 8, dtype=np.float32), ids=ids, name="mine", store="float32").close()
    assert "8 dimensions, made elsewhere, kept as float32" in spaniel("index", "info", kb).out


def test_a_folder_that_cannot_be_written_has_a_hint(
    spaniel: Run, hybrid: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path / "write.lock"))

    monkeypatch.setattr(store, "_take_lock", refused)
    done = spaniel("index", "drop-dense", hybrid, "toy", "--json")
    assert done.code == 2 and "make the index's folder writable" in done.error["hint"]

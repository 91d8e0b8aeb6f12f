"""`spaniel index ...`: what each command does, says and returns."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import spaniel as sp

Run = Callable[..., Any]


def ids(path: Path, query: str) -> list[str]:
    with sp.open(path) as kb:
        return [hit.id for hit in kb.search(query)]


def test_build_says_what_there_is(spaniel: Run, source: Path, tmp_path: Path) -> None:
    done = spaniel("index", "build", source, tmp_path / "kb", "--json")
    assert done.code == 0
    assert done.err == ""
    expected = {"path": str(tmp_path / "kb"), "passages": 4, "documents": 4, "segments": 1, "models": [], "skipped": 0}
    assert {name: done.data[name] for name in expected} == expected
    assert sum(done.data["bytes"].values()) > 0
    assert done.data["seconds"] >= 0
    text = spaniel("index", "build", source, tmp_path / "kb2")
    assert "4 passages of 4 documents" in text.out
    assert ids(tmp_path / "kb", "rotating keys") == ["keys"]


def test_build_options_reach_the_index(spaniel: Run, tmp_path: Path) -> None:
    source = tmp_path / "records.jsonl"
    source.write_text('{"nr": "1", "inhalt": "Die Häuser am Fluss", "kopf": "Haus", "jahr": 3}\n', encoding="utf-8")
    options = ["--id-field", "nr", "--text-field", "inhalt", "--title-field", "kopf", "--language", "german"]
    options += ["--fields", "title:2,text:1", "--columns", "jahr:integer", "--memory", "64M"]
    assert spaniel("index", "build", source, tmp_path / "kb", *options).code == 0
    with sp.open(tmp_path / "kb") as kb:
        (hit,) = kb.search("Haus", where={"jahr": {"$gte": 3}})
        assert (hit.id, hit.title, hit.meta) == ("1", "Haus", {"jahr": 3})
        assert dict(kb.settings.fields) == {"title": 2.0, "text": 1.0}
        assert kb.settings.analyzer.name == "german"
        assert dict(kb.settings.columns) == {"jahr": "integer"}


def test_documents_are_cut_as_asked(spaniel: Run, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "long.txt").write_text("Some words of a sentence. " * 100)
    source, kb = tmp_path / "docs", tmp_path / "kb"

    def passages(*options: object) -> int:
        done = spaniel("index", "build", source, kb, "--json", "--overwrite", *options)
        assert done.code == 0 and done.data["documents"] == 1
        return int(done.data["passages"])

    assert passages("--no-chunks") == 1 < passages() < passages("--chunk-tokens", 64)
    assert passages("--chunk-overlap", 2, "--chunk-tokens", 64) == passages("--chunk-tokens", 64)
    assert spaniel("index", "build", source, kb, "--no-chunks", "--chunk-overlap", 1).code == 2
    assert spaniel("index", "build", source, kb, "--overwrite", "--chunk-counter", "none-such").code == 2
    assert spaniel("index", "add", source, kb, "--chunk-tokens", 32).code == 2
    assert spaniel("index", "add", source, kb, "--on-duplicate", "replace").code == 0
    done = spaniel("index", "delete", kb, "long.txt", "--json")
    assert done.data == {"deleted": 1, "asked": 1}
    assert spaniel("index", "info", kb, "--json").data["documents"] == 0


def test_build_does_not_replace_unasked(spaniel: Run, kb: Path, source: Path) -> None:
    done = spaniel("index", "build", source, kb)
    assert done.code == 2
    assert done.out == ""
    assert "already there" in done.err
    assert "hint:" in done.err
    assert spaniel("index", "build", source, kb, "--overwrite").code == 0


def test_malformed_records(spaniel: Run, tmp_path: Path) -> None:
    source = tmp_path / "records.jsonl"
    source.write_text('{"id": "a", "text": "good"}\n{"id": "b"}\nnot json\n')
    failed = spaniel("index", "build", source, tmp_path / "kb", "--json")
    assert failed.code == 2
    assert f"{source}:2" in failed.error["message"]
    assert failed.error["type"] == "InvalidInput"
    skipped = spaniel("index", "build", source, tmp_path / "kb", "--on-error", "skip")
    assert skipped.code == 0
    assert f"{source}:2" in skipped.err
    assert f"{source}:3" in skipped.err
    assert "2 malformed records skipped" in skipped.err
    assert "1 passage of 1 document," in skipped.out


@pytest.mark.parametrize(("rule", "found"), [("replace", "second"), ("skip", "first")])
def test_duplicates(spaniel: Run, tmp_path: Path, rule: str, found: str) -> None:
    source = tmp_path / "records.jsonl"
    source.write_text('{"id": "a", "text": "first text"}\n{"id": "a", "text": "second text"}\n')
    failed = spaniel("index", "build", source, tmp_path / "kb", "--json")
    assert failed.code == 2
    assert "'a'" in failed.error["message"]
    assert spaniel("index", "build", source, tmp_path / "kb", "--on-duplicate", rule, "--overwrite").code == 0
    with sp.open(tmp_path / "kb") as kb:
        assert [hit.text for hit in kb.search("text")] == [f"{found} text"]


def test_add_and_info(spaniel: Run, kb: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.jsonl"
    more.write_text('{"id": "new", "text": "A dog of another segment."}\n')
    assert spaniel("index", "add", more, kb, "--json").data["segments"] == 2
    info = spaniel("index", "info", kb, "--json").data
    assert (info["passages"], info["documents"], info["segments"], info["models"]) == (5, 5, 2, [])
    assert all(size > 0 for size in info["bytes"].values())
    lines = spaniel("index", "info", kb).out.splitlines()
    assert any(line.split() == ["passages", "5"] for line in lines)
    assert "new" in ids(kb, "dogs")


def test_delete(spaniel: Run, kb: Path) -> None:
    absent = spaniel("index", "delete", kb, "dogs", "none", "--json")
    assert absent.code == 2
    assert "'none'" in absent.error["message"]
    assert "dogs" in ids(kb, "dogs")
    done = spaniel("index", "delete", kb, "dogs", "none", "--missing-ok", "--json")
    assert (done.code, done.data) == (0, {"deleted": 1, "asked": 2})
    assert "dogs" not in ids(kb, "dogs")
    assert spaniel("index", "delete", kb, "dogs", "--missing-ok").code == 1


def test_optimize(spaniel: Run, kb: Path, tmp_path: Path) -> None:
    more = tmp_path / "more.jsonl"
    more.write_text('{"id": "new", "text": "A dog of another segment."}\n')
    spaniel("index", "add", more, kb)
    spaniel("index", "delete", kb, "cats")
    before = ids(kb, "dogs")
    done = spaniel("index", "optimize", kb, "--json")
    assert (done.code, done.data["segments"], done.data["passages"]) == (0, 1, 4)
    assert ids(kb, "dogs") == before


def test_verify(spaniel: Run, kb: Path) -> None:
    assert spaniel("index", "verify", kb, "--json").data == {"ok": True, "problems": []}
    assert "whole" in spaniel("index", "verify", kb).out
    victim = max((path for path in kb.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    raw = bytearray(victim.read_bytes())
    raw[len(raw) // 2] ^= 1
    victim.write_bytes(raw)
    done = spaniel("index", "verify", kb, "--json")
    assert (done.code, done.data["ok"]) == (1, False)
    assert [problem["file"] for problem in done.data["problems"]] == [victim.name]
    assert all(problem["reason"] for problem in done.data["problems"])
    assert victim.name in spaniel("index", "verify", kb).out


@pytest.mark.parametrize("command", [["info"], ["verify"], ["optimize"], ["delete", "-id-"]])
def test_no_index(spaniel: Run, tmp_path: Path, command: list[str]) -> None:
    words = ["index", command[0], tmp_path / "none", *(word.strip("-") for word in command[1:])]
    done = spaniel(*words, "--json")
    assert done.code == 2
    assert done.out == ""
    assert done.error["type"] == "IndexNotFound"
    assert "spaniel index build" in done.error["hint"]


def test_token_weights(spaniel: Run, tmp_path: Path) -> None:
    first, more, queries = tmp_path / "w.jsonl", tmp_path / "more.jsonl", tmp_path / "q.jsonl"
    first.write_text('{"id": "a", "vector": {"red": 200, "fish": 3}}\n{"id": "b", "vector": {"fish": 50}}\n')
    more.write_text('{"id": "c", "vector": {"fish": 20}}\n')
    queries.write_text('{"id": "q", "vector": {"fish": 2.0}}\n')
    assert spaniel("index", "build", "--vectors", first, tmp_path / "kb", "--json").data["passages"] == 2
    assert spaniel("index", "add", more, tmp_path / "kb", "--json").data["segments"] == 2
    found = json.loads(spaniel("search", tmp_path / "kb", "--queries", queries, "--json").out)
    assert [(hit["id"], hit["score"]) for hit in found["hits"]] == [("b", 100.0), ("c", 40.0), ("a", 6.0)]
    refused = spaniel("search", tmp_path / "kb", "fish", "--json").error
    assert refused["type"] == "UsageError"
    assert "--queries" in refused["message"] + refused["hint"]
    wrong = spaniel("index", "build", "--vectors", first, tmp_path / "kb2", "--language", "german", "--json")
    assert "--language means nothing" in wrong.error["message"]


def test_ciff_there_and_back(spaniel: Run, kb: Path, tmp_path: Path) -> None:
    file = tmp_path / "kb.ciff"
    assert spaniel("index", "export-ciff", kb, file, "--json").data == {"path": str(file), "documents": 4}
    done = spaniel("index", "import-ciff", file, tmp_path / "again", "--json")
    assert done.data["passages"] == 4
    assert ids(tmp_path / "again", "dog") == ids(kb, "dogs")


def test_a_failed_command_says_no_data(spaniel: Run, tmp_path: Path) -> None:
    done = spaniel("index", "build", tmp_path / "none.jsonl", tmp_path / "kb", "--json")
    assert done.code == 2
    assert done.out == ""
    assert "none.jsonl" in done.error["message"]
    assert not (tmp_path / "kb" / "MANIFEST").exists()
    assert json.loads(done.err).keys() == {"error"}
    assert done.error.keys() == {"type", "message", "hint"}

"""`spaniel encode`: texts in, vectors out."""

import gzip
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from contracts.toy_encoder import ToyEncoder

from spaniel.models.encoders import open as opening

Run = Callable[..., Any]
TOY = ToyEncoder()


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "open_encoder", lambda model, **options: ToyEncoder())


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def unzipped(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode()


def test_records_to_npy(spaniel: Run, source: Path, tmp_path: Path) -> None:
    done = spaniel("encode", source, "--model", "toy", "--out", tmp_path / "out.npy", "--json")
    assert done.code == 0, done.err
    assert {name: done.data[name] for name in ("texts", "dimension", "model")} == {
        "texts": 4,
        "dimension": 32,
        "model": "toy",
    }
    vectors = np.load(tmp_path / "out.npy", allow_pickle=False)  # noqa: TID251 - what a user does with it
    assert vectors.dtype == np.float32
    assert vectors.shape == (4, 32)
    expected = TOY.encode(["Key policy Rotate every key once a year."], kind="passage")[0]
    assert np.array_equal(vectors[0], expected)


def test_lines_round_trip_to_the_last_bit(spaniel: Run, tmp_path: Path) -> None:
    (tmp_path / "in.tsv").write_text("a\tone text\nb\tother\n")
    for out, read in [("out.jsonl", Path.read_text), ("out.jsonl.gz", unzipped)]:
        assert spaniel("encode", tmp_path / "in.tsv", "--model", "toy", "--out", tmp_path / out).code == 0
        records = lines(read(tmp_path / out))
        assert [record["id"] for record in records] == ["a", "b"]
        got = np.array([record["vector"] for record in records], np.float32)
        assert np.array_equal(got, TOY.encode(["one text", "other"], kind="passage"))


def test_stdin_to_stdout(spaniel: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"one\n\ntwo\n")))
    done = spaniel("encode", "-", "--model", "toy", "--kind", "query", "--quiet")
    assert done.code == 0
    assert [record["id"] for record in lines(done.out)] == ["1", "3"]
    assert done.err == ""


def test_nothing_to_encode(spaniel: Run, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("\n")
    done = spaniel("encode", tmp_path / "in.txt", "--model", "toy", "--out", tmp_path / "out.npy")
    assert done.code == 1
    assert np.load(tmp_path / "out.npy").shape == (0, 32)  # noqa: TID251


@pytest.mark.parametrize(
    ("content", "out", "said"),
    [
        ('{"text": 3}\n', "out.npy", "in.jsonl:1: its text is 3; it must be a string"),
        ('{"text": "a", "id": [1]}\n', "out.npy", "neither a string nor a whole number"),
        ("[1]\n", "out.npy", "not a JSON object"),
        ('{"text": "a"}\n', "out.csv", "ends neither in .npy nor in .jsonl"),
        ('{"text": "a"}\n', "nowhere/out.npy", "No such file"),
    ],
)
def test_what_cannot_be_encoded(spaniel: Run, tmp_path: Path, content: str, out: str, said: str) -> None:
    (tmp_path / "in.jsonl").write_text(content)
    done = spaniel("encode", tmp_path / "in.jsonl", "--model", "toy", "--out", tmp_path / out, "--json")
    assert done.code == 2
    assert said in done.error["message"]
    assert not (tmp_path / out).exists()


def test_half_a_surrogate_pair_in_an_id(spaniel: Run, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "a\\ud800", "text": "one"}\n')
    done = spaniel("encode", tmp_path / "in.jsonl", "--model", "toy", "--out", tmp_path / "out.jsonl")
    assert done.code == 0, done.err
    assert lines((tmp_path / "out.jsonl").read_text())[0]["id"] == "a\ud800"

"""The cache of vectors: what it keeps, what a tear or a flipped bit costs, and a real process killed while encoding."""

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from contracts.toy_encoder import ToyEncoder, toy_card
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spaniel.index.build import build
from spaniel.index.check import verify
from spaniel.index.dense import embeddings
from spaniel.index.dense.add_dense import add_dense
from spaniel.index.dense.embeddings import EmbeddingCache, embed, identity_of
from spaniel.index.index import open_index
from spaniel.retrieval.errors import IndexCorrupt, ModelError
from spaniel.retrieval.types import Document

TESTS = Path(__file__).resolve().parents[2]
CARD = toy_card(4)


def fake(texts: Sequence[str]) -> NDArray[np.float32]:
    """A vector that tells which text it is of."""
    return np.array([[len(text), sum(map(ord, text)), ord(text[0]), 1] for text in texts], np.float32)


class Asked:
    """`fake`, remembering what it was asked for."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, texts: list[str]) -> NDArray[np.float32]:
        self.texts += texts
        return fake(texts)


def fill(folder: Path, *blocks: list[str]) -> Asked:
    """Ask for the blocks, one after the other; check what comes back."""
    asked = Asked()
    with EmbeddingCache(folder, CARD) as cache:
        for texts in blocks:
            rows = cache.rows_of(texts, asked)
            assert (cache.vectors()[rows] == fake(texts)).all()
    return asked


def test_every_text_is_encoded_once(tmp_path: Path) -> None:
    assert fill(tmp_path, ["a", "bb", "a"], ["bb", "ccc"]).texts == ["a", "bb", "ccc"]
    assert fill(tmp_path, ["ccc", "dd", "a", "dd"]).texts == ["dd"]
    assert fill(tmp_path, ["a", "bb", "ccc", "dd"]).texts == []


def test_another_model_has_its_own_vectors(tmp_path: Path) -> None:
    fill(tmp_path, ["a"])
    for other in (replace(CARD, sha256="ff"), replace(CARD, max_length=7), replace(CARD, precision="int8")):
        with EmbeddingCache(tmp_path, other) as cache:
            assert len(cache) == 0
    assert identity_of(CARD) == identity_of(replace(CARD, name="x", source="y"))
    unknown = replace(CARD, sha256="")
    assert identity_of(unknown) != identity_of(replace(unknown, source="http://elsewhere"))


def test_vectors_that_are_none_are_not_kept(tmp_path: Path) -> None:
    with EmbeddingCache(tmp_path, CARD) as cache:
        with pytest.raises(ModelError, match="NaN"):
            cache.rows_of(["a"], lambda texts: np.full((1, 4), np.inf, np.float32))
        with pytest.raises(ModelError, match="shape"):
            cache.rows_of(["a"], lambda texts: np.zeros((2, 4), np.float32))
        assert len(cache) == 0
    assert fill(tmp_path, ["a"]).texts == ["a"]


BLOCKS = [["a", "bb"], ["ccc"], ["dd", "e", "ff", "g"]]


@settings(max_examples=80, deadline=None)
@given(file=st.sampled_from(["rows", "keys"]), place=st.floats(0, 1), cut=st.booleans())
def test_damage_costs_what_lies_behind_it_and_no_more(
    tmp_path_factory: pytest.TempPathFactory, file: str, place: float, cut: bool
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    fill(folder, *BLOCKS)
    [path] = folder.glob(f"*.{file}")
    data = bytearray(path.read_bytes())
    at = min(int(place * len(data)), len(data) - 1)
    if cut:
        del data[at:]
    else:
        data[at] ^= 16
    path.write_bytes(data)
    texts = [text for block in BLOCKS for text in block]
    asked = fill(folder, texts[::-1], ["new"]).texts
    kept = [block for block in BLOCKS if not set(block) & set(asked)]
    assert kept == BLOCKS[: len(kept)] and sorted(asked) == sorted({*texts, "new"} - {t for b in kept for t in b})
    assert fill(folder, [*texts, "new"]).texts == []


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"vectors-{identity_of(CARD)}.keys").mkdir()
    with pytest.raises(IndexCorrupt, match="not a regular file"):
        EmbeddingCache(tmp_path, CARD)
    link = tmp_path / "elsewhere"
    link.mkdir()
    (link / f"vectors-{identity_of(CARD)}.rows").symlink_to(tmp_path / "target")
    with pytest.raises(IndexCorrupt, match="symbolic link"):
        EmbeddingCache(link, CARD)


def test_rows_without_a_text_get_those_of_a_neighbour(tmp_path: Path) -> None:
    encoder = ToyEncoder(4)
    with EmbeddingCache(tmp_path, encoder.card) as cache:
        found = embed([(3, "word"), (1, "other word"), (4, "word")], 6, encoder, cache)
    assert encoder.asked == ["word", "other word"]
    word, other = encoder.encode(["word", "other word"], kind="passage")
    assert (found[0:6] == np.stack([other, other, other, word, word, word])).all()
    assert (found[np.array([5, 0])] == np.stack([word, other])).all() and found.shape == (6, 4)
    with EmbeddingCache(tmp_path / "empty", encoder.card) as cache:
        assert (embed([], 2, encoder, cache)[0:2] == 0).all()


def test_many_texts(tmp_path: Path) -> None:
    texts = [str(number % 1500) for number in range(4000)]
    blocks = [texts[start : start + 512] for start in range(0, 4000, 512)]
    assert fill(tmp_path, *blocks).texts == [str(number) for number in range(1500)]


def test_a_cache_beyond_one_index(tmp_path: Path) -> None:
    documents = [Document(f"d{n}", f"text {n % 4}") for n in range(10)]
    first, second = ToyEncoder(), ToyEncoder()
    build(documents, tmp_path / "one", dense=first, store="float32", embedding_cache=tmp_path / "cache").close()
    build(documents, tmp_path / "two", dense=second, store="int8", embedding_cache=tmp_path / "cache").close()
    add_dense(tmp_path / "two", second, name="more", store="float16", embedding_cache=tmp_path / "cache").close()
    assert first.asked == [f"text {n}" for n in range(4)] and second.asked == []
    assert not (tmp_path / "two" / "partial").exists()


COMMAND = """
import sys
from contracts.toy_encoder import ToyEncoder
from spaniel.index.build import build
from spaniel.index.dense import embeddings
from spaniel.index.dense import embeddings
from spaniel.index.dense.add_dense import add_dense

command, source, path, log, stop_at = *sys.argv[1:5], int(sys.argv[5])
embeddings._ROWS_AT_ONCE = 10

class Logged(ToyEncoder):
    calls = 0

    def encode(self, texts, *, kind):
        self.calls += 1
        if self.calls == stop_at:
            print("stopped", flush=True)
            sys.stdin.read()
        with open(log, "a") as file:
            file.writelines(text + "\\n" for text in texts)
        return super().encode(texts, kind=kind)

told = lambda progress: progress.note and print(progress.note, flush=True)
if command == "build":
    build(source, path, dense=Logged(), store="float32", on_progress=told).close()
else:
    add_dense(path, Logged(), store="float32").close()
"""


def started(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    environment = {"PYTHONPATH": str(TESTS), "PATH": "/usr/bin:/bin"}
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize("command", ["build", "add-dense"])
def test_killed_while_encoding(tmp_path: Path, command: str) -> None:
    """Nothing is encoded again, equal passages are encoded once, and the index is that of an undisturbed build."""
    source, path, log = tmp_path / "corpus.jsonl", tmp_path / "kb", tmp_path / "log"
    records = [{"_id": f"d{n}", "text": f"passage {n % 60} of the corpus"} for n in range(100)]
    source.write_text("".join(json.dumps(record) + "\n" for record in records))
    build(source, tmp_path / "undisturbed", dense=ToyEncoder(), store="float32").close()
    if command == "add-dense":
        build(source, path).close()
    for stop_at in (3, 2):
        process = started(command, source, path, log, stop_at)
        assert process.stdout is not None
        said = process.stdout.readline()
        while said != "stopped\n":
            assert said.startswith(("going on after 100 documents", "going on after 20 texts")), said
            said = process.stdout.readline()
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert (path / "MANIFEST").exists() == (command == "add-dense")
    output, _ = started(command, source, path, log, 0).communicate()
    assert ("going on after 100 documents" in output) == (command == "build")
    assert set(Counter(log.read_text().splitlines()).values()) == {1}
    assert len(log.read_text().splitlines()) == 60
    assert verify(path).ok and not (path / "partial").exists()
    with open_index(path) as index, open_index(tmp_path / "undisturbed") as other:
        rows = np.arange(100)
        ours, theirs = (one.passages.open[0].dense("toy").vectors(rows) for one in (index, other))
        assert (ours == theirs).all()


def test_vectors_outlive_a_build_that_starts_afresh(tmp_path: Path) -> None:
    """They are known by their texts: objects of a caller, which no build can go on from, are not encoded again."""
    documents = [Document(f"d{n}", f"text {n}") for n in range(8)]

    encoder = ToyEncoder()

    def stop(progress: object) -> None:
        if encoder.asked:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(documents, tmp_path / "kb", dense=encoder, store="float32", on_progress=stop)
    assert len(encoder.asked) == 8
    build([*documents, Document("new", "more")], tmp_path / "kb", dense=encoder, store="float32").close()
    assert encoder.asked[8:] == ["more"]
    assert verify(tmp_path / "kb").notes == ()


def test_more_texts_in_one_call_than_a_record_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embeddings, "_RECORD_ROWS", 7)
    texts = [str(number) for number in range(40)]
    assert fill(tmp_path, texts).texts == texts
    assert fill(tmp_path, texts, ["new"]).texts == ["new"]

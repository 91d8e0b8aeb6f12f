"""An index through CIFF and back gives the same passages and scores."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

import spaniel as sp
from spaniel.index.analysis import Analyzer
from spaniel.index.ciff import export_ciff, import_ciff
from spaniel.index.sparse.ciff import CiffReader, DocRecord, Header, PostingsList, write_ciff

WORDS = "red green blue fishes birds dogs cats houses trees running rivers stones clouds".split()  # noqa: SIM905
QUERIES = ["red fish", "dogs", "clouds by the rivers", "runs run running"]


def documents(first: int, n: int) -> list[sp.Document]:
    rng = random.Random(first)
    return [sp.Document(f"d{i}", " ".join(rng.choices(WORDS, k=rng.randint(1, 90)))) for i in range(first, first + n)]


@pytest.mark.parametrize("name", ["kb.ciff", "kb.ciff.gz"])
def test_there_and_back(tmp_path: Path, name: str) -> None:
    """Three segments with deletions: the file holds the living ones, numbered anew."""
    sp.build(documents(0, 40), tmp_path / "kb").close()
    sp.add(documents(40, 30), tmp_path / "kb").close()
    sp.add(documents(70, 1), tmp_path / "kb").close()
    sp.delete(tmp_path / "kb", ["d0", "d13", "d45"])
    with sp.open(tmp_path / "kb") as kb:
        assert export_ciff(kb, tmp_path / name) == 68
        analyzer = Analyzer(kb.settings.analyzer)
        with import_ciff(tmp_path / name, tmp_path / "again") as again:
            assert len(again) == 68
            for query in QUERIES:
                terms = " ".join(analyzer.tokens(query))
                expected = [(hit.id, hit.score) for hit in kb.search(query, k=100)]
                assert [(hit.id, hit.score) for hit in again.search(terms, k=100)] == expected
    assert sp.verify(tmp_path / "again").ok


def test_the_file_is_in_order_and_its_counts_are_right(tmp_path: Path) -> None:
    with sp.build([sp.Document("x", "b a a"), sp.Document("y", "c b")], tmp_path / "kb", language="whitespace") as kb:
        export_ciff(kb, tmp_path / "kb.ciff")
    with CiffReader(tmp_path / "kb.ciff") as reader:
        assert (reader.header.n_docs, reader.header.total_tokens, reader.header.average_length) == (2, 5, 2.5)
        lists = [(part.term, part.docs.tolist(), part.tfs.tolist()) for part in reader.lists()]
        assert lists == [("a", [0], [2]), ("b", [0, 1], [1, 1]), ("c", [1], [1])]
        assert list(reader.documents()) == [DocRecord(0, "x", 3), DocRecord(1, "y", 2)]


def weighted(path: Path, lists: list[tuple[str, list[int], list[int]]], names: list[str]) -> Path:
    """A file of impacts."""
    parts = [PostingsList(term, np.array(docs, np.uint32), np.array(tfs, np.uint32)) for term, docs, tfs in lists]
    header = Header(len(parts), len(names), len(parts), len(names), 1, 1.0)
    write_ciff(path, header, parts, [DocRecord(i, name, 1) for i, name in enumerate(names)])
    return path


def scores(kb: sp.Index, **weights: float) -> list[tuple[str, float]]:
    return [(hit.id, hit.score) for hit in kb.search(sp.Query("q", "", weights=weights))]


def test_impacts_become_an_index_of_token_weights(tmp_path: Path) -> None:
    """A score is the sum of query weight times impact; an impact is stored as a number, not as so many words."""
    file = weighted(tmp_path / "w.ciff", [("fish", [0, 1], [200, 3]), ("red wine", [1], [7])], ["a", "b"])
    with import_ciff(file, tmp_path / "kb", impacts=True) as kb:
        assert kb.settings.analyzer is None
        assert scores(kb, fish=1.0, **{"red wine": 2.0}) == [("a", 200.0), ("b", 17.0)]
        assert [kb.get(name).text for name in "ab"] == ["fish", "red wine fish"]
    assert sp.verify(tmp_path / "kb").ok


def test_impacts_above_a_byte_are_scaled(tmp_path: Path) -> None:
    file = weighted(tmp_path / "w.ciff", [("fish", [0, 1], [1020, 41]), ("red", [1], [1])], ["a", "b"])
    with import_ciff(file, tmp_path / "kb", impacts=True) as kb:
        assert kb.settings.fields["vector"] == 4.0
        assert scores(kb, fish=1.0) == [("a", 1020.0), ("b", 40.0)]
        assert scores(kb, red=1.0) == [("b", 4.0)]  # no match is lost


def test_impacts_there_and_back(tmp_path: Path) -> None:
    rng = random.Random(4)
    lines = [{"id": f"d{i}", "vector": {word: rng.randint(1, 255) for word in rng.sample(WORDS, 6)}} for i in range(50)]
    (tmp_path / "v.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with sp.build_vectors(tmp_path / "v.jsonl", tmp_path / "kb") as kb:
        assert export_ciff(kb, tmp_path / "kb.ciff") == 50
        with import_ciff(tmp_path / "kb.ciff", tmp_path / "again", impacts=True) as again:
            for _ in range(20):
                weights = {word: rng.uniform(0.1, 3.0) for word in rng.sample(WORDS, 4)}
                assert scores(again, **weights) == scores(kb, **weights) != []


def test_fractional_weights_there_and_back(tmp_path: Path) -> None:
    """The header says what a count of 1 stands for; scores come back as they were."""
    (tmp_path / "v.jsonl").write_text('{"id":"a","vector":{"x":1.5,"y":0.3}}\n{"id":"b","vector":{"x":0.7}}\n')
    with sp.build_vectors(tmp_path / "v.jsonl", tmp_path / "kb") as kb:
        export_ciff(kb, tmp_path / "kb.ciff")
        with import_ciff(tmp_path / "kb.ciff", tmp_path / "again", impacts=True) as again:
            assert again.settings == kb.settings
            assert scores(again, x=1.0, y=0.5) == scores(kb, x=1.0, y=0.5) != []


@pytest.mark.parametrize("said", ["of another, step 0.5", "spaniel, learned sparse vectors, step 1e999", "step -1", ""])
def test_what_another_header_says_is_no_step(tmp_path: Path, said: str) -> None:
    part = PostingsList("fish", np.array([0], np.uint32), np.array([7], np.uint32))
    write_ciff(tmp_path / "w.ciff", Header(1, 1, 1, 1, 1, 1.0, said), [part], [DocRecord(0, "a", 1)])
    with import_ciff(tmp_path / "w.ciff", tmp_path / "kb", impacts=True) as kb:
        assert scores(kb, fish=1.0) == [("a", 7.0)]


def test_export_of_a_damaged_index_names_the_file(tmp_path: Path) -> None:
    sp.build([sp.Document(f"d{i}", f"alpha w{i}") for i in range(60)], tmp_path / "kb", language="whitespace").close()
    [file] = (tmp_path / "kb").glob("sparse-*")
    raw = bytearray(file.read_bytes())
    with sp.open(tmp_path / "kb") as kb:
        at = raw.find(kb.passages.open[0].sparse.arrays["rare_doc"].tobytes())
    raw[at + 2] = 0xFF
    file.write_bytes(raw)
    with sp.open(tmp_path / "kb") as kb, pytest.raises(sp.IndexCorrupt, match=file.name):
        export_ciff(kb, tmp_path / "o.ciff")


def test_what_the_format_cannot_carry_is_named(tmp_path: Path) -> None:
    with (
        sp.build(documents(0, 2), tmp_path / "kb", fields={"title": 2.0, "text": 1.0}) as kb,
        pytest.raises(sp.InvalidInput, match="one field, the index has title, text"),
    ):
        export_ciff(kb, tmp_path / "kb.ciff")
    assert not (tmp_path / "kb.ciff").exists()
    part = PostingsList("two words", np.array([0], np.uint32), np.array([1], np.uint32))
    write_ciff(tmp_path / "w.ciff", Header(1, 1, 1, 1, 1, 1.0), [part], [DocRecord(0, "a", 1)])
    with pytest.raises(sp.InvalidInput, match="'two words'"):
        import_ciff(tmp_path / "w.ciff", tmp_path / "again")
    with pytest.raises(sp.IndexNotFound):
        sp.open(tmp_path / "again")

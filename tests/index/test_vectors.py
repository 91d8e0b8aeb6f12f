"""Indexes of learned sparse vectors: scores are dot products with the stored steps, through every kind of change."""

import gzip
import json
import random
from pathlib import Path
from typing import Any

import pytest

from spaniel.index.build import add
from spaniel.index.edit import delete
from spaniel.index.index import Index, open_index
from spaniel.index.optimize import optimize
from spaniel.index.progress import Progress
from spaniel.index.sparse.token_weights import Scale
from spaniel.index.vectors import _VectorStream, add_vectors, build_vectors
from spaniel.retrieval.errors import InvalidInput, InvalidQuery
from spaniel.retrieval.types import Document, Query

from .killing import killed

Vectors = dict[str, dict[str, float]]
TOKENS = [f"t{i}" for i in range(30)]


def vectors(n: int, first: int = 0, *, whole: bool = False) -> Vectors:
    generator = random.Random(first)
    made: Vectors = {}
    for i in range(first, first + n):
        tokens = generator.sample(TOKENS, generator.randrange(1, 12))
        made[f"d{i}"] = {t: generator.randrange(1, 200) if whole else generator.uniform(0.001, 3.0) for t in tokens}
    return made


def written(path: Path, some: Vectors) -> Path:
    lines = (json.dumps({"id": name, "vector": vector, "contents": f"text of {name}"}) for name, vector in some.items())
    path.write_text("\n".join(lines))
    return path


def check(index: Index, some: Vectors, queries: list[dict[str, float]]) -> None:
    step = index.settings.fields["vector"]
    assert len(index) == len(some)
    for query in queries:
        expected = {
            name: sum(w * max(round(vector[t] / step), 1) * step for t, w in query.items() if t in vector)
            for name, vector in some.items()
            if set(vector) & set(query)
        }
        results = index.search(Query("q", "", weights=query), k=1000)
        assert {hit.id for hit in results} == set(expected)
        for hit in results:
            assert hit.score == pytest.approx(expected[hit.id], rel=1e-5)
            assert hit.text == f"text of {hit.id}"
        assert [hit.score for hit in results] == sorted((hit.score for hit in results), reverse=True)
    assert index.verify().ok


QUERIES = [{"t1": 1.0}, {"t2": 0.3, "t3": 2.0, "t4": 1.1}, dict.fromkeys(TOKENS[:15], 0.5)]


@pytest.mark.parametrize("whole", [False, True])
def test_scores_are_dot_products_through_every_change(tmp_path: Path, whole: bool) -> None:
    some = vectors(120, whole=whole)
    path = tmp_path / "kb"
    with build_vectors(written(tmp_path / "a.jsonl", some), path) as index:
        assert whole == (index.settings.fields["vector"] == 1.0)
        check(index, some, QUERIES)
    more = {name: {t: w * 0.9 for t, w in vector.items()} for name, vector in vectors(30, 115, whole=False).items()}
    if whole:
        more = {name: {t: float(round(w) + 1) for t, w in vector.items()} for name, vector in more.items()}
    with add_vectors([written(tmp_path / "b.jsonl", more)], path, on_duplicate="replace") as index:
        some = {name: vector for name, vector in some.items() if name not in more} | more
        check(index, some, QUERIES)
    delete(path, [f"d{i}" for i in range(0, 145, 9)])
    some = {name: vector for name, vector in some.items() if int(name[1:]) % 9}
    with open_index(path) as index:
        check(index, some, QUERIES)
    for reorder in (False, True):
        optimize(path, reorder=reorder)
        with open_index(path) as index:
            check(index, some, QUERIES)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kb"
    source = written(tmp_path / "a.jsonl", vectors(10))
    with build_vectors(source, path) as index:
        with pytest.raises(InvalidQuery, match="learned sparse"):
            index.search("plain text")
        assert index.search(Query("q", "", weights={"unheard": 1.0})).hits == ()
    with pytest.raises(InvalidInput, match="learned sparse vectors"):
        add([Document("x", "text")], path)
    with pytest.raises(InvalidInput, match="already"):
        build_vectors(source, path)
    with pytest.raises(InvalidInput, match="above"):
        add_vectors(written(tmp_path / "b.jsonl", {"heavy": {"t1": 99.0}}), path)
    with pytest.raises(InvalidInput, match="'d0' is in the index already"):
        add_vectors(source, path)
    with pytest.raises(InvalidInput, match=r"c\.jsonl:1"):
        (tmp_path / "c.jsonl").write_text('{"id": "x"}')
        build_vectors(tmp_path / "c.jsonl", tmp_path / "other")
    with pytest.raises(InvalidInput, match="no such file"):
        build_vectors(tmp_path / "none.jsonl", tmp_path / "other")
    with open_index(path) as index:
        assert len(index) == 10 and index.generation == 1


def test_texts_and_vectors_do_not_mix(tmp_path: Path) -> None:
    from spaniel.index.build import build

    build([Document("x", "text")], tmp_path / "kb").close()
    with pytest.raises(InvalidInput, match="index of texts"):
        add_vectors(written(tmp_path / "a.jsonl", vectors(3)), tmp_path / "kb")


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
@pytest.mark.parametrize("adding", [False, True])
def test_killed_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, adding: bool) -> None:
    """Each attempt goes on from the last checkpoint, in the middle of a file; the index is as if nothing had been."""
    monkeypatch.setattr("spaniel.index.vectors._BATCH_LINES", 7)
    path, some, repeated = tmp_path / "kb", vectors(60), {"d0": {"t1": 0.5}, "d70": {"t2": 0.7}}
    sources = [packed(tmp_path / name, some), packed(tmp_path / f"more-{name}", vectors(20, 60) | repeated)]
    alive = some | vectors(20, 60) | repeated

    def command(path: Path) -> Index:
        options: Any = {"on_duplicate": "replace", "checkpoint_s": 0.0}
        # A kill after the commit leaves an index, to which the same command is done once more.
        return (
            add_vectors(sources, path, **options) if adding else build_vectors(sources, path, **options, overwrite=True)
        )

    if adding:
        for folder in (path, tmp_path / "other"):
            build_vectors(packed(tmp_path / "first.jsonl", {"old": {"t1": 4.0}, "d5": {"t3": 2.0}}), folder).close()
        alive = {"old": {"t1": 4.0}} | alive
    attempts = 1
    generator = random.Random(attempts)
    while killed(lambda: command(path).close(), generator.randrange(12, 25) + attempts):
        attempts += 1
        assert attempts < 60
    assert attempts > 3
    with command(tmp_path / "other") as undisturbed, open_index(path) as index:
        check(index, alive, QUERIES)
        assert answers(index) == answers(undisturbed)


def test_ctrl_c_and_the_same_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spaniel.index.vectors._BATCH_LINES", 10)
    monkeypatch.setattr("spaniel.index.progress._EVERY_S", 0.0)
    source = packed(tmp_path / "a.jsonl", vectors(60))

    def interrupt(progress: Progress) -> None:
        if progress.documents >= 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_vectors(source, tmp_path / "kb", checkpoint_s=0.0, on_progress=interrupt)
    told: list[Progress] = []
    with build_vectors(source, tmp_path / "kb", on_progress=told.append) as index:
        check(index, vectors(60), QUERIES)
    assert told[0].note == "going on after 20 documents of an unfinished build"
    last = [one for one in told if one.total_bytes][-1]
    assert last.bytes_read == last.total_bytes == source.stat().st_size


def test_batches_are_cut_by_bytes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spaniel.index.vectors._BATCH_BYTES", 2000)
    source = written(tmp_path / "a.jsonl", vectors(60))
    sizes = [len(batch.documents) for batch in _VectorStream([source], Scale.of(255.0, whole=False)).batches(None)]
    assert sum(sizes) == 60 and max(sizes) < 30


def test_repeated_ids_are_named_by_line(tmp_path: Path) -> None:
    source = packed(tmp_path / "a.jsonl", vectors(5))
    source.write_text(source.read_text() + '\n\n{"id": "d2", "vector": {"t1": 1}}\n')
    with pytest.raises(InvalidInput, match=r"a\.jsonl:7.*'d2' stands already at .*a\.jsonl:3"):
        build_vectors(source, tmp_path / "kb")


def packed(path: Path, some: Vectors) -> Path:
    """The file, compressed if its name says so."""
    written(path, some)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(path.read_bytes()))
    return path


def answers(index: Index) -> list[list[tuple[str, float]]]:
    queries = [Query(str(i), "", weights=weights) for i, weights in enumerate(QUERIES)]
    return [[(hit.id, hit.score) for hit in index.search(query, k=1000)] for query in queries]


def test_weights_under_half_a_step_are_counted(tmp_path: Path) -> None:
    some = tmp_path / "v.jsonl"
    some.write_text('{"id": "a", "vector": {"x": 0.00001, "y": 1000000}}\n{"id": "b", "vector": {"x": 0.00002}}\n')
    notes: list[str] = []
    with build_vectors(some, tmp_path / "kv", on_progress=lambda one: notes.append(one.note)) as index:
        found = index.search(Query("q", "", weights={"x": 1.0}))
    assert [hit.id for hit in found] == ["a", "b"]  # a match stays a match
    [note] = filter(None, notes)
    assert "2 of 3 weights (66.67%)" in note and "1e+06" in note
    some.write_text('{"id": "a", "vector": {"x": 1.0, "y": 2.0}}\n')
    notes.clear()
    build_vectors(some, tmp_path / "fine", on_progress=lambda one: notes.append(one.note)).close()
    assert not any(notes)

"""Passages on disk: what goes in comes out, commits survive a kill, and damage is named."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.index.passages import Passages, PassageWriter
from spaniel.index.where import parse
from spaniel.retrieval.errors import IndexCorrupt, InvalidInput
from spaniel.retrieval.types import Document, Passage

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def written(path: Path, documents: list[Document], first: int = 0, **options: Any) -> Passages:
    writer = PassageWriter(path, **options)
    writer.add_many(first, documents)
    writer.finish()
    return Passages(path)


def some(n: int) -> list[Document]:
    return [Document(f"d{i}", f"text of {i} " * 30, f"title {i}", {"n": i}) for i in range(n)]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(TEXT, TEXT, st.dictionaries(TEXT, JSON, max_size=3)), max_size=8),
    first=st.integers(0, 2**31),
)
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, Any]], first: int
) -> None:
    path = tmp_path_factory.mktemp("p") / "passages.sqlite"
    documents = [Document(f"id\0 {i}", text, title, meta) for i, (text, title, meta) in enumerate(rows)]
    reader = written(path, documents, first)
    expected = [Passage(d.id, d.id, 0, len(d.text), d.text, d.title, d.meta) for d in documents]
    ordinals = list(range(first, first + len(documents)))
    assert list(reader.scan()) == list(zip(ordinals, expected, strict=True))
    assert reader.get(ordinals[::-1]) == expected[::-1]
    assert reader.ordinals_of([d.id for d in documents] + ["nobody", "\ud800"]) == {
        d.id: o for d, o in zip(documents, ordinals, strict=True)
    }
    assert len(reader) == len(documents)
    reader.close()


def test_large_requests_are_sliced(tmp_path: Path) -> None:
    documents = some(2500)
    reader = written(tmp_path / "p", documents, 7)
    order = random.Random(1).sample(range(2500), 2500)
    assert [p.id for p in reader.get([7 + i for i in order])] == [f"d{i}" for i in order]
    assert len(reader.ordinals_of(d.id for d in documents)) == 2500
    assert [ordinal for ordinal, _ in reader.scan()] == list(range(7, 2507))
    assert reader.matching(parse({"n": {"$gte": 2490}})).tolist() == list(range(2497, 2507))
    reader.close()


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (Document("a", "x \ud800"), "'a'.*surrogate"),
        (Document("a", "x", "", {"n": float("nan")}), "JSON"),
        (Document("a", "x", "", {"n": object()}), "JSON"),  # type: ignore[dict-item]
        (Document("a", "x", "", {"year": "1999"}), "'1999'.*column is integer"),
        (Document("a", "x", "", {"year": True}), "True.*column is integer"),
        (Document("a", "x", "", {"year": [1]}), "column is integer"),
        (Document("a", "x", "", {"year": 2**63}), "64 bits"),
    ],
)
def test_a_document_that_cannot_be_stored_leaves_no_trace(tmp_path: Path, document: Document, words: str) -> None:
    writer = PassageWriter(tmp_path / "p", columns={"year": "integer"})
    with pytest.raises(InvalidInput, match=words):
        writer.add_many(0, [Document("good", "x"), document])
    with pytest.raises(InvalidInput, match=words):
        writer.check(document)
    writer.add_many(0, [Document("good", "x")])
    writer.finish()
    reader = Passages(tmp_path / "p")
    assert [p.id for _, p in reader.scan()] == ["good"]
    reader.close()


def test_meta_nested_too_deep(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    writer = PassageWriter(tmp_path / "p")
    with pytest.raises(InvalidInput, match="too deep"):
        writer.add_many(0, [Document("a", "x", "", {"deep": deep})])
    writer.close()
    while isinstance(deep, list):  # taken apart by hand: some interpreters free it recursively
        deep = deep[0]


def test_an_id_twice_is_an_error_at_the_end(tmp_path: Path) -> None:
    writer = PassageWriter(tmp_path / "p")
    writer.add_many(0, [Document("a", "x"), Document("a", "y")])
    with pytest.raises(InvalidInput, match="twice"):
        writer.finish()
    writer.close()


def test_replaced_rows_can_be_found_and_dropped(tmp_path: Path) -> None:
    writer = PassageWriter(tmp_path / "p")
    writer.add_many(3, [Document("a", "old"), Document("b", "x"), Document("a", "new")])
    assert [(ordinal, p.text) for ordinal, p in writer.rows(["a", "c"])] == [(3, "old"), (5, "new")]
    assert [ordinal for ordinal, _ in writer.rows()] == [3, 4, 5]
    writer.drop([3])
    writer.finish()
    reader = Passages(tmp_path / "p")
    assert reader.ordinals_of(["a", "b"]) == {"a": 5, "b": 4}
    reader.close()


def test_copying_leaves_out_the_dead(tmp_path: Path) -> None:
    columns = {"n": "integer"}
    written(tmp_path / "one", some(5), 0, columns=columns).close()
    written(tmp_path / "two", [Document("z", "zz", "", {"n": 9})], 5, columns=columns).close()
    writer = PassageWriter(tmp_path / "both", columns={"n": "integer"})
    writer.copy_from(tmp_path / "one", np.array([1, 3], dtype=np.int64))
    writer.copy_from(tmp_path / "two", np.array([], dtype=np.int64))
    writer.finish()
    reader = Passages(tmp_path / "both")
    assert [(ordinal, p.id) for ordinal, p in reader.scan()] == [(0, "d0"), (2, "d2"), (4, "d4"), (5, "z")]
    assert reader.matching(parse({"n": {"$gt": 3}})).tolist() == [4, 5]
    reader.close()


_KILLED = """
import os, signal, sys
from spaniel.index.passages import PassageWriter
from spaniel.retrieval.types import Document
writer = PassageWriter(sys.argv[1])
for start in range(0, 4000, 500):
    writer.add_many(start, [Document(f"d{i}", f"text {i} " * 50) for i in range(start, start + 500)])
    if start == 2000:
        writer.commit()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "p"
    subprocess.run([sys.executable, "-c", _KILLED, str(path)], check=False)
    writer = PassageWriter(path, resume_at=2000)
    assert [ordinal for ordinal, _ in writer.rows()] == list(range(2000))
    writer.add_many(2000, [Document("next", "x")])
    writer.finish()
    assert len(Passages(path)) == 2001
    # A second resume, as after a kill between `finish` and the commit of the index.
    again = PassageWriter(path, resume_at=2001)
    again.finish()
    reader = Passages(path)
    assert reader.get([2000])[0].id == "next"
    reader.close()


def test_threads_share_a_reader(tmp_path: Path) -> None:
    reader = written(tmp_path / "p", some(500))
    failures: list[object] = []

    def read(seed: int) -> None:
        generator = random.Random(seed)
        for _ in range(50):
            wanted = generator.sample(range(500), 10)
            if [p.id for p in reader.get(wanted)] != [f"d{i}" for i in wanted]:
                failures.append(wanted)

    threads = [threading.Thread(target=read, args=[seed]) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    reader.close()
    with pytest.raises(InvalidInput, match="closed"):
        reader.get([1])


def test_reading_changes_nothing_on_disk(tmp_path: Path) -> None:
    reader = written(tmp_path / "p", some(50))
    before = (tmp_path / "p").read_bytes()
    (tmp_path / "p").chmod(0o444)
    reader.matching(parse({"n": 3}))
    reader.close()
    assert [p.name for p in tmp_path.iterdir()] == ["p"] and (tmp_path / "p").read_bytes() == before


def test_a_file_that_is_missing_or_foreign(tmp_path: Path) -> None:
    with pytest.raises(IndexCorrupt, match="missing"):
        Passages(tmp_path / "none")
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(IndexCorrupt, match="text: SQLite says"):
        Passages(tmp_path / "text")
    connection = sqlite3.connect(tmp_path / "other")
    connection.execute("CREATE TABLE passages (x)")
    connection.close()
    with pytest.raises(IndexCorrupt, match="not those of a passages file"):
        Passages(tmp_path / "other")


def test_a_trigger_or_view_in_the_file_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "p", some(3)).close()
    connection = sqlite3.connect(tmp_path / "p")
    connection.execute("CREATE VIEW v AS SELECT 1")
    connection.commit()
    connection.close()
    with pytest.raises(IndexCorrupt, match="not those of a passages file"):
        Passages(tmp_path / "p")


def test_damage_is_an_error_or_changes_nothing(tmp_path: Path) -> None:
    """Every row read either equals what was written or raises `IndexCorrupt` naming the file."""
    documents = some(200)
    reader = written(tmp_path / "whole", documents)
    reader.close()
    whole = (tmp_path / "whole").read_bytes()
    generator, noticed = random.Random(5), 0
    for case in range(150):
        damaged = bytearray(whole)
        place = generator.randrange(len(whole)) if case >= 50 else generator.randrange(200)
        damaged[place] ^= 1 << generator.randrange(8)
        if case % 10 == 9:
            del damaged[place:]
        path = tmp_path / f"damaged{case}"
        path.write_bytes(damaged)
        try:
            reader = Passages(path)
            try:
                for i, passage in enumerate(reader.get(list(range(200)))):
                    assert (passage.id, passage.text, passage.meta) == (f"d{i}", documents[i].text, {"n": i})
            finally:
                reader.close()
        except IndexCorrupt as error:
            assert error.path == path
            noticed += 1
        path.unlink()
    assert noticed > 50


def test_a_forked_child_reads_through_its_own_connection(tmp_path: Path) -> None:
    reader = written(tmp_path / "p", some(100))
    reader.get([1])
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if reader.get([5])[0].id == "d5" and len(reader._inherited) == 1 else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert reader.get([6])[0].id == "d6"
    reader.close()


def descriptors_of(path: Path) -> int:
    """How many open descriptors of this process lead to the file."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own
            found.append(link.readlink())
    return found.count(path)


def test_threads_that_end_leave_no_descriptor(tmp_path: Path) -> None:
    path = tmp_path.resolve() / "p"
    reader = written(path, some(50))
    assert descriptors_of(path) == 1
    for _ in range(50):
        thread = threading.Thread(target=reader.get, args=[[3]])
        thread.start()
        thread.join()
    assert descriptors_of(path) == 1
    # However many read at one time, only so many connections stay.
    everyone = threading.Barrier(20)

    def read() -> None:
        with reader._reading():
            everyone.wait()

    threads = [threading.Thread(target=read) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert descriptors_of(path) == 8
    reader.close()
    assert descriptors_of(path) == 0


def test_an_error_costs_no_descriptor_and_closing_waits_for_the_call(tmp_path: Path) -> None:
    path = tmp_path.resolve() / "p"
    reader = written(path, some(50))
    for _ in range(20):
        with pytest.raises(IndexCorrupt, match="has no passage 99"):
            reader.get([99])
        with pytest.raises(IndexCorrupt, match="SQLite says"), reader._reading() as connection:
            connection.execute("SELECT nothing FROM nowhere")
    assert descriptors_of(path) <= 1
    with reader._reading() as connection:
        reader.close()
        assert connection.execute("SELECT count(*) FROM passages").fetchone() == (50,)
    assert descriptors_of(path) == 0

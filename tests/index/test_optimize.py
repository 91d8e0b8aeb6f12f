"""Merging: results stay, to the bit where they can, files shrink, damage is not copied on."""

import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spaniel.cli import main
from spaniel.index.build import add, build
from spaniel.index.edit import delete
from spaniel.index.index import Index, open_index
from spaniel.index.optimize import optimize
from spaniel.index.progress import Progress
from spaniel.retrieval.errors import IndexCorrupt, InvalidInput
from spaniel.retrieval.types import Document

from .index_checks import assert_index_is

WORDS = [f"w{i}" for i in range(40)]
QUERIES = ["w1 w2 w3", "w39", "w0 w10 w20 w30", "nothing"]


def documents(n: int) -> list[Document]:
    generator = random.Random(9)
    topics = [generator.sample(WORDS, 8) for _ in range(6)]
    return [
        Document(
            f"d{i}",
            " ".join(generator.choices(topics[generator.randrange(6)], k=generator.randrange(1, 30))),
            "",
            {"n": i},
        )
        for i in range(n)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    some = documents(300)
    build(some[:120], tmp_path / "kb", columns={"n": "integer"}).close()
    add(some[120:130], tmp_path / "kb").close()
    add(some[130:], tmp_path / "kb").close()
    delete(tmp_path / "kb", [f"d{i}" for i in range(0, 300, 7)])
    return tmp_path / "kb"


ALIVE = [document for i, document in enumerate(documents(300)) if i % 7]


def answers(index: Index) -> list[Any]:
    where: Any = {"n": {"$gt": 100}}
    found = []
    for query in QUERIES:
        for options in ({}, {"where": where}):
            [ranking] = index.bm25().search([query], k=50, **options)
            found.append((ranking.ids.tolist(), ranking.scores.tolist()))
    return found


@pytest.mark.parametrize("reorder", [False, True])
def test_results_and_ordinals_stay(path: Path, reorder: bool) -> None:
    with open_index(path) as before:
        told: list[Progress] = []
        manifest = optimize(path, reorder=reorder, on_progress=told.append)
        assert [len(m.segments) for m in (before.manifest, manifest)] == [3, 1]
        assert manifest.next_ordinal == before.manifest.next_ordinal == 300
        assert manifest.index_id == before.manifest.index_id
        stages = ["copying", "reordering", "writing", "committing", "done"]
        assert [p.stage for p in told] == [stage for stage in stages if reorder or stage != "reordering"]
        with open_index(path) as after:
            assert_index_is(after, ALIVE, QUERIES)
            expected, found = answers(before), answers(after)
            assert [ids for ids, _ in found] == [ids for ids, _ in expected]
            assert [s for _, scores in found for s in scores] == pytest.approx(
                [s for _, scores in expected for s in scores]
            )
            ordinals = after.passages.open[0].sparse.ordinals
            assert sorted(ordinals.tolist()) == [i for i in range(300) if i % 7]
            assert (ordinals.tolist() != sorted(ordinals.tolist())) == reorder
            assert after.passages.open[0].passages.columns == {"n": "integer"}
            assert_index_is(before, ALIVE, QUERIES[:1])  # the old reader still has its files


def test_editing_goes_on_after_a_reordering(path: Path) -> None:
    optimize(path, reorder=True)
    delete(path, ["d1", "d2", "d299"])
    with add([Document("d1", "w1 w2"), Document("new", "w39")], path) as index:
        alive = [d for d in ALIVE if d.id not in ("d1", "d2", "d299")]
        assert_index_is(index, [*alive, Document("d1", "w1 w2"), Document("new", "w39")], QUERIES)
    optimize(path, reorder=True)
    with open_index(path) as index:
        assert_index_is(index, [*alive, Document("d1", "w1 w2"), Document("new", "w39")], QUERIES)


def test_it_ends(path: Path) -> None:
    generation = optimize(path, reorder=False).generation
    assert optimize(path, reorder=False).generation == generation
    assert optimize(path, reorder=True).generation == generation + 1
    assert optimize(path, reorder=True).generation == generation + 1  # one good order is enough
    assert optimize(path, reorder=False).generation == generation + 1
    delete(path, ["d1"])
    assert optimize(path, reorder=True).generation == generation + 3


def test_an_order_that_changes_nothing_is_not_looked_for_again(tmp_path: Path) -> None:
    """Of one passage, or of passages in the best order already, bisection finds the order of the ordinals."""
    build([Document("a", "w1 w2"), Document("b", "w1 w2"), Document("c", "w3 w4")], tmp_path / "kb").close()
    first = optimize(tmp_path / "kb")
    with open_index(tmp_path / "kb") as index:
        assert index.passages.open[0].sparse.ordinals.tolist() == [0, 1, 2]
    assert optimize(tmp_path / "kb").generation == first.generation


def test_the_default_is_to_reorder_in_python_and_on_the_command_line(path: Path, tmp_path: Path) -> None:
    for name in ("python", "command"):
        shutil.copytree(path, tmp_path / name)
    optimize(tmp_path / "python")
    with pytest.raises(SystemExit) as end:
        main(["index", "optimize", str(tmp_path / "command")])
    assert not end.value.code
    with open_index(tmp_path / "python") as one, open_index(tmp_path / "command") as other:
        orders = [index.passages.open[0].sparse.ordinals.tolist() for index in (one, other)]
    assert orders[0] == orders[1] != sorted(orders[0])


def test_the_dead_are_gone_from_the_disk(path: Path) -> None:
    with open_index(path) as index:
        texts = [passage.text.encode() for passage in index.passages.get([0, 7, 14])]
    optimize(path)
    # The files of the generation before stay for readers that are just opening it; one more commit removes them.
    add([Document("new", "x")], path).close()
    data = b"".join(file.read_bytes() for file in sorted(path.iterdir()))
    assert not any(text in data for text in texts if len(text) > 30)


@pytest.mark.parametrize("part", ["passages", "sparse", "tombstones"])
def test_damage_is_refused_and_named(path: Path, part: str) -> None:
    with open_index(path) as index:
        entry = index.manifest.segments[0].files[part]
    file = path / entry.name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.write_bytes(data)
    with pytest.raises(IndexCorrupt, match=entry.name):
        optimize(path)
    assert open_generation(path) == 4


def open_generation(path: Path) -> int:
    from spaniel.index.store import read_manifest

    return read_manifest(path).generation


@pytest.mark.skipif(sys.platform != "linux", reason="limits private memory with RLIMIT_DATA")
@pytest.mark.parametrize("n", [6_000, 48_000])
def test_memory_does_not_grow_with_the_postings(tmp_path: Path, n: int) -> None:
    """2.9 million postings decode to 17 MB, and their forward index takes 35; there is room for neither."""
    generator = np.random.default_rng(5)
    words = np.array([f"w{i}" for i in range(3000)])

    def some(first: int, last: int) -> Iterator[Document]:
        for i in range(first, last):
            yield Document(f"d{i}", " ".join(words[generator.integers(0, 3000, 60)]))

    build(some(0, n // 2), tmp_path / "kb", language="whitespace").close()
    add(some(n // 2, n), tmp_path / "kb").close()
    program = Path(__file__).with_name("optimize_within.py")
    done = subprocess.run([sys.executable, str(program), str(tmp_path / "kb"), "24"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    with open_index(tmp_path / "kb") as index:
        assert len(index.manifest.segments) == 1 and len(index) == n
        assert index.verify().ok


def test_slices_are_ordered_apart_and_change_no_result(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spaniel.index.optimize.MIN_MEMORY_BYTES", 0)
    with open_index(path) as index:
        before = answers(index)
    df = Counter(word for document in ALIVE for word in set(document.text.split()))
    n_useful = sum(n for n in df.values() if 4 <= n <= len(ALIVE) // 8)
    optimize(path, memory_bytes=n_useful * 12 // 3 + 1)
    with open_index(path) as index:
        assert answers(index) == before
        assert_index_is(index, ALIVE, QUERIES)
        ordinals = index.passages.open[0].sparse.ordinals
    places = np.searchsorted(np.sort(ordinals), ordinals)
    for first in (0, 86, 172):
        assert set(places[first : first + 86]) == set(range(first, min(first + 86, len(ALIVE))))
    assert (np.diff(places) < 0).any()


def test_a_budget_that_is_too_small(path: Path) -> None:
    with pytest.raises(InvalidInput, match="memory_bytes"):
        optimize(path, memory_bytes=1 << 20)

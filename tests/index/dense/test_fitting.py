"""What is fitted: taken over by small segments, fitted again where that pays; what a search over all of it finds."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.toy_encoder import ToyEncoder, toy_card
from numpy.typing import NDArray

from spaniel.index.build import add, build
from spaniel.index.check import verify
from spaniel.index.dense import binary
from spaniel.index.dense.binary_part import BinaryPart
from spaniel.index.dense.fitting import StackedRows, keeps, refits, takes_over
from spaniel.index.dense.kinds import store_module
from spaniel.index.dense.part import PART_KIND, Target
from spaniel.index.dense.retriever import DenseRetriever, DenseSegment
from spaniel.index.dense.settings import StoreSettings
from spaniel.index.format import ArrayFile, write_arrays
from spaniel.index.fs import RealFS
from spaniel.index.index import open_index
from spaniel.index.optimize import optimize
from spaniel.retrieval.errors import IndexCorrupt
from spaniel.retrieval.types import Document, Query

D, N = 32, 3000
TIERED = {
    "binary": StoreSettings(),
    "binary, lists": StoreSettings(lists=20),
    **{kind: StoreSettings(kind=kind) for kind in ("hnsw", "ivf", "pq", "rabitq")},  # type: ignore[arg-type]
}
BARE = StoreSettings(rescore="none")


def texts_like(n: int, seed: int = 0) -> NDArray[np.float32]:
    """Vectors as models make them: few directions hold most, and all lean one way. float32 (n, D), length 1."""
    rng = np.random.default_rng([7, seed])
    basis = np.random.default_rng(7).standard_normal((D, D)) * 0.85 ** np.arange(D)[:, None]
    found = rng.standard_normal((n, D)) @ basis + 0.5 * basis.sum(axis=0)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


VECTORS = texts_like(N)
QUERIES = texts_like(40, seed=1)


class Parts:
    """Parts in files of a folder."""

    def __init__(self, folder: Path, store: StoreSettings) -> None:
        if store.kind != "binary":
            pytest.importorskip("faiss")
        self._folder, self.store, self._n = folder, store, 0

    def write(self, rows: NDArray[np.float32], like: Any = None) -> Any:
        return self._made(lambda target: store_module(self.store.kind).write(target, rows, like))

    def merge(self, parts: Sequence[Any]) -> Any:
        every = [(part, np.arange(part.n_passages)) for part in parts]
        return self._made(lambda target: store_module(self.store.kind).merge(target, every))

    def bytes(self) -> bytes:
        """Of the last part."""
        return self._path().read_bytes()

    def _made(self, make: Callable[[Target], Any]) -> Any:
        self._n += 1
        make(Target(RealFS(), self._path(), self.store, D))
        return store_module(self.store.kind).open(ArrayFile.open(self._path(), kind=PART_KIND, entry=None), self.store)

    def _path(self) -> Path:
        return self._folder / f"dense_x-{self._n:08d}-0.bin"

    def grown(self, sizes: Sequence[int]) -> list[Any]:
        """A part for each size, written as adds do: like the best fitted one before."""
        parts: list[Any] = []
        start = 0
        for size in sizes:
            like = max(parts, key=lambda part: (part.fitted_on, part.n_passages), default=None)
            parts.append(self.write(VECTORS[start : start + size], like))
            start += size
        return parts


def recall(part: Any) -> float:
    """Of the exact 10 best among the first 10 of a scan."""
    exact = np.argsort(-(QUERIES @ VECTORS.T), axis=1)[:, :10]
    found = part.scan(QUERIES, 10)
    return float(np.mean([len(np.intersect1d(a.rows, b)) / 10 for a, b in zip(found, exact, strict=True)]))


@pytest.mark.parametrize("name", TIERED)
@pytest.mark.parametrize("sizes", [(10, *[299] * 10), (10, 1495, 1495), (200, 1100, 1700)])
def test_grown_and_merged_is_as_good_as_built_at_once(tmp_path: Path, name: str, sizes: tuple[int, ...]) -> None:
    parts = Parts(tmp_path, TIERED[name])
    pieces = parts.grown(sizes)
    merged, at_once = parts.merge(pieces), parts.write(VECTORS)
    assert merged.fitted_on == at_once.fitted_on == N
    assert abs(recall(merged) - recall(at_once)) < 0.04
    rows = np.arange(N)
    kept = np.concatenate([part.vectors(np.arange(part.n_passages)) for part in pieces])
    np.testing.assert_array_equal(merged.vectors(rows), kept)
    for query in QUERIES[:3]:
        apart = np.concatenate([part.rescore(query, np.arange(part.n_passages)) for part in pieces])
        np.testing.assert_array_equal(merged.rescore(query, rows), apart)


def test_a_stand_in_alone_is_worse(tmp_path: Path) -> None:
    """What the others are compared with: codes of ten passages for three thousand."""
    parts = Parts(tmp_path, TIERED["binary"])
    first = parts.write(VECTORS[:10])
    stood_in = BinaryPart(first.codes, *_coded(first, VECTORS), N, None)
    assert recall(stood_in) < recall(parts.write(VECTORS)) - 0.1


def _coded(part: BinaryPart, rows: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    codes, factors = part.codes.encode(rows)
    filled = np.zeros(-(-len(rows) // 64) * 64, np.float16)
    filled[: len(rows)] = factors
    return binary.blocks_of(codes), filled.view(np.uint16)


@pytest.mark.parametrize("name", TIERED)
def test_which_segments_take_over(tmp_path: Path, name: str) -> None:
    few = 1000 if TIERED[name].kind == "binary" else 256
    parts = Parts(tmp_path, TIERED[name])
    pieces = parts.grown([10, few - 1, few, 4 * few - 1, 50])
    assert [part.fitted_on for part in pieces] == [0, 0, few, few, few]
    assert parts.write(texts_like(4 * few, seed=3), pieces[2]).fitted_on == 4 * few


@pytest.mark.parametrize("name", TIERED)
def test_the_same_operations_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    found = []
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        parts = Parts(tmp_path / str(number), TIERED[name])
        parts.merge(parts.grown([10, 700, 1100]))
        found.append(parts.bytes())
    assert found[0] == found[1]


@pytest.mark.parametrize("name", TIERED)
def test_a_search_over_segments_of_different_codes(tmp_path: Path, name: str) -> None:
    """Against the definition: estimates of all segments in one order, the first 100 scored by their vectors."""
    pieces = Parts(tmp_path, TIERED[name]).grown([300, 1200, 1500])
    starts = [0, 300, 1500]
    assert pieces[0].fitted_on < pieces[1].fitted_on
    segments = [DenseSegment(part, start) for part, start in zip(pieces, starts, strict=True)]
    retriever = DenseRetriever(segments, toy_card(D), encoder=ToyEncoder(D), candidates=100)
    for query in QUERIES[:8]:
        estimates = []
        for part, start in zip(pieces, starts, strict=True):
            [best] = part.scan(query[None], 100)
            exact = VECTORS[best.rows + start] @ query
            assert np.abs(best.scores[:50] - exact[:50]).mean() < 0.2, "an estimate of the same dot product"
            estimates += zip((-best.scores).tolist(), (best.rows + start).tolist(), strict=True)
        scores = np.concatenate([part.rescore(query, np.arange(part.n_passages)) for part in pieces])
        head = np.array([ordinal for _, ordinal in sorted(estimates)[:100]])
        right = head[np.lexsort((head, -scores[head]))]
        [ranking] = retriever.search([Query("q", "", vector=query)], k=100)
        np.testing.assert_array_equal(ranking.ids, right)
        np.testing.assert_array_equal(ranking.scores, scores[right])
    np.testing.assert_allclose(retriever.vectors(np.arange(N)), VECTORS, atol=0.01)


def test_codes_without_vectors_are_searched_by_what_they_stand_for(tmp_path: Path) -> None:
    pieces = Parts(tmp_path, BARE).grown([300, 1200])
    assert [part.fitted_on for part in pieces] == [0, 1200]
    segments = [DenseSegment(part, start) for part, start in zip(pieces, [0, 300], strict=True)]
    retriever = DenseRetriever(segments, toy_card(D), encoder=ToyEncoder(D))
    stands_for = np.concatenate([part.vectors(np.arange(part.n_passages)) for part in pieces]).astype(np.float64)
    for query in QUERIES[:8]:
        [ranking] = retriever.search([Query("q", "", vector=query)], k=1500)
        scores = stands_for @ query.astype(np.float64)
        np.testing.assert_allclose(ranking.scores, scores[ranking.ids], atol=1e-5)
        assert sorted(ranking.ids.tolist()) == list(range(1500))


def test_without_vectors_the_fit_of_most_rows_stays_and_others_are_coded_again(tmp_path: Path) -> None:
    parts = Parts(tmp_path, BARE)
    small, large = parts.grown([300, 1200])
    merged = parts.merge([small, large])
    assert merged.fitted_on == 1200 and binary.same(merged, large)
    np.testing.assert_array_equal(merged.codes_of(np.arange(300, 1500)), large.codes_of(np.arange(1200)))
    again, _ = large.codes.encode(small.vectors(np.arange(300)))
    np.testing.assert_array_equal(merged.codes_of(np.arange(300)), again)
    alike = parts.merge([large, parts.write(VECTORS[1500:], large)])
    assert alike.fitted_on == 1200 and recall_of(alike, 300) > 0.5


def recall_of(part: Any, start: int) -> float:
    exact = np.argsort(-(QUERIES @ VECTORS[start:].T), axis=1)[:, :10]
    found = part.scan(QUERIES, 10)
    return float(np.mean([len(np.intersect1d(a.rows, b)) / 10 for a, b in zip(found, exact, strict=True)]))


class Fake:
    def __init__(self, fitted_on: int, n_passages: int = 0) -> None:
        self.fitted_on, self.n_passages = fitted_on, n_passages


def test_the_rules() -> None:
    def over(before: int, old: int, new: int, possible: int, vectors: bool) -> bool:
        return takes_over(Fake(before, old), new, possible, has_vectors=vectors)  # type: ignore[arg-type]

    assert over(0, 10, 999, 0, True), "nothing better can be made of these"
    assert not over(0, 10**6, 1000, 1000, True)
    assert over(0, 4000, 1000, 1000, False) and not over(0, 3999, 1000, 1000, False)
    assert over(1000, 10**6, 3999, 3999, True) and not over(1000, 10**6, 4000, 4000, True)
    assert over(5001, 5001, 10**6, 20000, True), "a fit looks at no more"

    def kept(pairs: list[tuple[int, int]], vectors: bool, same: list[int] | None = None) -> int:
        parts = [(Fake(fitted_on), np.arange(n)) for fitted_on, n in pairs]
        return keeps(parts, same or list(range(len(parts))), has_vectors=vectors)  # type: ignore[type-var]

    assert kept([(0, 900), (1000, 100)], True) == 1
    assert kept([(0, 900), (1000, 100)], False) == 0
    assert kept([(0, 900), (1000, 300)], False) == 1
    assert kept([(1000, 500), (2000, 400), (1000, 1)], False, [0, 1, 0]) == 0
    assert kept([(1000, 200), (2000, 300), (1000, 200)], False, [0, 1, 0]) == 0, "rows of one fit count together"
    assert kept([(30, 30), (2000, 2000)], True, [0, 0]) == 1, "as older files say"

    def again(before: int, possible: int, alike: bool, vectors: bool = True) -> bool:
        return refits(Fake(before), possible, alike=alike, has_vectors=vectors)  # type: ignore[arg-type]

    assert again(0, 1000, True) and not again(0, 0, True) and not again(0, 1000, True, vectors=False)
    assert again(1000, 4000, True) and not again(1000, 3999, True)
    assert again(1000, 1001, False) and not again(1000, 1000, False)


def test_rows_of_several_parts(tmp_path: Path) -> None:
    parts = Parts(tmp_path, StoreSettings(rescore="float32"))
    a, b = parts.write(VECTORS[:50]), parts.write(VECTORS[50:80])
    stacked = StackedRows([(a, np.arange(0, 50, 2)), (b, np.arange(0)), (b, np.array([3, 29]))])
    assert stacked.shape == (27, D) and len(stacked) == 27
    expected = VECTORS[[*range(0, 50, 2), 53, 79]]
    np.testing.assert_array_equal(stacked[0:27], expected)
    np.testing.assert_array_equal(stacked[24:99], expected[24:])
    some = np.array([26, 0, 25, 24, 0])
    np.testing.assert_array_equal(stacked[some], expected[some])


@pytest.mark.parametrize("value", [None, -1, 1.5, True, 1 << 31])
def test_files_that_do_not_say_are_read_and_wrong_ones_refused(tmp_path: Path, value: object) -> None:
    parts = Parts(tmp_path, BARE)
    parts.write(VECTORS[:1100])
    file = ArrayFile.open(parts._path(), kind=PART_KIND, entry=None)
    assert file.meta["fitted_on"] == 1100
    meta = {name: each for name, each in file.meta.items() if name != "fitted_on"}
    path = tmp_path / "dense_x-00000009-0.bin"
    given = meta if value is None else {**meta, "fitted_on": value}
    write_arrays(RealFS(), path, kind=PART_KIND, meta=given, arrays=dict(file.arrays))  # type: ignore[arg-type]
    old = ArrayFile.open(path, kind=PART_KIND, entry=None)
    if value is None:
        assert binary.open(old, BARE).fitted_on == 1100
        return
    with pytest.raises(IndexCorrupt, match="fitted on"):
        binary.open(old, BARE)


WORDS = [f"{a}{b}" for a in ("ab", "ce", "di", "fo", "gu", "ha") for b in ("la", "me", "ni", "ro", "su")]


def documents(first: int, count: int) -> list[Document]:
    generator = np.random.default_rng([first, count])
    return [Document(f"d{n}", " ".join(generator.choice(WORDS, 8))) for n in range(first, first + count)]


def test_an_index_that_grows(tmp_path: Path) -> None:
    """Whole: begun with ten passages, added to, optimized; scores stay, and the files are the same every time."""
    encoder, seen = ToyEncoder(D), []
    for path in (tmp_path / "a", tmp_path / "b"):
        build(documents(0, 10), path, dense=encoder, store=replace(TIERED["binary"], seed=2)).close()
        for first, count in ((10, 400), (410, 1300), (1710, 20)):
            add(documents(first, count), path, encoder=encoder).close()
        with open_index(path) as index:
            fitted = [segment.dense_fitted_on("toy") for segment in index.passages]
            before = index.dense(k=1730, candidates=1730, encoder=encoder).search(["abla cero", "gusu"], k=50)
        assert fitted == [0, 0, 1300, 1300]
        optimize(path, reorder=False)
        assert verify(path).ok
        with open_index(path) as index:
            [segment] = index.passages
            assert segment.dense_fitted_on("toy") == 1730
            after = index.dense(k=1730, candidates=1730, encoder=encoder).search(["abla cero", "gusu"], k=50)
        for a, b in zip(before, after, strict=True):
            np.testing.assert_array_equal(a.ids, b.ids)
            np.testing.assert_array_equal(a.scores, b.scores)
        [file] = sorted(path.glob("dense*toy*-00000005-*"))
        seen.append(file.read_bytes())
    assert seen[0] == seen[1]

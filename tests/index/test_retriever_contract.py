"""The retrievers of an index keep the contract, however the index came to be."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.retriever import RetrieverContract, Subject

import spaniel as sp

WORDS = ["red", "green", "blue", "fish", "bird", "dog", "cat", "house", "tree", "river", "stone", "cloud"]
QUERIES = ["red fish", "dog", "cloud stone river", "tree tree cat", "a blue house by the river"]


def documents(first: int, n: int) -> list[sp.Document]:
    """Short texts of few words, so that ties are common."""
    rng = random.Random(first)
    return [
        sp.Document(f"d{number}", " ".join(rng.choices(WORDS, k=rng.randint(1, 9))), rng.choice(WORDS))
        for number in range(first, first + n)
    ]


class TestOneSegment(RetrieverContract):
    @pytest.fixture(scope="class")
    @classmethod
    def index(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sp.Index]:
        with sp.build(documents(0, 120), tmp_path_factory.mktemp("kb") / "kb") as index:
            yield index

    @pytest.fixture
    def subject(self, index: sp.Index) -> Subject:
        return Subject(index.bm25(k=20), QUERIES, 120)


class TestTwoFields(TestOneSegment):
    @pytest.fixture(scope="class")
    @classmethod
    def index(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sp.Index]:
        path = tmp_path_factory.mktemp("kb") / "kb"
        with sp.build(documents(0, 120), path, fields={"title": 2.0, "text": 1.0}) as index:
            yield index


class TestLikelihood(TestOneSegment):
    @pytest.fixture
    def subject(self, index: sp.Index) -> Subject:
        return Subject(index.likelihood(k=20), QUERIES, 120)


class TestManySegments(TestOneSegment):
    @pytest.fixture(scope="class")
    @classmethod
    def index(cls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sp.Index]:
        with cls.grown(tmp_path_factory.mktemp("kb") / "kb") as index:
            yield index

    @classmethod
    def grown(cls, path: Path) -> sp.Index:
        """Four segments, and every seventh document deleted."""
        sp.build(documents(0, 50), path).close()
        for first, n in [(50, 30), (80, 39), (119, 1)]:
            sp.add(documents(first, n), path).close()
        sp.delete(path, [f"d{number}" for number in range(0, 120, 7)])
        return sp.open(path)


class TestOptimized(TestManySegments):
    @classmethod
    def grown(cls, path: Path) -> sp.Index:
        super().grown(path).close()
        sp.optimize(path)
        return sp.open(path)


def test_segments_deletes_and_order_do_not_change_results(tmp_path: Path) -> None:
    """The same documents, built at once or grown and optimised: same ids, same scores, to the bit."""
    everything = documents(0, 50) + documents(50, 30) + documents(80, 39) + documents(119, 1)
    kept = [document for number, document in enumerate(everything) if number % 7]
    with (
        sp.build(kept, tmp_path / "whole") as whole,
        TestManySegments.grown(tmp_path / "many") as grown,
        TestOptimized.grown(tmp_path / "one") as optimized,
    ):
        for query in QUERIES:
            expected = [(hit.id, hit.score) for hit in whole.search(query, k=200)]
            assert [(hit.id, hit.score) for hit in grown.search(query, k=200)] == expected
            assert [(hit.id, hit.score) for hit in optimized.search(query, k=200)] == expected

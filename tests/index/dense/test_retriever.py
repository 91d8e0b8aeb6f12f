"""The dense retriever over parts in memory: contract, merge over segments, filters, tombstones, queries, errors."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from contracts.memory_parts import EstimatingPart, MemoryPart, unit_vectors
from contracts.retriever import RetrieverContract, Subject, check_form
from contracts.toy_encoder import ToyEncoder, toy_card
from numpy.typing import NDArray

from spaniel.index.dense.retriever import DenseRetriever, DenseSegment
from spaniel.models.card import ModelCard
from spaniel.retrieval.errors import IndexCorrupt, InvalidInput, InvalidQuery, ModelError
from spaniel.retrieval.types import Query, Ranking

QUERIES = ["red fish", "dog", "stone", "cloud stone river", "tree tree cat", "a blue house by the river", "dog"]
N = 130


def cut(vectors: NDArray[np.float32], ends: Sequence[int], kind: type[MemoryPart] = MemoryPart) -> list[DenseSegment]:
    """The vectors in segments that end at these rows; every other segment names its ordinals one by one."""
    segments = []
    for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        ordinals = np.arange(start, end) if number % 2 else None
        segments.append(DenseSegment(kind(vectors[start:end]), start, ordinals))
    return segments


def with_dead(segments: list[DenseSegment], dead: NDArray[np.int64]) -> list[DenseSegment]:
    return [
        replace(each, live=~np.isin(each.rows.ordinals_of(np.arange(each.part.n_passages)), dead)) for each in segments
    ]


def matching(where: Mapping[str, object]) -> NDArray[np.int64]:
    """`{"every": 3}`: the ordinals that 3 divides; `{}`: all."""
    step = where.get("every", 1)
    assert isinstance(step, int)
    return np.arange(0, N, step)


def retriever(segments: list[DenseSegment], **options: object) -> DenseRetriever:
    given: dict[str, object] = {"encoder": ToyEncoder(), "depth": 20, "candidates": 30, "matching": matching, **options}
    return DenseRetriever(segments, toy_card(), **given)  # type: ignore[arg-type]


VECTORS = unit_vectors(N, 32, 1, distinct=50)


class TestContract(RetrieverContract):
    @pytest.fixture
    def subject(self) -> Subject:
        return Subject(retriever(cut(VECTORS, [N])), QUERIES, N)


class TestSegments(RetrieverContract):
    @pytest.fixture
    def subject(self) -> Subject:
        return Subject(retriever(cut(VECTORS, [1, 60, 60, 100, N]), threads=3), QUERIES, N)


class TestEstimates(RetrieverContract):
    @pytest.fixture
    def subject(self) -> Subject:
        return Subject(retriever(cut(VECTORS, [1, 60, 60, 100, N], EstimatingPart)), QUERIES, N)


class TestDead(RetrieverContract):
    @pytest.fixture
    def subject(self) -> Subject:
        segments = with_dead(cut(VECTORS, [40, 60, 100, N], EstimatingPart), np.arange(40, 100, 1))
        return Subject(retriever(segments), QUERIES, N)


def exactly(query: str, allowed: NDArray[np.int64]) -> Ranking:
    vector = ToyEncoder().encode([query], kind="query")[0]
    return Ranking.sorted(allowed, MemoryPart(VECTORS).rescore(vector, allowed))


@pytest.mark.parametrize("ends", [[N], [3, 3, 50, 129, N]])
@pytest.mark.parametrize("kind", [MemoryPart, EstimatingPart])
def test_filters_tombstones_and_exclusions(ends: list[int], kind: type[MemoryPart]) -> None:
    dead = np.arange(0, N, 5)
    subject = retriever(with_dead(cut(VECTORS, ends, kind), dead), candidates=N)
    for where, left in [(None, np.arange(N)), ({"every": 3}, np.arange(0, N, 3)), ({"every": 5}, dead)]:
        allowed = np.setdiff1d(left, dead)
        for query, ranking in zip(QUERIES, subject.search(QUERIES, k=N, where=where), strict=True):
            check_form(ranking)
            assert ranking == exactly(query, allowed)
    hidden = [range(0, N, 2)] * len(QUERIES)
    for query, ranking in zip(QUERIES, subject.search(QUERIES, k=9, exclude=hidden), strict=True):
        assert ranking == exactly(query, np.setdiff1d(np.arange(1, N, 2), dead))[:9]


def test_only_the_candidates_are_scored_again() -> None:
    subject = retriever(cut(VECTORS, [50, N], EstimatingPart), candidates=10)
    [found] = subject.search(["dog"], k=N)
    better = exactly("dog", np.arange(N))
    assert set(found.ids[:10].tolist()) <= set(better.ids[:40].tolist())
    scores = dict(better)
    assert all(scores[ordinal] == score for ordinal, score in found[:10])
    assert len(found) == N


def test_a_vector_is_used_as_it_is() -> None:
    subject = retriever(cut(VECTORS, [N]), encoder=None)
    wanted = Query("q", "never encoded", vector=VECTORS[17])
    [found] = subject.search([wanted], k=3)
    assert np.allclose(found.scores[0], 1)
    assert (VECTORS[found.ids[0]] == VECTORS[17]).all()
    [same] = subject.search([Query("q", "", vector=VECTORS[17].astype(np.float64))], k=3)
    assert same == found


@pytest.mark.parametrize(
    "vector",
    [
        np.zeros(31, np.float32),
        np.zeros((1, 32), np.float32),
        np.zeros(32, np.int64),
        np.full(32, np.nan, np.float32),
        np.full(32, 1e300),
        np.array(["x"] * 32),
    ],
)
def test_vectors_that_cannot_be_searched_with(vector: NDArray[np.float32]) -> None:
    with pytest.raises(InvalidQuery, match="vector of query 'q7'"):
        retriever(cut(VECTORS, [N])).search([Query("q7", "x", vector=vector)])


def test_the_wrong_model_is_refused() -> None:
    with pytest.raises(ModelError, match="sha256") as refused:
        retriever(cut(VECTORS, [N]), encoder=ToyEncoder(seed=1))
    assert "add-dense" in refused.value.hint
    opened = retriever(cut(VECTORS, [N]), encoder=None, open_encoder=lambda card: ToyEncoder(seed=1))
    with pytest.raises(ModelError, match="sha256"):
        opened.search(["dog"])


def test_the_model_is_opened_once_and_only_for_texts() -> None:
    opened: list[ModelCard] = []

    def open_encoder(card: ModelCard) -> ToyEncoder:
        opened.append(card)
        return ToyEncoder()

    subject = retriever(cut(VECTORS, [N]), encoder=None, open_encoder=open_encoder)
    subject.search([Query("", "", vector=VECTORS[0])])
    assert opened == []
    assert subject.usage() == {"model_calls": 0, "tokens": 0, "truncated": 0}
    subject.search(["dog", "cat", "dog"])
    subject.search(["fish"])
    assert opened == [toy_card()]
    assert subject.usage()["model_calls"] == 3


def test_usage_is_its_own() -> None:
    encoder = ToyEncoder()
    encoder.encode(["one", "two"], kind="passage")
    subject, other = (retriever(cut(VECTORS, [N]), encoder=encoder) for _ in range(2))
    subject.search(["red dog"])
    other.search(["fish"])
    assert subject.usage() == {"model_calls": 1, "tokens": 2, "truncated": 0}


def test_texts_without_a_model() -> None:
    made_elsewhere = replace(toy_card(), runtime="vectors")
    subject = DenseRetriever(cut(VECTORS, [N]), made_elsewhere, open_encoder=lambda card: ToyEncoder())
    with pytest.raises(InvalidQuery, match="vector="):
        subject.search(["dog"])
    with pytest.raises(InvalidQuery, match="filter"):
        subject.search(["dog"], where={"every": 2})


def test_vectors_come_back_in_the_order_asked() -> None:
    subject = retriever(cut(VECTORS, [3, 50, N]))
    wanted = [129, 0, 3, 49, 2, 0]
    assert (subject.vectors(wanted) == VECTORS[wanted]).all()
    with pytest.raises(InvalidInput, match="130"):
        subject.vectors([1, 130])
    assert subject.vectors([]).shape == (0, 32)


def test_an_empty_index_finds_nothing() -> None:
    for segments in ([], cut(VECTORS[:0], [0]), with_dead(cut(VECTORS, [9]), np.arange(9))):
        assert retriever(segments).search(QUERIES) == [Ranking.empty()] * len(QUERIES)


def test_scores_that_are_no_numbers_name_the_file() -> None:
    spoilt = VECTORS.copy()
    spoilt[100] = np.nan
    segments = [replace(each, path=Path(f"part{n}")) for n, each in enumerate(cut(spoilt, [50, N], EstimatingPart))]
    with pytest.raises(IndexCorrupt, match="part1"):
        retriever(segments, candidates=N).search(["dog"], k=N)


@pytest.mark.parametrize("options", [{"threads": 0}, {"candidates": 0}, {"depth": 0}])
def test_options_out_of_range(options: dict[str, int]) -> None:
    with pytest.raises(InvalidInput):
        retriever(cut(VECTORS, [N]), **options)


def test_candidates_are_named() -> None:
    with pytest.raises(InvalidInput, match="candidates"):
        retriever(cut(VECTORS, [N]), candidates=0)


@pytest.mark.parametrize("value", [1.1e16, 1e20, -1e38])
def test_a_query_whose_products_would_overflow_is_refused(value: float) -> None:
    vector = np.zeros(32, np.float32)
    vector[3] = value
    with pytest.raises(InvalidQuery, match="1e\\+16"):
        retriever(cut(VECTORS, [N])).search([Query("", "", vector=vector)])


def test_blanks_find_nothing() -> None:
    subject = retriever(cut(VECTORS, [N]))
    hidden = [[], [], [int(subject.search(["dog"], k=1)[0].ids[0])], []]
    found = subject.search(["", " \t", "dog", Query("q", "", vector=VECTORS[0])], k=3, exclude=hidden)
    assert [len(ranking) for ranking in found] == [0, 0, 3, 3]
    assert found[2] == subject.search(["dog"], k=4)[0][1:]
    assert subject.search([""]) == subject.search(["\u3000"]) == [Ranking.empty()]

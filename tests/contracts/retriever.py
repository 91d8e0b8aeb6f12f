"""What every retriever promises, whatever it searches: inherit `RetrieverContract` and give it a `subject` fixture."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import Retriever
from spaniel.retrieval.types import Query, Ranking

__all__ = ["RetrieverContract", "Subject", "check_form"]


@dataclass(frozen=True)
class Subject:
    """A retriever, queries that find something in it, and how many passages it holds."""

    retriever: Retriever
    queries: Sequence[str]
    n_passages: int


def check_form(ranking: Ranking) -> None:
    """Dtypes, order, ties, uniqueness, read-only."""
    assert ranking.ids.dtype == np.int32
    assert ranking.scores.dtype == np.float32
    assert not ranking.ids.flags.writeable
    assert not ranking.scores.flags.writeable
    assert Ranking.of(ranking.ids, ranking.scores) == ranking


class RetrieverContract:
    """The suite. `subject` must be safe to share between tests."""

    @pytest.fixture
    def subject(self) -> Subject:
        raise NotImplementedError

    def test_plays_the_role(self, subject: Subject) -> None:
        assert isinstance(subject.retriever, Retriever)
        assert subject.retriever.name
        assert subject.retriever.depth >= 1

    def test_one_well_formed_ranking_for_each_query(self, subject: Subject) -> None:
        rankings = subject.retriever.search(subject.queries, k=7)
        assert len(rankings) == len(subject.queries)
        for ranking in rankings:
            check_form(ranking)
            assert 0 < len(ranking) <= 7
            assert ranking.ids.max() < subject.n_passages

    def test_smaller_k_is_a_prefix(self, subject: Subject) -> None:
        longest = subject.retriever.search(subject.queries, k=subject.n_passages)
        for k in (1, 2, 3, 10, 50):
            assert subject.retriever.search(subject.queries, k=k) == [ranking[:k] for ranking in longest]

    def test_depth_is_the_k_that_is_not_given(self, subject: Subject) -> None:
        retriever = subject.retriever
        assert retriever.search(subject.queries) == retriever.search(subject.queries, k=retriever.depth)

    def test_batch_equals_one_by_one(self, subject: Subject) -> None:
        together = subject.retriever.search(subject.queries, k=10)
        assert [subject.retriever.search([query], k=10)[0] for query in subject.queries] == together
        backwards = subject.retriever.search(list(reversed(subject.queries)), k=10)
        assert backwards[::-1] == together

    def test_text_and_query_are_the_same(self, subject: Subject) -> None:
        as_objects = [Query(str(number), text) for number, text in enumerate(subject.queries)]
        assert subject.retriever.search(as_objects, k=10) == subject.retriever.search(subject.queries, k=10)

    def test_threads_do_not_matter(self, subject: Subject) -> None:
        expected = subject.retriever.search(subject.queries, k=10)
        with ThreadPoolExecutor(4) as pool:
            for rankings in pool.map(lambda _: subject.retriever.search(subject.queries, k=10), range(16)):
                assert rankings == expected

    def test_no_queries_no_rankings(self, subject: Subject) -> None:
        assert subject.retriever.search([], k=10) == []

    def test_excluded_passages_make_room_for_the_next(self, subject: Subject) -> None:
        full = subject.retriever.search(subject.queries, k=subject.n_passages)
        exclude = [ranking.ids[:3].tolist() for ranking in full]
        found = subject.retriever.search(subject.queries, k=5, exclude=exclude)
        expected = [ranking.without(dropped)[:5] for ranking, dropped in zip(full, exclude, strict=True)]
        assert found == expected

    def test_exclude_must_fit_the_queries(self, subject: Subject) -> None:
        with pytest.raises(InvalidInput):
            subject.retriever.search(subject.queries, k=5, exclude=[[]] * (len(subject.queries) + 1))

    def test_empty_filter_is_no_filter(self, subject: Subject) -> None:
        found = subject.retriever.search(subject.queries, k=5, where={})
        assert found == subject.retriever.search(subject.queries, k=5)

    @pytest.mark.parametrize("k", [0, -1])
    def test_k_below_one_is_an_error(self, subject: Subject, k: int) -> None:
        with pytest.raises(InvalidInput, match="k"):
            subject.retriever.search(subject.queries, k=k)

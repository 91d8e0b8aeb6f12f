"""What every reranker promises: inherit `RerankerContract` and give it a `reranked` fixture."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import PassageStore, Reranker
from spaniel.retrieval.types import Query, Ranking

from .retriever import check_form

__all__ = ["Reranked", "RerankerContract"]


@dataclass(frozen=True)
class Reranked:
    """A reranker, and rankings of a store that it changes."""

    reranker: Reranker
    queries: Sequence[str]
    rankings: Sequence[Ranking]
    passages: PassageStore

    def __call__(self, k: int | None = None) -> list[Ranking]:
        return self.reranker.rerank(self.queries, self.rankings, self.passages, k=k)


class RerankerContract:
    """The suite. `reranked` must be safe to share between tests."""

    @pytest.fixture
    def reranked(self) -> Reranked:
        raise NotImplementedError

    def test_plays_the_role(self, reranked: Reranked) -> None:
        assert isinstance(reranked.reranker, Reranker)

    def test_the_same_passages_in_an_order_that_its_scores_tell(self, reranked: Reranked) -> None:
        again = reranked()
        assert len(again) == len(reranked.queries)
        assert list(again) != list(reranked.rankings)
        for before, after in zip(reranked.rankings, again, strict=True):
            check_form(after)
            assert sorted(after.ids.tolist()) == sorted(before.ids.tolist())

    def test_smaller_k_is_a_prefix(self, reranked: Reranked) -> None:
        full = reranked()
        for k in (1, 2, 5, 1000):
            assert reranked(k) == [ranking[:k] for ranking in full]

    @pytest.mark.parametrize("k", [0, -1])
    def test_k_below_one_is_an_error(self, reranked: Reranked, k: int) -> None:
        with pytest.raises(InvalidInput, match="k is"):
            reranked(k)

    def test_batch_equals_one_by_one(self, reranked: Reranked) -> None:
        one = reranked.reranker
        rows = zip(reranked.queries, reranked.rankings, strict=True)
        assert [one.rerank([query], [ranking], reranked.passages)[0] for query, ranking in rows] == reranked()

    def test_text_and_query_are_the_same(self, reranked: Reranked) -> None:
        asked = [Query(f"id-{place}", text) for place, text in enumerate(reranked.queries)]
        assert reranked.reranker.rerank(asked, reranked.rankings, reranked.passages) == reranked()

    def test_threads_do_not_matter(self, reranked: Reranked) -> None:
        expected = reranked()
        with ThreadPoolExecutor(4) as pool:
            for found in pool.map(lambda _: reranked(), range(8)):
                assert found == expected

    def test_nothing_in_nothing_out(self, reranked: Reranked) -> None:
        assert reranked.reranker.rerank([], [], reranked.passages) == []
        empty = [Ranking.empty()] * len(reranked.queries)
        assert reranked.reranker.rerank(reranked.queries, empty, reranked.passages) == empty

    def test_one_ranking_for_each_query(self, reranked: Reranked) -> None:
        with pytest.raises(InvalidInput, match="rankings for"):
            reranked.reranker.rerank([*reranked.queries, "one more"], reranked.rankings, reranked.passages)

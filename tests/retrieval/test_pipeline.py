"""Pipelines say at once what does not fit, do what their stages do by hand, and account for their time."""

import threading
from collections.abc import Sequence

import pytest
from contracts.retriever import RetrieverContract, Subject
from contracts.toy import ListStore, WordCount

from spaniel.retrieval.errors import InvalidInput, SpanielError
from spaniel.retrieval.fusion import convex as fused_by_z
from spaniel.retrieval.fusion import interleave
from spaniel.retrieval.fusion import rrf as fused_by_rank
from spaniel.retrieval.pipeline import Fuse, Pipeline, convex, fuse, rrf
from spaniel.retrieval.protocols import PassageStore
from spaniel.retrieval.types import JSON, Query, QueryLike, Ranking

TEXTS = ["red fish", "blue fish fish", "one red red fish", "two birds", "fish", "red red red", "blue bird", "fish fish"]
QUERIES = ["red fish", "fish", "blue", "bird red"]


class ShortestFirst:
    """A reranker: by length of the text, and only the best `depth`."""

    def __init__(self, depth: int = 4) -> None:
        self.depth = depth

    def rerank(
        self,
        queries: Sequence[QueryLike],
        rankings: Sequence[Ranking],
        passages: PassageStore,
        *,
        k: int | None = None,
    ) -> list[Ranking]:
        tops = [ranking[: self.depth] for ranking in rankings]
        return [Ranking.sorted(top.ids, [-len(p.text) for p in passages.get(top.ids)])[:k] for top in tops]


class Top:
    """A cut-off policy."""

    def __init__(self, n: int, name: str = "top") -> None:
        self.n, self.name = n, name

    def cut(self, query: QueryLike, ranking: Ranking) -> int:
        return self.n

    def explain(self, query: QueryLike, ranking: Ranking) -> dict[str, JSON]:
        return {"k": self.n}


def words(**settings: object) -> WordCount:
    return WordCount(TEXTS, **settings)  # type: ignore[arg-type]


class TestWordCount(RetrieverContract):
    @pytest.fixture
    def subject(self) -> Subject:
        return Subject(words(), QUERIES, len(TEXTS))


class TestPipelineOfOne(TestWordCount):
    @pytest.fixture
    def subject(self) -> Subject:
        return Subject(Pipeline(words()), QUERIES, len(TEXTS))


class TestFusedAlone(RetrieverContract):
    """Fusing one ranking keeps its order, so that even exclusion acts as on the ranking itself up to scores."""

    @pytest.fixture
    def subject(self) -> Subject:
        source = words()
        return Subject(fuse(source, how=lambda rankings: rankings[0], name="first"), QUERIES, len(TEXTS))


def two_of_one_index() -> tuple[WordCount, WordCount]:
    first, second = words(name="a"), words(name="b", weight=-1.0)
    second.passages = first.passages
    return first, second


def test_stages_do_what_they_do_by_hand() -> None:
    source = words()
    pipeline = source >> ShortestFirst(3) >> Top(2)
    assert source.passages is not None
    expected = [r[:2] for r in ShortestFirst(3).rerank(QUERIES, source.search(QUERIES), source.passages)]
    assert pipeline.search(QUERIES) == expected
    assert pipeline.search(QUERIES, k=1) == [ranking[:1] for ranking in expected]


def test_rrf_equals_the_function() -> None:
    first, second = two_of_one_index()
    pairs = zip(first.search(QUERIES), second.search(QUERIES), strict=True)
    assert rrf(first, second, k=5).search(QUERIES) == [fused_by_rank(pair, k=5) for pair in pairs]


def test_fan_in_takes_pipelines_and_nests() -> None:
    first, second = two_of_one_index()
    inner = rrf(first, second) >> Top(3)
    outer = fuse(inner, second >> Top(1), how=interleave, name="interleave")
    pairs = zip(inner.search(QUERIES), second.search(QUERIES, k=1), strict=True)
    assert outer.search(QUERIES) == [interleave(pair) for pair in pairs]
    trace = outer.traced_search(["red"])[1]
    names = [record.name for record in trace.records]
    assert names == ["a", "b", "rrf(a, b)", "top", "b", "top", "interleave(rrf(a, b) >> top, b >> top)"]


def test_convex_asks_retrievers_for_their_floors() -> None:
    first, second = two_of_one_index()
    first.floor = 0.0  # type: ignore[attr-defined]
    pairs = zip(first.search(QUERIES), second.search(QUERIES), strict=True)
    assert convex(first, second).search(QUERIES) == [fused_by_z(pair, floors=[0.0, None]) for pair in pairs]


@pytest.mark.parametrize("threads", [None, True, False])
def test_threads_change_nothing(threads: bool | None) -> None:
    first, second = two_of_one_index()
    inner = fuse(second, first >> Top(2), how=interleave, name="inner", threads=threads)
    outer = fuse(first, inner, how=interleave, name="outer", threads=threads)
    plain = fuse(first, inner, how=interleave, name="outer", threads=False)
    for _ in range(3):
        found, trace = outer.traced_search(QUERIES, exclude=[[1], [], [], []])
        wanted, other = plain.traced_search(QUERIES, exclude=[[1], [], [], []])
        assert found == wanted
        assert [(r.name, r.n_in, r.n_out) for r in trace.records] == [(r.name, r.n_in, r.n_out) for r in other.records]
        assert (trace.steps, trace.sources) == (other.steps, other.sources)


def test_sources_search_at_the_same_time_when_told_to() -> None:
    meet = threading.Barrier(2, timeout=30)

    class Waiting(WordCount):
        def search(self, queries: Sequence[QueryLike], **options: object) -> list[Ranking]:  # type: ignore[override]
            meet.wait()  # passes once both are here
            return super().search(queries, **options)  # type: ignore[arg-type]

    first, second = Waiting(TEXTS), Waiting(TEXTS)
    second.passages = first.passages
    assert (
        fuse(first, second, how=interleave, name="both", threads=True).search(["red"])[0] == words().search(["red"])[0]
    )


def test_the_first_error_in_order_is_raised() -> None:
    class Failing(WordCount):
        def search(self, queries: Sequence[QueryLike], **options: object) -> list[Ranking]:  # type: ignore[override]
            raise SpanielError(self.name)

    first, second, third = words(), Failing(TEXTS, name="b"), Failing(TEXTS, name="c")
    second.passages = third.passages = first.passages
    with pytest.raises(SpanielError, match="b"):
        fuse(first, second, third, how=interleave, name="all", threads=True).search(["red"])


def test_a_fusion_may_look_at_the_query() -> None:
    class ByLength:
        def for_queries(self, queries: Sequence[Query]) -> list[Fuse]:
            return [(lambda rankings, q=query: rankings[len(q.text) % 2]) for query in queries]

    first, second = two_of_one_index()
    found = fuse(first, second, how=ByLength(), name="either").search(["fish", "red"])
    assert found == [first.search(["fish"])[0], second.search(["red"])[0]]


def test_exclude_reaches_every_source() -> None:
    first, second = two_of_one_index()
    exclude = [[1, 4], [], [1], []]
    found = rrf(first, second).search(QUERIES, exclude=exclude)
    assert all(set(hidden).isdisjoint(ranking.ids.tolist()) for hidden, ranking in zip(exclude, found, strict=True))
    assert found[1] == rrf(first, second).search(["fish"])[0]


def test_trace_counts_passages() -> None:
    pipeline = words() >> ShortestFirst(4) >> Top(2)
    _, trace = pipeline.traced_search(["fish", "red"])
    counts = [(record.name, record.n_in, record.n_out) for record in trace.records]
    assert counts == [("words", 0, 8), ("ShortestFirst", 8, 7), ("top", 7, 4)]
    assert all(record.ms >= 0 for record in trace.records)


def test_one_question_gives_results_that_explain() -> None:
    results = (words() >> ShortestFirst(4) >> Top(2))("red fish")
    assert [hit.text for hit in results] == ["red fish", "red red red"]
    assert [hit.rank for hit in results] == [1, 2]
    assert results.ms >= sum(record.ms for record in results.trace)
    lines = results.explain().splitlines()
    assert [line.split()[0] for line in lines] == ["stage", "words", "ShortestFirst", "top", "total", "top:"]
    assert lines[1].split()[1:3] == ["-", "6"]
    assert [(place.stage, place.rank) for place in results[0].stages] == [
        ("words", 3),
        ("ShortestFirst", 1),
        ("top", 1),
    ]


def test_a_filter_is_passed_on() -> None:
    with pytest.raises(InvalidInput, match="no filters"):
        (words() >> Top(2))("red", where={"year": 3})


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: words() >> 7, r"stage 2 \(int\) is neither"),
        (lambda: words() >> Top(2) >> words(name="second"), r"stage 3 \(second\) is a retriever"),
        (lambda: words() >> Top, r"stage 2 \(Top\) is a class"),
        (lambda: Pipeline(Top(2)), r"stage 1 \(top\) is not a retriever: .*search"),
        (lambda: Pipeline(WordCount), "stage 1 is the class WordCount"),
        (lambda: rrf(words(), Top(3)), r"rrf: retriever 2 \(top\) is not a retriever"),
        (lambda: rrf(), "at least one"),
        (lambda: rrf(words(), k=0), "k is 0"),
        (lambda: rrf(words(name="a"), words(name="b")), "different indexes"),
    ],
)
def test_what_does_not_fit_is_said_when_built(build: object, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        build()  # type: ignore[operator]


def test_a_source_without_texts() -> None:
    source = words()
    source.passages = None
    with pytest.raises(InvalidInput, match=r"stage 2 \(ShortestFirst\) reads texts, but words has none"):
        source >> ShortestFirst()
    with pytest.raises(InvalidInput, match="no texts"):
        (source >> Top(2))("red")
    assert len((source >> Top(2)).search(["red"])[0]) == 2


def test_parts_that_break_their_promise_are_named() -> None:
    class Lossy(WordCount):
        def search(self, queries: Sequence[QueryLike], **options: object) -> list[Ranking]:  # type: ignore[override]
            return []

    with pytest.raises(SpanielError, match="words returned 0 rankings for 1 queries"):
        Pipeline(Lossy(TEXTS)).search(["red"])
    with pytest.raises(SpanielError, match="top cut a ranking to -1"):
        (words() >> Top(-1)).search(["red"])


def test_store_is_read_once_for_the_survivors() -> None:
    asked: list[int] = []

    class Counting(ListStore):
        def get(self, ordinals: Sequence[int]) -> list[object]:  # type: ignore[override]
            asked.append(len(ordinals))
            return super().get(ordinals)  # type: ignore[return-value]

    source = words()
    source.passages = Counting(TEXTS)
    (source >> Top(2))("fish")
    assert asked == [2]

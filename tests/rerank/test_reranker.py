"""The stage: rankings in, rankings out."""

from typing import Any

import numpy as np
import pytest
from contracts.reranker import Reranked, RerankerContract
from contracts.retriever import check_form
from contracts.toy import ListStore, WordCount
from contracts.toy_encoder import ToyEncoder
from contracts.toy_judge import ToyJudge, exact
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rerank.budget import Budget
from spaniel.rerank.driver import run_schedule
from spaniel.rerank.judges.cosine import CosineJudge
from spaniel.rerank.questions import Outcome
from spaniel.rerank.reordered import reordered
from spaniel.rerank.reranker import Rerank
from spaniel.rerank.schedules.pointwise import Pointwise
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Ranking

STORE = ListStore([f"word {'word ' * (place % 4)}text {place}" for place in range(40)])
UTILITIES = {f"p{place}": float(place % 7) for place in range(40)}
RANKINGS = [
    Ranking.sorted(list(range(0, 40, 2)), np.linspace(9, 1, 20)),
    Ranking.sorted([5, 3, 9], [1, 1, 2]),
    Ranking.sorted([7], [1]),
]


class TestRerank(RerankerContract):
    @pytest.fixture
    def reranked(self) -> Reranked:
        return Reranked(Rerank(ToyJudge(UTILITIES), depth=12), ["one", "two", "three"], RANKINGS, STORE)


class TestRerankOverThreads(RerankerContract):
    @pytest.fixture
    def reranked(self) -> Reranked:
        judge = ToyJudge(UTILITIES, remote=True)
        return Reranked(Rerank(judge, depth=12, concurrency=3), ["one", "two", "three"], RANKINGS, STORE)


def test_passages_behind_depth_stay_behind_in_their_order() -> None:
    [after] = Rerank(ToyJudge(UTILITIES), depth=4).rerank(["q"], RANKINGS[:1], STORE)
    # 0 2 4 6 have utilities 0 2 4 6; then the first-stage order goes on.
    assert after.ids.tolist() == [6, 4, 2, 0, *range(8, 40, 2)]
    assert after.scores[:4].tolist() == [6, 4, 2, 0] and after.scores[4] == -1
    gaps = RANKINGS[0].scores[4:-1] - RANKINGS[0].scores[5:]
    assert after.scores[4:-1] - after.scores[5:] == pytest.approx(gaps, abs=1e-5)
    [shorter] = Rerank(ToyJudge(UTILITIES), depth=4, keep_rest=False).rerank(["q"], RANKINGS[:1], STORE)
    assert shorter == after[:4]


def test_ties_keep_the_first_stage_order() -> None:
    ranking = Ranking.sorted([5, 9, 2, 7], [4, 3, 2, 1])
    [after] = Rerank(ToyJudge({"p2": 1.0})).rerank(["q"], [ranking], STORE)
    assert after.ids.tolist() == [2, 5, 9, 7]
    assert after.scores.tolist() == pytest.approx([1, 0, 0, 0], abs=1e-6)
    check_form(after)


@given(
    st.lists(st.tuples(st.integers(0, 99), st.floats(-(2.0**100), 2.0**100, width=32)), unique_by=lambda each: each[0]),
    st.data(),
)
def test_any_order_comes_out_as_it_is(items: list[tuple[int, float]], data: st.DataObject) -> None:
    ranking = Ranking.sorted([id_ for id_, _ in items], [score for _, score in items])
    n = data.draw(st.integers(0, len(items)))
    order = data.draw(st.permutations(range(n)))
    scores = data.draw(
        st.none() | st.lists(st.floats(-1e300, 1e300), min_size=n, max_size=n).map(lambda s: np.array(sorted(s)[::-1]))
    )
    after = reordered(ranking, Outcome(tuple(order), scores))
    assert after.ids.tolist() == [*ranking.ids[np.array(order, int)].tolist(), *ranking.ids[n:].tolist()]
    check_form(after)


def test_texts_are_fetched_once_for_some_queries() -> None:
    asked = []

    class Counting(ListStore):
        def get(self, ordinals: Any) -> Any:
            asked.append(list(ordinals))
            return super().get(ordinals)

    store = Counting([passage.text for passage in STORE.passages])
    Rerank(ToyJudge({}), depth=3).rerank(["a", "b", "c"], RANKINGS, store)
    assert asked == [[0, 2, 3, 4, 5, 7, 9]]


def test_usage_and_traces() -> None:
    stage = Rerank(ToyJudge(UTILITIES), depth=5, budget=Budget(calls=4))
    _, traces = stage.traced(["a", "b", "c"], RANKINGS, STORE, keep_log=True)
    assert [(trace.calls, trace.stopped) for trace in traces] == [(4, "calls"), (3, ""), (1, "")]
    assert stage.usage() == {"calls": 8, "model_calls": 8, "tokens": 16, "truncated": 0}
    assert len(traces[1].log) == 3
    shown = traces[1].to_json()
    assert shown["calls"] == 3 and shown["log"][0] == {"round": 1, "score": 0, "answer": 2.0}  # type: ignore[index]
    assert traces[0].explain().startswith("4 calls (0 cached), 4 passages read, depth 1, 8 tokens, ")
    assert traces[0].explain().endswith("; stopped: out of calls")


def test_runs_of_the_model_are_counted_and_not_questions() -> None:
    judge = CosineJudge(ToyEncoder())
    stage = Rerank(judge)
    _, traces = stage.traced(["a", "b", "c"], RANKINGS, STORE)
    assert stage.usage()["calls"] == sum(map(len, RANKINGS))
    assert {name: stage.usage()[name] for name in judge.usage()} == judge.usage() == judge.encoder.usage()
    assert judge.usage()["model_calls"] == 2 == sum(trace.model_calls for trace in traces)


def test_it_composes() -> None:
    words = WordCount([passage.text for passage in STORE.passages], depth=10)
    pipeline = words >> Rerank(ToyJudge(UTILITIES), "pointwise", depth=5, name="toy")
    results = pipeline("word", k=3)
    assert [step.name for step in results.trace] == ["words", "toy"]
    assert pipeline.usage()["calls"] == 5
    assert "toy" in pipeline.name


def test_settings_are_checked_when_it_is_made() -> None:
    judge = ToyJudge(UTILITIES, kinds=("order",))
    with pytest.raises(InvalidInput, match="depth is 0"):
        Rerank(judge, depth=0)
    with pytest.raises(InvalidInput, match=r"depth is 2.5; it must be a whole number of at least 1"):
        Rerank(judge, depth=2.5)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="concurrency is True; it must be a whole number"):
        Rerank(judge, concurrency=True)
    with pytest.raises(InvalidInput, match="cannot answer"):
        Rerank(judge)
    with pytest.raises(InvalidInput, match="top is 0"):
        Rerank(ToyJudge(UTILITIES), top=0)
    with pytest.raises(InvalidInput, match="both_orders is 'twice'"):
        Rerank(ToyJudge(UTILITIES), both_orders="twice")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="no schedule is called"):
        Rerank(ToyJudge(UTILITIES), "bogus")


def test_it_is_the_driver_that_it_runs() -> None:
    ranking = Ranking.sorted(list(range(10)), list(range(10, 0, -1)))
    [after] = Rerank(ToyJudge(UTILITIES)).rerank(["q"], [ranking], STORE)
    outcome, _ = run_schedule(Pointwise(), 10, exact([UTILITIES[f"p{place}"] for place in range(10)]), top=10)
    assert after.ids.tolist() == list(outcome.order)

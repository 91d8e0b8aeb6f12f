"""Each pairwise schedule equals its plainest form, costs what it says, finds an exact judge's top, and can be cut."""

import inspect
import sys
from collections.abc import Callable, Sequence
from math import ceil, floor, log2

import numpy as np
import pytest
from contracts import pairwise_references as plain
from contracts.toy_judge import exact
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.rerank.driver import run_schedule
from spaniel.rerank.questions import Answer, Prefer, Question
from spaniel.rerank.schedules.allpair import Allpair
from spaniel.rerank.schedules.base import Schedule
from spaniel.rerank.schedules.heapsort import Heapsort
from spaniel.rerank.schedules.knockout import Knockout
from spaniel.rerank.schedules.mohajer import Mohajer
from spaniel.rerank.schedules.quicksort import Quicksort
from spaniel.rerank.schedules.sampled import Sampled
from spaniel.rerank.schedules.sliding import Sliding
from spaniel.retrieval.errors import InvalidInput

ALL: list[Schedule] = [
    Allpair(),
    Heapsort(),
    Quicksort(),
    Sliding(passes=None),
    Sliding(passes=None, overlap=False),
    Knockout(),
    Mohajer(refit=False),
    Mohajer(groups=3, refit=False),
]
REFITTING: list[Schedule] = [Knockout(refit=True), Mohajer()]
SIZES = st.integers(0, 24)
TOPS = st.integers(1, 24)
SEEDS = st.integers(0, 1000)


@pytest.mark.parametrize("schedule", ALL, ids=repr)
@given(st.lists(st.integers(0, 4), max_size=24), TOPS)
@settings(max_examples=40)
def test_an_exact_judge_gets_its_top(schedule: Schedule, grades: list[int], top: int) -> None:
    n = len(grades)
    top = max(1, min(top, n))
    outcome, trace = run_schedule(schedule, n, exact(grades), top=top)
    right = sorted(range(n), key=lambda place: (-grades[place], place))
    assert list(outcome.order[:top]) == right[:top]
    assert trace.stopped == "" and trace.docs_read == 2 * trace.calls


@pytest.mark.parametrize("schedule", REFITTING, ids=repr)
@given(st.lists(st.integers(0, 4), max_size=24), TOPS)
@settings(max_examples=20)
def test_a_refit_moves_the_top_within_itself(schedule: Schedule, grades: list[int], top: int) -> None:
    n = len(grades)
    top = max(1, min(top, n))
    outcome, _ = run_schedule(schedule, n, exact(grades), top=top)
    assert set(outcome.order[:top]) == set(sorted(range(n), key=lambda place: (-grades[place], place))[:top])


@pytest.mark.parametrize("schedule", [*ALL, *REFITTING], ids=repr)
def test_a_judge_without_an_order_in_mind_gets_the_same_twice(schedule: Schedule) -> None:
    answer = plain.answering(plain.preferences(30, seed=5))
    first, second = (run_schedule(schedule, 30, answer, top=10, seed=3) for _ in range(2))
    assert first[0].order == second[0].order and first[1] == second[1]


@pytest.mark.parametrize("schedule", [*ALL, *REFITTING, Sliding(passes=3)], ids=repr)
def test_cut_at_every_call_the_order_is_whole_and_better_than_the_first_stages(schedule: Schedule) -> None:
    n, top = 16, 5
    utilities = np.random.default_rng(1).permutation(n).astype(float)

    def gain(order: Sequence[int]) -> float:
        return float(utilities[list(order[:top])].sum())

    answer = exact(utilities.tolist())
    whole, trace = run_schedule(schedule, n, answer, top=top)
    reached = []
    for budget in range(trace.calls + 1):
        outcome, cut = run_schedule(schedule, n, answer, top=top, budget_calls=budget)
        assert cut.calls <= budget
        reached.append(gain(outcome.order))
    assert outcome.order == whole.order
    assert reached[0] == gain(range(n)), "without a call it is the first-stage order"
    assert np.mean(reached) > reached[0]


@given(SIZES, SEEDS)
def test_allpair_counts_wins(n: int, seed: int) -> None:
    table = plain.preferences(n, seed)
    outcome, trace = run_schedule(Allpair(), n, plain.answering(table), top=max(n, 1))
    assert list(outcome.order) == plain.by_win_counts(n, table)
    assert (trace.calls, trace.docs_read, trace.depth) == (n * (n - 1), 2 * n * (n - 1), int(n > 1))
    assert outcome.scores is not None and np.all(np.diff(outcome.scores) <= 0)


@given(SIZES, TOPS, SEEDS)
def test_heapsort_is_the_textbooks(n: int, top: int, seed: int) -> None:
    table = plain.preferences(n, seed)
    top = max(1, min(top, n))
    better, pairs = plain.better_by(table)
    firsts = plain.heap_firsts(n, top, better)
    outcome, trace = run_schedule(Heapsort(), n, plain.answering(table), top=top)
    assert list(outcome.order) == [*firsts, *(place for place in range(n) if place not in firsts)]
    assert trace.calls == 2 * len(pairs)
    build = 2 * (n - n.bit_count())
    mend = sum(2 * floor(log2(n - taken)) for taken in range(1, top)) if n else 0
    assert trace.calls + trace.cached <= 2 * (build + mend)


@given(SIZES, TOPS, SEEDS)
def test_quicksort_is_the_textbooks(n: int, top: int, seed: int) -> None:
    table = plain.preferences(n, seed)
    top = max(1, min(top, n))
    better, pairs = plain.better_by(table)
    outcome, trace = run_schedule(Quicksort(), n, plain.answering(table), top=top)
    assert list(outcome.order) == plain.quicksorted(range(n), top, better)
    assert trace.calls == 2 * len(pairs) and trace.cached == 0


def test_quicksort_goes_as_deep_as_a_judge_makes_it() -> None:
    """One that always says "the first" takes two off at a time: 120 stretches in one another, with room for 80."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 80)
    try:
        outcome, trace = run_schedule(Quicksort(), 240, lambda question: 1.0, top=10, both_orders="given")
    finally:
        sys.setrecursionlimit(limit)
    assert sorted(outcome.order) == list(range(240)) and (trace.calls, trace.depth) == (14519, 239)


def test_an_order_made_to_defeat_the_median_of_three_is_not_the_square() -> None:
    n = 400
    worst = plain.median_killer(n)
    outcome, trace = run_schedule(Quicksort(), n, exact(worst), top=n)
    assert list(outcome.order) == sorted(range(n), key=lambda place: -worst[place])
    assert trace.calls < 30_000  # 80,000 with the first, the middle and the last each time


@given(SIZES, TOPS, SEEDS)
def test_sliding_is_bubble_sort_from_the_bottom(n: int, passes: int, seed: int) -> None:
    table = plain.preferences(n, seed)
    better, pairs = plain.better_by(table)
    expected = plain.bubbled(n, passes, better)
    k = min(passes, max(n - 1, 0))
    for overlap in (True, False):
        outcome, trace = run_schedule(Sliding(passes, overlap), n, plain.answering(table), top=1)
        assert list(outcome.order) == expected
        assert trace.calls == 2 * len(pairs)
        assert trace.calls + trace.cached == 2 * k * (n - 1) - k * (k - 1)
        assert trace.depth <= (max(n + k - 2, 0) if overlap else k * (n - 1))


def test_sliding_10_of_100_costs_what_the_notes_say_and_overlapped_few_rounds_more_than_one_pass() -> None:
    for schedule, depth in ((Sliding(overlap=True), 108), (Sliding(), 945), (Sliding(passes=10), 945)):
        _, trace = run_schedule(schedule, 100, exact(list(range(100))), top=10)
        assert trace.calls + trace.cached == 1890 and trace.depth == depth


def test_sliding_makes_as_many_passes_as_firsts_are_wanted() -> None:
    outcome, _ = run_schedule(Sliding(), 40, exact(range(40)), top=20)
    assert outcome.order[:20] == tuple(range(39, 19, -1))


@pytest.mark.parametrize(
    "schedule", [Allpair("bradley-terry"), Allpair(), Sampled(), Sampled(aggregate="elo")], ids=repr
)
def test_cut_there_are_scores_only_where_they_are_of_the_same_kind(schedule: Schedule) -> None:
    utilities = np.random.default_rng(1).permutation(12).tolist()
    outcome, _ = run_schedule(schedule, 12, exact(utilities), top=5, budget_calls=20)
    assert (outcome.scores is not None) == (schedule.aggregate == "bradley-terry")  # type: ignore[attr-defined]


@given(st.integers(1, 40), SEEDS)
def test_knockout_finds_one_by_a_tournament(n: int, seed: int) -> None:
    table = plain.preferences(n, seed)
    better, pairs = plain.better_by(table)
    first, beaten = plain.knockout_winner(range(n), better)
    outcome, trace = run_schedule(Knockout(), n, plain.answering(table), top=1)
    assert list(outcome.order) == [first, *(place for place in range(n) if place != first)]
    assert trace.calls == 2 * len(pairs) == 2 * (n - 1) and trace.depth == ceil(log2(n))
    if beaten:
        outcome, more = run_schedule(Knockout(), n, plain.answering(table), top=2)
        assert outcome.order[:2] == (first, plain.knockout_winner(beaten, better)[0])
        assert more.calls + more.cached == trace.calls + 2 * (len(beaten) - 1)


@given(st.integers(1, 40), st.integers(1, 8), SEEDS)
def test_mohajer_takes_the_best_champion_and_its_group_sends_the_next(n: int, top: int, seed: int) -> None:
    utilities = np.random.default_rng(seed).permutation(n).tolist()
    top = min(top, n)
    outcome, trace = run_schedule(Mohajer(refit=False), n, exact(utilities), top=top, both_orders="random")
    groups = [sorted(range(first, n, top), key=lambda place: -utilities[place]) for first in range(top)]
    expected = []
    for _ in range(top):
        best = max((group for group in groups if group), key=lambda group: utilities[group[0]])
        expected.append(best.pop(0))
    assert list(outcome.order[:top]) == expected
    heap = 2 * (top - top.bit_count()) + (top - 1) * 2 * floor(log2(top))
    assert n - top <= trace.calls + trace.cached <= n - top + heap + (top - 1) * (n // top)


def test_calls_and_depth_that_the_documents_tell() -> None:
    """100 passages in any order, top 10, an exact judge: means over seeds."""
    costs: dict[str, list[tuple[int, int]]] = {}
    for seed in range(8):
        answer = exact(np.random.default_rng(seed).permutation(100).tolist())
        for schedule in (Heapsort(), Quicksort(), Knockout()):
            _, trace = run_schedule(schedule, 100, answer, top=10)
            costs.setdefault(schedule.name, []).append((trace.calls, trace.depth))
        _, trace = run_schedule(Mohajer(), 100, answer, top=10, both_orders=Mohajer.both_orders)
        costs.setdefault("mohajer", []).append((trace.calls, trace.depth))
    means = {name: np.mean(each, axis=0) for name, each in costs.items()}
    assert 440 < means["heapsort"][0] < 540 and 100 < means["heapsort"][1] < 150
    assert 330 < means["quicksort"][0] < 480 and means["quicksort"][1] < 20
    assert 280 < means["knockout"][0] < 360 and means["knockout"][1] < 45
    assert 150 < means["mohajer"][0] < 200


@pytest.mark.parametrize(
    "make",
    [lambda: Sliding(passes=0), lambda: Mohajer(groups=0), lambda: Allpair("copeland"), lambda: Allpair(prior=-0.5)],
)
def test_settings_that_cannot_be(make: Callable[[], Schedule]) -> None:
    with pytest.raises(InvalidInput):
        make()


@pytest.mark.parametrize("schedule", ALL, ids=repr)
def test_a_judge_that_always_likes_the_first_changes_nothing(schedule: Schedule) -> None:
    """(p + 1 - p') / 2 of equal p is a half only up to the last bit."""
    outcome, _ = run_schedule(schedule, 12, lambda question: 0.9, top=12)
    assert outcome.order == tuple(range(12))


def test_an_answer_is_about_the_one_asked_about_first() -> None:
    def answer(question: Question) -> Answer:
        assert isinstance(question, Prefer)
        return 1.0 if question.first > question.second else 0.0

    for schedule in ALL:
        outcome, _ = run_schedule(schedule, 9, answer, top=3, both_orders="given")
        assert outcome.order[:3] == (8, 7, 6)

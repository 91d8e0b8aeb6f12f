"""Static hard negatives: which questions want them, what they get, and what is drawn of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from contracts.mining_fakes import Scores, Texts
from hypothesis import given
from hypothesis import strategies as st

from spaniel.training.examples import Example, TrainingSet
from spaniel.training.methods.hard import HardNegatives, mined
from spaniel.training.methods.questions import Questions
from spaniel.training.settings import settings_for

SETTINGS = settings_for("star", relative_margin=0.0, rank_to=3)
IDS, SCORES = [9, 8, 4, 5, 3, 2, 1], [0.9, 0.8, 0.79, 0.5, 0.4, 0.3, 0.2]
TEXTS = Texts([f"passage number {n}" for n in range(100)])


def questions_of(*examples: Example, judged: bool = False, texts: Texts = TEXTS) -> Questions:
    index: Any = SimpleNamespace(passages=texts)
    return Questions([TrainingSet("words", index, examples, [], judged=judged)], 0)


def found(questions: Questions, **changed: object) -> list[list[int]]:
    retriever = Scores({each.id: dict(zip(IDS, SCORES, strict=True)) for each in questions.examples}, TEXTS)
    return [each.tolist() for each in mined(questions, [retriever], replace(SETTINGS, **changed))]


def test_ranks_count_without_the_positives() -> None:
    asked = questions_of(Example("q", "?", {5: 1, 8: 2}))
    assert found(asked) == [[9, 4, 3]]
    assert found(asked, rank_from=1) == [[4, 3]]


def test_what_scores_nearly_as_high_as_the_best_positive_is_left_out() -> None:
    assert found(questions_of(Example("q", "?", {5: 1, 8: 2})), relative_margin=0.05) == [[3]]  # at most .8 - .04


def test_where_the_positive_was_not_found_nothing_passes_the_margin() -> None:
    asked = questions_of(Example("q", "?", {77: 1}))
    assert found(asked, relative_margin=0.05) == [[]]
    assert found(asked) == [[9, 8, 4]]


def test_a_copy_of_the_positive_is_no_negative() -> None:
    texts = Texts(["the answer" if n in (5, 9) else f"passage {n}" for n in range(100)])
    assert found(questions_of(Example("q", "?", {5: 1}), texts=texts)) == [[8, 4]]


def test_a_list_is_taken_as_it_is_and_judgements_stand_before_what_is_mined() -> None:
    asked = Example("q", "?", {5: 1}, (77, 8)), Example("r", "?", {5: 1})
    assert found(questions_of(*asked)) == [[77, 8], [9, 8, 4]]
    assert found(questions_of(*asked, judged=True)) == [[77, 8, 9, 4, 3], [9, 8, 4]]


def test_nothing_is_searched_where_no_negatives_are_wanted() -> None:
    asked = questions_of(Example("q", "?", {5: 1}))
    retriever = Scores({}, TEXTS)
    assert [len(each) for each in mined(asked, [retriever], replace(SETTINGS, negatives=0))] == [0]
    assert retriever.searched == []


def test_many_questions_get_what_each_gets_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = [Example(f"q{n}", f"?{n}", {5: 1}, (n,) if n % 3 == 0 and n != 5 else ()) for n in range(9)]
    whole = found(questions_of(*examples))
    monkeypatch.setattr("spaniel.training.methods.hard._AT_ONCE", 2)
    assert found(questions_of(*examples)) == whole


def table(rows: Sequence[Sequence[int]]) -> HardNegatives:
    hard = HardNegatives(questions_of(*(Example(f"q{n}", "?", {99: 1}) for n in range(len(rows)))))
    hard.fill([np.array(row, np.int32) for row in rows])
    return hard


@given(st.lists(st.lists(st.integers(0, 99), max_size=5, unique=True), max_size=4), st.integers(0, 7))
def test_draws_are_of_the_question_s_own_without_repeats(rows: list[list[int]], count: int) -> None:
    hard = table(rows)
    again = table([[]] * len(rows))
    again.restore(hard.state())
    for place, row in enumerate(rows):
        drawn = hard.drawn(place, count, np.random.default_rng(place))
        assert set(drawn) <= set(row) and len(set(drawn)) == len(drawn) == min(count, len(row))
        assert hard.of(place).tolist() == row == again.of(place).tolist()


def test_nothing_to_draw() -> None:
    assert HardNegatives(questions_of(Example("a", "?", {1: 1}))).drawn(0, 3, np.random.default_rng(0)) == []


@pytest.mark.parametrize("count", [0, 1])
def test_draws_repeat_by_seed(count: int) -> None:
    hard = table([range(50)])
    first, second = (hard.drawn(0, count, np.random.default_rng([3, 1])) for _ in range(2))
    assert first == second


def test_the_table_takes_four_bytes_a_negative() -> None:
    assert sum(each.nbytes for each in table([range(90)] * 50).state().values()) == 50 * 90 * 4 + 51 * 8


def test_of_several_sets_each_has_its_own_keys(small_set: Callable[..., TrainingSet]) -> None:
    two = Questions([small_set(), small_set(1)], 0)
    hard = HardNegatives(two)
    hard.fill([np.array([3], np.int32)] * len(two))
    first, second = (hard.drawn(place, 1, np.random.default_rng(0)) for place in (0, 24))
    assert first == two.keys(0, [3]) and second == two.keys(24, [3]) and first != second

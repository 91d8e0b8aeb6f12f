"""Several sets train one model: no set trains on, or chooses by, what another is tested with."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.retrieval.errors import InvalidInput
from spaniel.training.examples import Example, TrainingSet
from spaniel.training.leaks import apart_across, same_question


def of(
    name: str, train: Sequence[str], dev: Sequence[str] = (), tested: Sequence[str] = (), **more: Any
) -> TrainingSet:
    def examples(texts: Sequence[str]) -> list[Example]:
        return [Example(text, text, {0: 1, 1: 1}, (2,)) for text in texts]

    keys = frozenset(map(same_question, tested))
    return TrainingSet(name, None, examples(train), examples(dev), tested=keys, **more)  # type: ignore[arg-type]


def texts(examples: Sequence[Example]) -> list[str]:
    return [each.text for each in examples]


def test_one_set_keeps_out_of_the_other() -> None:
    first = of("first", ["a", "b"], ["held"], ["tested"], counts={"train_in_test": 3, "train": 2}, notes=("one",))
    second = of("second", ["A?", "HELD!", "Tested", "b", "else"], ["a ", "tested."], counts={"questions": 7})
    left, right = apart_across([first, second])
    assert (texts(left.train), texts(left.dev)) == (["b"], ["held"])  # a is in the dev of the other
    assert (texts(right.train), texts(right.dev)) == (["b", "else"], ["a "])
    assert left.counts["train_in_test"] == 3 and left.counts["train_in_dev"] == 1
    counts = {"questions": 7, "train_in_test": 1, "train_in_dev": 2, "dev_in_test": 1}
    assert right.counts == {**counts, "train": 2, "dev": 1, "positives": 4, "given_negatives": 2}
    assert left.notes == ("one", "1 questions to train on equal one of the dev of another set; they were left out")
    assert any("another set is tested with" in note for note in right.notes) and len(right.notes) == 3


def test_sets_that_share_nothing_stay_as_they_are() -> None:
    sets = [of("first", ["a"], ["b"], ["c"]), of("second", ["a", "d"], ["b"], ["c"])]
    assert [one is other for one, other in zip(apart_across(sets), sets, strict=True)] == [True, True]


def test_a_dev_split_that_is_not_used() -> None:
    """It is not trained on elsewhere; another set may hold it out."""
    aside = of("first", ["a"], spared=frozenset({"b", "c"}))
    [_, other] = apart_across([aside, of("second", ["b", "d"], ["c"])])
    assert (texts(other.train), texts(other.dev)) == (["d"], ["c"])


def test_nothing_left_to_train_on() -> None:
    with pytest.raises(InvalidInput, match="by another set") as refused:
        apart_across([of("first", ["a"], ["b"], ["c"]), of("second", ["b", "c"])])
    assert refused.value.where == "second"


@given(st.lists(st.tuples(*[st.sets(st.sampled_from("abcdefgh"))] * 3), min_size=1, max_size=4))
def test_no_question_is_in_two_places(sets: list[tuple[set[str], set[str], set[str]]]) -> None:
    given_sets = [
        of(str(n), ["only me", *sorted(train)], sorted(dev), sorted(test)) for n, (train, dev, test) in enumerate(sets)
    ]
    found = apart_across(given_sets)
    tested = {text for _, _, test in sets for text in test}
    developed = {text for each in found for text in texts(each.dev)}
    for each, (train, dev, _) in zip(found, sets, strict=True):
        assert texts(each.dev) == sorted(dev - tested)
        assert texts(each.train) == ["only me", *sorted(train - tested - developed)]

"""Features of questions: what they see, that they stay in their bounds, and that nothing breaks them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.retrieval.policies.features.context import feature_names, query_features
from spaniel.retrieval.policies.features.found import SCORE_FEATURES, overlaps, score_features
from spaniel.retrieval.policies.features.question import QUESTION_FEATURES, question_features
from spaniel.retrieval.policies.features.rarity import RARITY_FEATURES, Frequencies, rarity_features
from spaniel.retrieval.policies.features.words import MAX_CHARS, content_words, entities, words
from spaniel.retrieval.types import Ranking


class Counts:
    """Frequencies out of a dictionary; every word is its own term."""

    n_passages = 100

    def __init__(self, counts: dict[str, int]) -> None:
        self.counts = counts

    def of(self, text: str) -> dict[str, int]:
        return {word: self.counts.get(word, 0) for word in text.lower().split()}


def said(question: str) -> set[str]:
    """Names of the features that are 1."""
    return {name for name, value in zip(QUESTION_FEATURES, question_features(question), strict=True) if value == 1}


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Who wrote it?", []),
        ("who wrote Emma?", ["Emma"]),
        ("Who wrote 'Emma' and NASA's rules in New York?", ["Emma", "NASA", "New York"]),
        ("What does the University of the Arts do?", ["University of the Arts"]),
        ("What does the University of Oxford do?", ["University of Oxford"]),
        ('the book "on the origin" by Darwin', ["on the origin", "Darwin"]),
        ("Is Łódź, Poland near Århus?", ["Łódź", "Poland", "Århus"]),
        ("Singapore's laws. Where are they?", []),
        ("", []),
    ],
)
def test_names_are_runs_of_capitals_and_quotes(question: str, names: list[str]) -> None:
    assert entities(question) == names


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("Who wrote it?", {"asks_who", "anaphora"}),
        ("When was the first dam built?", {"asks_when", "ordinal"}),
        ("Where is the largest forest?", {"asks_where", "superlative"}),
        ("how many passages are there", {"asks_how_many"}),
        ("How much does a whale weigh?", {"asks_how_many"}),
        ("how do I rotate a key", {"asks_how"}),
        ("Why isn't it blue?", {"asks_why", "negation", "anaphora"}),
        ("Are both rivers longer than the Rhine?", {"asks_yes_no", "both", "comparative"}),
        ("Which dam was built in 1936?", {"asks_which", "number", "year", "constraint"}),
        ("an honest interest", set()),
    ],
)
def test_types_and_wording(question: str, wanted: set[str]) -> None:
    assert {name for name in said(question) if name not in ("content_share",)} == wanted


@given(st.text(max_size=200))
def test_values_stay_between_0_and_1(question: str) -> None:
    values = question_features(question)
    assert values.shape == (len(QUESTION_FEATURES),)
    assert ((values >= 0) & (values <= 1)).all()
    assert set(content_words(question)) <= set(words(question))
    names, everything = query_features(question, Counts({"dam": 3}), {"a": Ranking.sorted([], [])})
    assert len(names) == len(everything) == len(set(names)) and np.isfinite(everything).all()


def test_a_book_is_read_so_far() -> None:
    assert len(words("word " * MAX_CHARS)) == MAX_CHARS // 5
    assert len(entities("Name, " * MAX_CHARS)) == 1


def test_rarity_runs_from_0_for_everywhere_to_1_for_nowhere() -> None:
    counts = Counts({"common": 100, "rare": 1, "middling": 10})
    assert isinstance(counts, Frequencies)
    values = dict(zip(RARITY_FEATURES, rarity_features("common rare absent middling", counts), strict=True))
    assert values["rarity_least"] == 0
    assert values["rarity_most"] == pytest.approx(np.log(100) / np.log(101))
    assert values["rarity_mean"] == pytest.approx((0 + 2 + 2 + 1) * np.log(10) / np.log(101) / 4)
    assert values["unknown_share"] == 0.25
    assert values["name_unknown"] == 0
    assert rarity_features("", counts).tolist() == [0.0] * len(RARITY_FEATURES)
    assert rarity_features("see New Absent", counts)[-1] == 1


def test_scores() -> None:
    values = dict(zip(SCORE_FEATURES, score_features(Ranking.of([3, 1, 2], [8, 4, 2]), unit=16, depth=4), strict=True))
    assert values["found"] == 0.75 and values["top"] == 0.5 and values["second"] == 0.5 and values["last"] == 0.25
    assert values["mean"] == pytest.approx(14 / 24) and values["gap"] == pytest.approx(4 / 6)
    shares = np.array([8, 4, 2]) / 14
    assert values["entropy"] == pytest.approx(-(shares * np.log(shares)).sum() / np.log(3))
    assert score_features(Ranking.of([3], [8.0]))[1] == pytest.approx(8 / 9)
    assert np.abs(score_features(Ranking.of([3, 4], [0.5, -3.0]))).max() <= 1
    assert not score_features(Ranking.sorted([], [])).any()


def test_overlap_is_of_every_pair() -> None:
    lists = {"a": Ranking.of([1, 2], [2, 1]), "b": Ranking.of([2, 3], [2, 1]), "c": Ranking.of([4], [1.0])}
    assert overlaps(lists, depth=2).tolist() == [0.5, 0.0, 0.0]
    names, values = query_features("dams", None, lists, units={"a": 4.0}, depth=2)
    assert names == feature_names(searches=("a", "b", "c")) and names[-3:] == ("a&b", "a&c", "b&c")
    assert dict(zip(names, values, strict=True))["a.top"] == 0.5

"""Feedback on words against the formulas written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.feedback import check_feedback, heaviest, mixed, rm3, rocchio

TERMS = "abcdef"
COUNTS = st.dictionaries(st.sampled_from(TERMS), st.integers(1, 5), min_size=1)


def plain(query: dict[str, int], fed: list[dict[str, float]], shares: list[float], n: int, weight: float) -> np.ndarray:
    """The mixture over `TERMS`, for passages whose heads have no ties."""
    model = np.zeros(len(TERMS))
    for terms, share in zip(fed, shares, strict=True):
        row = np.array([terms.get(term, 0.0) for term in TERMS])
        row[np.lexsort((np.arange(len(TERMS)), -row))[n:]] = 0.0
        model += share * row
    model[np.lexsort((np.arange(len(TERMS)), -model))[n:]] = 0.0
    said = np.array([query.get(term, 0) for term in TERMS], dtype=float)
    if not model.sum():
        return said
    return said.sum() * (weight * said / said.sum() + (1 - weight) * model / model.sum())


@given(
    COUNTS,
    st.lists(st.tuples(COUNTS, st.floats(0.5, 9)), min_size=1, max_size=4),
    st.integers(1, 7),
    st.sampled_from([0.0, 0.3, 0.5, 1.0]),
)
def test_both_rules_are_their_formulas(
    query: dict[str, int], fed: list[tuple[dict[str, int], float]], n: int, weight: float
) -> None:
    counts, scores = [each for each, _ in fed], [score for _, score in fed]
    # A model's ties hang on the last bit of sums; the reference's order of additions is ours.
    heads = [heaviest(each, n) for each in counts]
    shares = [score / sum(head.values()) for head, score in zip(heads, scores, strict=True)]
    made = rm3(query, counts, scores, n_terms=n, weight=weight)
    whole = rm3(query, counts, scores, n_terms=len(TERMS), weight=weight)
    assert sum(made.values()) == pytest.approx(sum(query.values()))
    if n >= len(TERMS):
        assert [made.get(term, 0.0) for term in TERMS] == pytest.approx(plain(query, counts, shares, n, weight))
    assert set(made) - set(query) <= set(whole) and len(set(made) - set(query)) <= n
    moved = rocchio(query, counts, n_terms=len(TERMS), weight=weight)
    even = [1 / len(counts)] * len(counts)
    assert [moved.get(t, 0.0) for t in TERMS] == pytest.approx(plain(query, counts, even, len(TERMS), weight))


def test_a_weight_of_1_changes_nothing() -> None:
    assert rm3({"a": 2, "b": 1}, [{"c": 3}], [1.0], n_terms=5, weight=1.0) == {"a": 2, "b": 1}
    assert list(rm3({"b": 1}, [{"a": 3}], [1.0], n_terms=5, weight=0.5)) == ["b", "a"]


def test_nothing_to_feed_on_leaves_the_query() -> None:
    for fed, scores in (([], []), ([{}], [1.0]), ([{"a": 1}], [0.0])):
        assert rm3({"q": 1}, fed, scores, n_terms=5, weight=0.5) == {"q": 1}
    assert rocchio({"q": 1}, [], n_terms=5, weight=0.5) == {"q": 1}
    assert mixed({}, {"a": 1.0}, 0.5) == {}


def test_ties_go_by_the_alphabet() -> None:
    assert list(heaviest({"c": 1, "b": 2, "a": 1, "z": 0, "y": -1}, 3)) == ["b", "a", "c"]


@pytest.mark.parametrize("options", [(0, 1, 0.5), (1, 0, 0.5), (1, 1, 1.5), (1, 1, float("nan"))])
def test_settings_out_of_range(options: tuple[int, int, float]) -> None:
    with pytest.raises(InvalidInput, match="rm3"):
        check_feedback("rm3", *options)

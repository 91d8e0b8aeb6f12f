"""Recursive graph bisection: a permutation, equal to the plain Python twin, good, and the same however it is run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from spaniel.index.sparse.reorder import bisect, bisect_reference, forward_index, log_gap_cost, move_gain
from spaniel.retrieval.errors import InvalidInput

rows_of_terms = st.lists(st.sets(st.integers(0, 11), max_size=8).map(sorted), max_size=70)


def arrays(rows: list[list[int]]) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    ptr = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64)
    return ptr, np.array([t for r in rows for t in r], np.uint32)


def topical(n: int, seed: int) -> list[list[int]]:
    """Passages of 12 terms, 9 of them from one of 20 topics of 15 terms; topics in random order."""
    rng = np.random.default_rng(seed)
    topic = rng.integers(0, 20, n)
    return [
        sorted({*(15 * t + rng.choice(15, 9, replace=False)).tolist(), *(300 + rng.integers(0, 500, 3)).tolist()})
        for t in topic
    ]


@given(rows_of_terms, st.integers(0, 3), st.integers(1, 9), st.integers(0, 5))
def test_equals_the_plain_python_twin(rows: list[list[int]], min_df: int, leaf: int, iterations: int) -> None:
    max_df = max(len(rows) // 2, 1)
    ptr, terms = arrays(rows)
    order = bisect(ptr, terms, n_terms=12, min_df=min_df, max_df=max_df, leaf=leaf, iterations=iterations)
    wanted = bisect_reference(rows, min_df=min_df, max_df=max_df, leaf=leaf, iterations=iterations)
    assert order.dtype == np.int32
    assert order.tolist() == wanted
    assert sorted(wanted) == list(range(len(rows)))


def test_gain_is_the_fall_of_the_cost() -> None:
    """Against the paper's cost, written out: moving one of `here` passages to where `there` have the term."""

    def cost(d: int, n: int) -> float:
        return float(d * np.log2(n / (d + 1)))

    n = 64  # sizes of the halves stay as they are: another passage moves the other way
    for here in range(1, 20):
        for there in range(20):
            fall = cost(here, n) + cost(there, n) - cost(here - 1, n) - cost(there + 1, n)
            assert move_gain(here, there) / 2**14 == pytest.approx(fall, abs=1e-3)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_cost_falls_from_any_starting_order(seed: int) -> None:
    rows = topical(3000, seed=9)
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    ptr, terms = arrays(shuffled)
    before = log_gap_cost(ptr, terms, np.arange(len(rows), dtype=np.int32))
    order = bisect(ptr, terms, n_terms=800)
    after = log_gap_cost(ptr, terms, order)
    # Topics apart from each other: an oracle that sorts by topic reaches 2.0; random order has 4.0.
    assert before > 3.9
    assert after < 2.3


def test_number_of_threads_does_not_matter() -> None:
    ptr, terms = arrays(topical(4000, seed=4))
    orders = [bisect(ptr, terms, n_terms=800, threads=t).tolist() for t in (1, 2, 5, 2)]
    assert all(order == orders[0] for order in orders)
    assert sorted(orders[0]) == list(range(4000))


def test_alike_passages_keep_their_order() -> None:
    ptr, terms = arrays([[1, 2]] * 100)
    assert bisect(ptr, terms, n_terms=3, min_df=0, max_df=100, leaf=2).tolist() == list(range(100))


@pytest.mark.parametrize("n", [0, 1, 2, 17])
def test_small_and_empty(n: int) -> None:
    ptr = np.zeros(n + 1, np.int64)
    assert bisect(ptr, np.zeros(0, np.uint32), n_terms=0).tolist() == list(range(n))


def test_progress_ends_full_and_can_stop_the_work() -> None:
    ptr, terms = arrays(topical(2000, seed=5))
    told: list[tuple[int, int]] = []
    bisect(ptr, terms, n_terms=800, progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert all(0 < done <= total for done, total in told)
    assert len(told) > 10

    def refuse(done: int, total: int) -> None:
        raise KeyboardInterrupt

    for threads in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            bisect(ptr, terms, n_terms=800, threads=threads, progress=refuse)


@pytest.mark.parametrize(
    ("ptr", "terms", "message"),
    [
        ([], [], "ptr is empty"),
        ([0, 3], [1, 2], "not from 0 to the 2 terms"),
        ([1, 2], [1, 2], "ptr runs from 1"),
        ([0, 2, 1, 2], [0, 1], "ptr falls at document 1"),
        ([0, 2], [2, 1], "must ascend strictly"),
        ([0, 2], [1, 1], "must ascend strictly"),
        ([0, 1], [9], "term 9 after -1 of 3"),
    ],
)
def test_refuses_what_is_no_forward_index(ptr: list[int], terms: list[int], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        bisect(np.array(ptr, np.int64), np.array(terms, np.uint32), n_terms=3)


def test_refuses_options_that_make_no_sense() -> None:
    with pytest.raises(InvalidInput, match="leaf 0"):
        bisect(np.zeros(1, np.int64), np.zeros(0, np.uint32), n_terms=1, leaf=0)


@given(rows_of_terms)
def test_forward_index_is_its_own_inverse(rows: list[list[int]]) -> None:
    ptr, terms = arrays(rows)
    by_term, docs = forward_index(ptr, terms, 12)
    wanted = [[d for d, row in enumerate(rows) if t in row] for t in range(12)]
    assert [docs[by_term[t] : by_term[t + 1]].tolist() for t in range(12)] == wanted
    back, again = forward_index(by_term, docs, len(rows))
    assert back.tolist() == ptr.tolist()
    assert again.tolist() == terms.tolist()


def test_forward_index_refuses_entries_out_of_range() -> None:
    with pytest.raises(InvalidInput, match="entry 5 of 5"):
        forward_index(np.array([0, 1]), np.array([5], np.uint32), 5)
    with pytest.raises(InvalidInput, match="span"):
        forward_index(np.array([0, 2]), np.array([1], np.uint32), 5)

"""What the aggregators give, against evalica (`_naive` is its Python twin) and against obvious loops."""

import itertools

import evalica
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spaniel.rerank.aggregate.bradley_terry import bradley_terry
from spaniel.rerank.aggregate.elo import circle, elo
from spaniel.rerank.aggregate.greedy import greedy
from spaniel.rerank.aggregate.kwiksort import kwiksort
from spaniel.rerank.aggregate.pagerank import pagerank
from spaniel.rerank.aggregate.rank_centrality import rank_centrality
from spaniel.rerank.aggregate.win_rate import win_rate

N = 6


@st.composite
def tournaments(draw: st.DrawFn, least: int = 0, most: int = 4) -> np.ndarray:
    """float64 (N, N) of whole wins, `least` to `most` of each over each."""
    wins = draw(arrays(np.float64, (N, N), elements=st.integers(least, most).map(float)))
    np.fill_diagonal(wins, 0.0)
    return wins


def games(wins: np.ndarray) -> tuple[list[int], list[int], list[evalica.Winner]]:
    """One after another, as evalica reads them; every name comes by, in order, in `index`."""
    won = [(i, j) for i, j in itertools.permutations(range(N), 2) for _ in range(int(wins[i, j]))]
    return [i for i, _ in won], [j for _, j in won], [evalica.Winner.X] * len(won)


def by_name(scores) -> np.ndarray:  # type: ignore[no-untyped-def]
    return scores.sort_index().to_numpy()


@settings(max_examples=25, deadline=None)
@given(tournaments(least=1))
def test_bradley_terry_is_evalicas_where_everybody_won_and_lost(wins: np.ndarray) -> None:
    theirs = by_name(evalica.bradley_terry(*games(wins), tolerance=1e-10, limit=10_000).scores)
    ours = bradley_terry(wins, prior=0)
    np.testing.assert_allclose(ours - ours.mean(), np.log(theirs) - np.log(theirs).mean(), atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(tournaments(least=1))
def test_win_rate_over_equal_pairs_is_evalicas(wins: np.ndarray) -> None:
    """Theirs is the mean over opponents of the share won, ours the share of all: equal where all pairs met as often."""
    even = wins / (wins + wins.T + np.eye(N))
    xs, ys, winners = games(wins)
    theirs = by_name(evalica.average_win_rate(xs, ys, winners).scores)
    np.testing.assert_allclose(win_rate(even, prior=0), theirs, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(tournaments())
def test_pagerank_is_the_fixed_point_of_its_definition(wins: np.ndarray) -> None:
    ours = pagerank(wins, prior=0)
    again = np.full(N, 0.15 / N)
    for loser in range(N):
        lost = wins[:, loser].sum()
        again += 0.85 * ours[loser] * (wins[:, loser] / lost if lost else np.full(N, 1 / N))
    np.testing.assert_allclose(ours, again, atol=1e-12)
    assert ours.sum() == pytest.approx(1)


@settings(max_examples=25, deadline=None)
@given(tournaments(least=1))
def test_pagerank_is_evalicas(wins: np.ndarray) -> None:
    theirs = by_name(evalica.pagerank(*games(wins), tolerance=1e-12, limit=10_000).scores)
    np.testing.assert_allclose(pagerank(wins, prior=0), theirs, atol=1e-8)


@settings(max_examples=25, deadline=None)
@given(tournaments())
def test_elo_is_evalicas_in_the_same_order_of_games(wins: np.ndarray) -> None:
    """Matches of one game or none, since several games of a pair are one update here."""
    single = np.where(np.triu(wins > wins.T), 1.0, 0.0) + np.where(np.tril(wins > wins.T), 1.0, 0.0)
    played = [(i, j) if single[i, j] else (j, i) for one, two in circle(N) for i, j in zip(one, two, strict=True)]
    played = [(i, j) for i, j in played if single[i, j]]
    if not played:
        return
    xs, ys = zip(*played, strict=True)
    scores = evalica.elo(xs, ys, [evalica.Winner.X] * len(xs), k=30).scores
    theirs = np.array([scores.get(i, 1000.0) for i in range(N)])
    np.testing.assert_allclose(elo(single, prior=0), theirs, atol=1e-9)


@pytest.mark.parametrize("n", range(12))
def test_the_circle_has_every_pair_once(n: int) -> None:
    rounds = circle(n)
    met = [pair for one, two in rounds for pair in zip(one.tolist(), two.tolist(), strict=True)]
    assert sorted(met) == list(itertools.combinations(range(n), 2))
    assert all(len(set(one.tolist()) | set(two.tolist())) == 2 * len(one) for one, two in rounds)


@settings(max_examples=25, deadline=None)
@given(tournaments(least=1))
def test_rank_centrality_is_the_stationary_chain_of_the_paper(wins: np.ndarray) -> None:
    chain = np.zeros((N, N))
    for i, j in itertools.permutations(range(N), 2):
        chain[i, j] = wins[j, i] / (wins[i, j] + wins[j, i]) / (N - 1)
    chain += np.diag(1 - chain.sum(1))
    values, vectors = np.linalg.eig(chain.T)
    stationary = np.real(vectors[:, np.argmax(np.real(values))])
    np.testing.assert_allclose(np.exp(rank_centrality(wins, prior=0)) / N, stationary / stationary.sum(), atol=1e-6)


def test_rank_centrality_finds_the_utilities_of_a_perfect_bradley_terry() -> None:
    """Also where only some pairs were compared (a ring with two chords): every pair's own share is used."""
    utilities = np.array([1.0, -0.5, 0.3, 0.0, -1.2, 2.0, 0.7])
    n = len(utilities)
    wins = np.zeros((n, n))
    for i, j in [*((i, (i + 1) % n) for i in range(n)), (0, 3), (2, 5)]:
        wins[i, j] = 1 / (1 + np.exp(utilities[j] - utilities[i]))
        wins[j, i] = 1 - wins[i, j]
    found = rank_centrality(wins, prior=0)
    np.testing.assert_allclose(found - found.mean(), utilities - utilities.mean(), atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(tournaments())
def test_greedy_is_the_loop_of_the_paper(wins: np.ndarray) -> None:
    left, order = list(range(N)), []
    while left:
        best = max(left, key=lambda i: (sum(wins[i, j] - wins[j, i] for j in left), -i))
        order.append(best)
        left.remove(best)
    assert np.argsort(-greedy(wins, prior=0)).tolist() == order


def test_greedy_keeps_half_of_the_best_agreement() -> None:
    """The bound of the paper, against all orders of five."""
    rng = np.random.default_rng(2)
    for _ in range(10):
        wins = np.triu(rng.random((5, 5)), 1)
        wins += np.tril(1 - wins.T, -1)
        agreed = [
            sum(wins[a, b] for a, b in itertools.combinations(order, 2)) for order in itertools.permutations(range(5))
        ]
        ours = np.argsort(-greedy(wins, prior=0))
        assert sum(wins[a, b] for a, b in itertools.combinations(ours, 2)) >= max(agreed) / 2


@given(st.permutations(range(9)), st.integers(0, 1000))
def test_kwiksort_sorts_what_is_transitive_whatever_the_pivots(truth: list[int], seed: int) -> None:
    rank = np.argsort(truth)
    wins = (rank[:, None] < rank[None, :]).astype(np.float64)
    assert np.argsort(-kwiksort(wins, prior=0, seed=seed)).tolist() == truth


@given(tournaments(), st.integers(0, 1000))
def test_kwiksort_puts_every_pivot_between_its_sides(wins: np.ndarray, seed: int) -> None:
    """The first pivot is drawn from all: everybody before it in the result beat it, or ties and stood before it."""
    scores = kwiksort(wins, prior=0, seed=seed)
    pivot = int(np.random.default_rng(seed).integers(N))
    for other in set(range(N)) - {pivot}:
        over = wins[other, pivot] - wins[pivot, other]
        assert (scores[other] > scores[pivot]) == (over > 0 or (over == 0 and other < pivot))

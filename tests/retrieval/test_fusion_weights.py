"""Fitting by definition: the lattice, nDCG under each point, the choice, and folds that never see their own queries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.fusion import convex, minmax, weighted
from spaniel.retrieval.fusion_weights import FittedWeights, fit_weights, lattice
from spaniel.retrieval.types import Ranking


def made(n: int, good: int, seed: int, n_rankings: int = 2) -> tuple[list[list[Ranking]], list[dict[int, int]]]:
    """Queries for which ranking number `good` knows the relevant passages and the others guess."""
    rng = np.random.default_rng(seed)
    rows, judgements = [], []
    for _ in range(n):
        relevant = rng.choice(40, 3, replace=False)
        row = []
        for number in range(n_rankings):
            scores = rng.normal(size=40) + (2.0 * np.isin(np.arange(40), relevant) if number == good else 0)
            row.append(Ranking.sorted(np.arange(40), scores)[:20])
        rows.append(row)
        judgements.append({int(id_): 1 + int(id_) % 3 for id_ in relevant})
    return rows, judgements


def ndcg(ranking: Ranking, grades: dict[int, int], cutoff: int = 10) -> float:
    gained = sum(grades.get(id_, 0) / np.log2(rank + 1) for rank, (id_, _) in enumerate(list(ranking)[:cutoff], 1))
    best = sorted(grades.values(), reverse=True)[:cutoff]
    return gained / sum(grade / np.log2(rank + 1) for rank, grade in enumerate(best, 1))


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_the_lattice(width: int) -> None:
    points = lattice(width)
    np.testing.assert_allclose(points.sum(axis=1), 1.0)
    assert points.min() >= 0
    assert len(np.unique(points, axis=0)) == len(points) == {1: 1, 2: 21, 3: 232, 4: 287}[width]
    assert np.isclose(points, 1 / width).all(axis=1).any()
    assert (points == np.eye(width)[0]).all(axis=1).any()


@pytest.mark.parametrize(("scale", "fusion"), [("convex", convex), ("minmax", minmax), ("weighted", weighted)])
def test_values_are_those_of_the_fusion(scale: str, fusion: object) -> None:
    rows, judgements = made(12, good=0, seed=1)
    found = fit_weights(rows, judgements, scale=scale, floors=[-3.0, None])  # type: ignore[arg-type]
    for row, grades, value in zip(rows, judgements, found.at_equal, strict=True):
        ranking = fusion(row, [0.5, 0.5], floors=[-3.0, None])  # type: ignore[operator]
        assert value == pytest.approx(ndcg(ranking, grades))


@settings(max_examples=10)
@given(st.integers(0, 1000), st.integers(0, 2))
def test_the_one_that_knows_gets_the_weight(seed: int, good: int) -> None:
    rows, judgements = made(60, good=good, seed=seed, n_rankings=3)
    found = fit_weights(rows, judgements, scale="convex", seed=seed)
    assert int(np.argmax(found.weights)) == good
    assert found.out_of_fold.mean() > found.at_equal.mean()


def test_few_queries_leave_equal_weights() -> None:
    rows, judgements = made(4, good=0, seed=0)
    judgements = [dict.fromkeys(grades, 1) for grades in judgements]
    rows = [[row[0], row[0]] for row in rows]  # nothing to choose between
    assert fit_weights(rows, judgements, folds=2).weights == (0.5, 0.5)


def test_out_of_fold_is_fitted_without_the_fold() -> None:
    rows, judgements = made(30, good=1, seed=2)
    groups = [place // 3 for place in range(30)]
    found = fit_weights(rows, judgements, folds=3, groups=groups, seed=5)
    again = fit_weights(rows, judgements, folds=3, groups=groups, seed=5)
    assert found.weights == again.weights
    assert found.out_of_fold.tolist() == again.out_of_fold.tolist()
    # Judgements of one group decide only what the others are given.
    other = [
        dict.fromkeys(grades, 1) if group == 0 else grades for grades, group in zip(judgements, groups, strict=True)
    ]
    changed = fit_weights(rows, other, folds=3, groups=groups, seed=5)
    same = [a == b for a, b in zip(found.of_folds, changed.of_folds, strict=True)]
    assert any(same)


def test_units_divide_scores() -> None:
    rows, judgements = made(20, good=0, seed=3)
    scaled = [[Ranking(row[0].ids, row[0].scores * np.float32(1024)), row[1]] for row in rows]
    units = np.tile([1024.0, 1.0], (20, 1))
    one, other = fit_weights(rows, judgements), fit_weights(scaled, judgements, units=units)
    assert isinstance(one, FittedWeights)
    assert one.weights == other.weights
    np.testing.assert_array_equal(one.out_of_fold, other.out_of_fold)


def test_queries_with_nothing_relevant_count_nothing() -> None:
    rows, judgements = made(6, good=0, seed=4)
    judgements[0], judgements[1] = {}, {3: 0, 4: -1}
    found = fit_weights(rows, judgements, folds=2)
    assert found.out_of_fold[:2].tolist() == [0.0, 0.0]


def test_what_does_not_fit_is_named() -> None:
    rows, judgements = made(6, good=0, seed=4)
    for bad in (
        lambda: fit_weights([], []),
        lambda: fit_weights(rows, judgements[:5]),
        lambda: fit_weights([*rows[:5], rows[5][:1]], judgements),
        lambda: fit_weights([row * 3 for row in rows], judgements),
        lambda: fit_weights(rows, judgements, units=np.zeros((6, 2))),
        lambda: fit_weights(rows, judgements, scale="convex", units=np.ones((6, 2))),
        lambda: fit_weights(rows, judgements, folds=7),
        lambda: fit_weights(rows, judgements, folds=1),
        lambda: fit_weights(rows, judgements, groups=[1, 2]),
        lambda: fit_weights(rows, judgements, groups=[1] * 6),
    ):
        with pytest.raises(InvalidInput, match="fit_weights"):
            bad()

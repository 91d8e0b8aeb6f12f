"""Dev pools: what stands in them, and nDCG against `spaniel eval`'s."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spaniel.eval.measures.score import score
from spaniel.eval.run import Run
from spaniel.retrieval.types import Ranking
from spaniel.training.examples import Example, TrainingSet
from spaniel.training.methods.pools import DevPool, dev_pool, ndcg


def made(dev: list[Example]) -> TrainingSet:
    return TrainingSet("x", None, [], dev)  # type: ignore[arg-type]


DEV = [Example("a", "", {3: 1, 90: 2}), Example("b", "", {5: 1})]
FOUND = [Ranking.of([10, 3, 11, 12], [4, 3, 2, 1]), Ranking.of([20, 21, 10], [3, 2, 1])]


def test_positives_stand_in_it_then_hard_ones_rank_by_rank_then_random_ones() -> None:
    pool = dev_pool(made(DEV), FOUND, np.arange(80), size=7, seed=0)
    chosen = set(pool.ordinals.tolist())
    assert len(chosen) == 7
    assert {3, 5, 90, 10, 20, 21} <= chosen  # three positives, three hard ones, and one random
    assert not chosen & {11, 12}
    assert (np.diff(pool.ordinals) > 0).all()


def test_a_pool_has_all_positives_however_small_it_is_and_never_more_than_there_is() -> None:
    assert dev_pool(made(DEV), FOUND, np.arange(80), size=1, seed=0).ordinals.tolist() == [3, 5, 90]
    assert len(dev_pool(made(DEV), FOUND, np.arange(80), size=500, seed=0).ordinals) == 81


def test_equal_seeds_give_equal_pools() -> None:
    first, second, other = (dev_pool(made(DEV), FOUND, np.arange(1000), size=50, seed=seed) for seed in (1, 1, 2))
    assert first.ordinals.tolist() == second.ordinals.tolist() != other.ordinals.tolist()


def test_scores_of_a_pool_by_hand() -> None:
    pool = DevPool("x", DEV, np.array([3, 5, 90]))
    values = pool.ndcg(np.array([[1.0, 2.0, 0.5], [0.0, 9.0, 1.0]], np.float32))
    # ranks 2 (grade 1) and 3 (grade 2), of an ideal of 2 then 1
    expected = (1 / np.log2(3) + 2 / np.log2(4)) / (2 + 1 / np.log2(3))
    np.testing.assert_allclose(values, [expected, 1.0])


@given(
    arrays(np.int8, (3, 14), elements=st.integers(-4, 4)),
    arrays(np.int64, (3, 14), elements=st.integers(0, 2)),
)
def test_ndcg_is_that_of_eval(scores: np.ndarray, grades: np.ndarray) -> None:
    lists = [sorted(range(14), key=lambda n, row=row: (-int(row[n]), n)) for row in scores]
    rankings = [Ranking.of(ids, np.arange(14, 0, -1)) for ids in lists]
    run = Run.from_ordinals(list("abc"), {"x": rankings}, lambda ids: [str(n) for n in ids.tolist()], name="x")
    qrels = {name: {str(n): int(g) for n, g in enumerate(row)} for name, row in zip("abc", grades, strict=True)}
    expected = score(run, qrels, ["nDCG@10"]).values["nDCG@10"]
    np.testing.assert_allclose(ndcg(scores.astype(np.float32), grades), expected)

"""Dev pools: what stands in them, and nDCG by documents."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from spaniel.eval.measures.score import score
from spaniel.eval.run import Run
from spaniel.retrieval.types import Ranking
from spaniel.training.examples import Example, TrainingSet
from spaniel.training.methods.pools import dev_pool


class Passages:
    """Passage n is of document n, or of that which `documents` names."""

    identity = "passages"

    def __init__(self, documents: dict[int, str] | None = None) -> None:
        self.documents = documents or {}

    def doc_ids(self, ordinals: Sequence[int]) -> list[str]:
        return [self.documents.get(int(n), f"d{n}") for n in ordinals]


def made(dev: list[Example], documents: dict[int, str] | None = None, **given: Any) -> TrainingSet:
    return TrainingSet("x", SimpleNamespace(passages=Passages(documents)), [], dev, **given)  # type: ignore[arg-type]


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


def of_scores(training_set: TrainingSet, scores: list[list[float]], n: int) -> list[float]:
    """nDCG where each question scores the pool's passages so: vectors with a one at the question's place."""
    pool = dev_pool(training_set, [], np.arange(0), size=1, seed=0)
    assert len(pool.ordinals) == n
    queries = np.eye(len(scores), dtype=np.float32)
    return pool.ndcg(queries, np.array(scores, np.float32).T).tolist()


def test_scores_of_a_pool_by_hand() -> None:
    values = of_scores(made(DEV), [[1.0, 2.0, 0.5], [0.0, 9.0, 1.0]], 3)  # of 3, 5, 90
    # ranks 2 (grade 1) and 3 (grade 2), of an ideal of 2 then 1
    expected = (1 / np.log2(3) + 2 / np.log2(4)) / (2 + 1 / np.log2(3))
    np.testing.assert_allclose(values, [expected, 1.0])


def test_a_document_of_many_passages_counts_once() -> None:
    dev = [Example("a", "", dict.fromkeys(range(10), 1)), Example("b", "", {20: 1, 21: 2, 22: 1})]
    documents = dict.fromkeys(range(10), "long") | {20: "two", 21: "two"}
    order = [float(-n) for n in range(13)]
    # The best passage of the one document that answers stands first; of "two" and d22 behind the ten of "long".
    expected = (2 / np.log2(3) + 1 / np.log2(4)) / (2 + 1 / np.log2(3))
    np.testing.assert_allclose(of_scores(made(dev, documents), [order, order], 13), [1.0, expected])


def test_texts_beside_the_index_are_documents_of_their_own() -> None:
    dev = [Example("a", "", {50: 1, 51: 1}), Example("b", "", {3: 1})]
    values = of_scores(made(dev, texts=["one", "two"], first_extra=50), [[1, 3, 2], [0, 1, 2]], 3)
    np.testing.assert_allclose(values, [1.0, 0.5])


def test_only_the_best_are_kept_of_a_large_pool() -> None:
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((500, 4)).astype(np.float32)
    dev = [Example(str(n), "", {int(each): int(each) % 3 + 1 for each in rng.choice(500, 9)}) for n in range(70)]
    queries = rng.standard_normal((70, 4)).astype(np.float32)
    pool = dev_pool(made(dev), [], np.arange(500), size=500, seed=0)
    lists = [np.argsort(-(rows @ query), kind="stable") for query in queries]
    run = Run.from_ordinals(
        [each.id for each in dev],
        {"x": [Ranking.of(ids, np.arange(500, 0, -1)) for ids in lists]},
        lambda ids: [str(n) for n in ids.tolist()],
        name="x",
    )
    qrels = {each.id: {str(n): grade for n, grade in each.positives.items()} for each in dev}
    np.testing.assert_allclose(pool.ndcg(queries, rows), score(run, qrels, ["nDCG@10"]).values["nDCG@10"])

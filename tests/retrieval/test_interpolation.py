"""A reranker's scores and the first stage's, added."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from contracts.toy import WordCount
from hypothesis import given
from hypothesis import strategies as st

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.fusion import convex
from spaniel.retrieval.fusion_weights import fit_weights
from spaniel.retrieval.interpolation import Interpolated, interpolated
from spaniel.retrieval.pipeline import fuse
from spaniel.retrieval.protocols import Metered, PassageStore, Reranker
from spaniel.retrieval.types import QueryLike, Ranking

SCORES = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=12)


def ranked(scores: Sequence[float]) -> Ranking:
    return Ranking.sorted(np.arange(len(scores)), scores)


@given(
    SCORES,
    st.randoms(),
    st.floats(0, 1),
    st.one_of(st.none(), st.integers(1, 12)),
    st.sampled_from(["convex", "minmax"]),
)
def test_the_head_is_fused_and_the_rest_follows(
    scores: list[float], random: Any, weight: float, depth: int | None, scale: Any
) -> None:
    first = ranked(scores)
    again = Ranking.sorted(first.ids, [random.random() for _ in scores])
    both = interpolated([first, again], weight, depth=depth, scale=scale)
    Ranking.of(both.ids, both.scores)  # it is in order
    n = len(first[:depth])
    assert both.ids[n:].tolist() == first.ids[n:].tolist()
    assert (both.scores[n:] < both.scores[n - 1]).all()
    assert len(set(both.scores[n:].tolist())) == len(both) - n
    assert sorted(both.ids[:n].tolist()) == sorted(first.ids[:n].tolist())


def test_weights_at_the_ends_are_the_parts() -> None:
    first, again = ranked([4.0, 3.0, 2.0, 1.0]), Ranking.sorted([3, 1, 0, 2], [0.9, 0.5, 0.2, 0.1])
    assert interpolated([first, again], 0.0).ids.tolist() == [0, 1, 2, 3]
    assert interpolated([first, again], 1.0).ids.tolist() == [3, 1, 0, 2]
    assert interpolated([first, again], 1.0, depth=2).ids.tolist() == [1, 0, 2, 3]
    assert interpolated([first, again], 0.3) == convex([first, again], [0.7, 0.3])


def test_passages_that_the_reranker_lacks_or_adds() -> None:
    first = ranked([4.0, 3.0, 2.0])
    assert interpolated([first, Ranking.of([2, 1, 9], [5.0, 1.0, 0.0])], 1.0).ids.tolist() == [2, 0, 1]
    assert interpolated([first, Ranking.empty()], 0.5).ids.tolist() == [0, 1, 2]
    assert interpolated([Ranking.empty(), first], 0.5) == Ranking.empty()


def test_fitted_weights_are_for_it() -> None:
    rng = np.random.default_rng(0)
    rows, judgements, relevant = [], [], 5
    for _ in range(60):
        truth = np.zeros(30)
        truth[rng.choice(30, relevant, replace=False)] = 1
        rows.append([ranked(truth + rng.normal(0, sd, 30)) for sd in (1.2, 0.6)])
        judgements.append({int(i): 1 for i in np.flatnonzero(truth)})
    fit = fit_weights(rows, judgements, scale="convex")
    assert 0.5 < fit.weights[1] < 1
    assert interpolated(rows[0], fit.weights[1]) == convex(rows[0], [1.0 - fit.weights[1], fit.weights[1]])


class Backwards:
    """Scores by ordinal, the largest first; counts."""

    name = "backwards"
    calls = 0

    def rerank(
        self, queries: Sequence[QueryLike], rankings: Sequence[Ranking], passages: PassageStore, *, k: int | None = None
    ) -> list[Ranking]:
        self.calls += len(rankings)
        return [Ranking.sorted(each.ids, each.ids)[:k] for each in rankings]

    def usage(self) -> dict[str, int]:
        return {"model_calls": self.calls}


def test_as_a_stage_and_as_a_fusion() -> None:
    source = WordCount(["key key key", "key key", "key", "cat"])
    stage = Interpolated(Backwards(), 0.9, depth=2)
    assert isinstance(stage, Reranker) and isinstance(stage, Metered)
    pipeline = source >> stage
    [ranking] = pipeline.search(["key"])
    assert ranking.ids.tolist() == [1, 0, 2]
    assert pipeline.name == "words >> interpolated(backwards, 0.9)"
    assert pipeline.usage() == {"model_calls": 1}
    fused = fuse(source, source >> Backwards(), how=lambda both: interpolated(both, 0.9, depth=2), name="both")
    assert fused.search(["key"]) == [ranking]
    assert stage.rerank(["key"], source.search(["key"]), source.passages, k=1)[0] == ranking[:1]  # type: ignore[arg-type]


def test_places_instead_of_scores_bring_a_warning() -> None:
    class Places(Backwards):
        def rerank(self, queries: Any, rankings: Any, passages: Any, *, k: int | None = None) -> list[Ranking]:
            return [ranked([6.0, 5.0, 4.0, 3.0, 2.0, 1.0]) for _ in rankings]

    source = WordCount(["key key"] * 6)
    store: Any = source.passages
    first = source.search(["key"])
    with pytest.warns(UserWarning, match=r"mine: these rankings hold places .* rrf"):
        Interpolated(Places(), 0.5, name="mine").rerank(["key"], first, store)
    Interpolated(Places(), 1.0).rerank(["key"], first, store)  # nothing is added


@pytest.mark.parametrize(
    "make",
    [
        lambda: interpolated([ranked([1.0])]),
        lambda: interpolated([ranked([1.0])] * 2, 1.5),
        lambda: interpolated([ranked([1.0])] * 2, 0.5, depth=0),
        lambda: interpolated([ranked([1.0])] * 2, 0.5, scale="zscore"),  # type: ignore[arg-type]
        lambda: Interpolated(Backwards(), scale="zscore"),  # type: ignore[arg-type]
        lambda: Interpolated(7),  # type: ignore[arg-type]
        lambda: Interpolated(Backwards),  # type: ignore[arg-type]
        lambda: Interpolated(Backwards(), -1),
        lambda: Interpolated(Backwards()).rerank(["q"], [ranked([1.0])], WordCount(["a"]).passages, k=0),  # type: ignore[arg-type]
    ],
)
def test_arguments_are_checked(make: Any) -> None:
    with pytest.raises(InvalidInput):
        make()

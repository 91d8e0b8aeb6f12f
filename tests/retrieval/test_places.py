"""Places are told from scores."""

import pytest

from spaniel.retrieval.places import holds_places
from spaniel.retrieval.policies.fitting import judged_scores
from spaniel.retrieval.types import Ranking


@pytest.mark.parametrize(
    ("scores", "places"),
    [
        ([5, 4, 3, 2, 1], True),
        ([5, 4, 3, 2, 1, 0, -0.5], True),  # two behind the reranker's depth
        ([100, 99, 98, 97, 96], True),  # a head of what a reranker gave
        ([5, 4, 3, 2, 0.5], False),
        ([5.5, 4.5, 3.5, 2.5, 1.5], False),
        ([3, 2, 1], False),  # so may three scores look
        ([0.9, 0.8, 0.2, 0.1, 0.0], False),
        ([3e38, 4, 3, 2, 1], False),
        ([], False),
    ],
)
def test_what_they_look_like(scores: list[float], places: bool) -> None:
    assert holds_places(Ranking.sorted(list(range(len(scores))), scores)) == places


def test_no_calibration_is_fitted_to_them_unawares() -> None:
    with pytest.warns(UserWarning, match="judged_scores: these rankings hold places"):
        judged_scores([Ranking.of([0, 1, 2, 3, 4], [5, 4, 3, 2, 1])], [{0: 1}])

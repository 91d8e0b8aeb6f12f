"""Policies that look at scores alone, against slow references."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from contracts.cutoff import ranked
from hypothesis import given
from hypothesis import strategies as st

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.adaptive_k import AdaptiveK
from spaniel.retrieval.policies.fixed import FixedK
from spaniel.retrieval.policies.percentile import Percentile
from spaniel.retrieval.policies.relative import Elbow, RelativeThreshold
from spaniel.retrieval.policies.top_p import TopP

pytestmark = pytest.mark.filterwarnings("ignore:.*these rankings hold places")
WHOLE = st.lists(st.integers(-40, 40), min_size=1, max_size=40)  # exact in every float


def reference_gap(scores: list[float], head_skip: int, tail_share: float) -> int | None:
    """The first place, from 0, of the largest gap that counts."""
    gaps = [a - b for a, b in itertools.pairwise(scores)]
    counted = range(head_skip, len(gaps) - int(len(gaps) * tail_share))
    return max(counted, key=lambda i: (gaps[i], -i), default=None)


@given(WHOLE, st.integers(0, 3), st.sampled_from([0.0, 0.1, 0.5]), st.integers(0, 6), st.integers(2, 50))
def test_largest_gap(whole: list[int], head_skip: int, tail_share: float, buffer: int, window: int) -> None:
    ranking = ranked([float(score) for score in whole])
    policy = AdaptiveK(buffer=buffer, window=window, head_skip=head_skip, tail_share=tail_share, fallback_k=4)
    scores = ranking.scores[:window].tolist()
    place = reference_gap(scores, head_skip, tail_share)
    flat = place is None or scores[place] == scores[place + 1]
    wanted = 4 if flat or place is None else place + 1 + buffer
    assert policy.cut("q", ranking) == min(wanted, len(ranking))


def test_variants_of_the_paper() -> None:
    scores = ranked([20, 18, 13, 12, 11, 10, 2, 1.5, 1, 0.5])
    assert AdaptiveK().cut("q", scores) == 6
    assert AdaptiveK(method="2diff_spike").cut("q", scores) == 2
    assert AdaptiveK(method="2diff_spike", head_skip=2).cut("q", scores) == 6
    assert AdaptiveK(method="ignore_below_median").cut("q", scores) == 2
    assert AdaptiveK(method="ignore_below_median", head_skip=2).cut("q", scores) == 3
    assert AdaptiveK(method="2diff_spike").cut("q", ranked([9.5, 8.5, 7.5, 6.5, 5.5])) == 1
    assert AdaptiveK(buffer=5).cut("q", scores) == 10
    assert AdaptiveK.paper().cut("q", scores) == 10
    assert AdaptiveK.paper(4, method="2diff_spike") == AdaptiveK(4, method="2diff_spike", buffer=5, window=1 << 31)


@given(WHOLE, st.integers(2, 6))
def test_moving_average(whole: list[int], width: int) -> None:
    ranking = ranked([float(score) for score in whole])
    scores = ranking.scores.astype(float).tolist()
    width_here = min(width, len(scores))
    drops = [scores[i] - scores[i + width_here] for i in range(len(scores) - width_here)]
    counted = drops[: len(drops) - int(len(drops) * 0.1)]
    policy = AdaptiveK(method="moving_avg", smoothing=width, fallback_k=2)
    best = max(counted, default=0.0)
    places = [i for i, drop in enumerate(counted) if math.isclose(drop, best)]
    wanted = {place + 1 for place in places} if best > 0 else {min(2, len(scores))}
    assert policy.cut("q", ranking) in wanted


def test_no_gap_that_counts() -> None:
    even = ranked([5, 4.1, 3, 2, 1])
    assert AdaptiveK(contrast=2, fallback_k=3).cut("q", even) == 3
    assert AdaptiveK(contrast=1, tail_share=0).cut("q", even) == 2
    assert AdaptiveK(fallback_k=3).explain("q", ranked([1, 1, 1, 1]))["fallback"] is True
    assert AdaptiveK(head_skip=9, fallback_k=2).cut("q", even) == 2


def test_only_the_window_counts() -> None:
    long = ranked([9, 8, 7.5, *np.linspace(3, 2, 97), *np.linspace(1.9, 1, 50), -50])
    assert AdaptiveK().cut("q", long) == 3
    assert AdaptiveK(window=500, tail_share=0).cut("q", long) == 150
    assert AdaptiveK(max_k=2).cut("q", long) == 2
    assert AdaptiveK(min_k=7).cut("q", long) == 7


@given(WHOLE, st.sampled_from([0.25, 0.5, 0.75, 1.0]), st.sampled_from(["top", "previous", "range"]))
def test_relative(whole: list[int], share: float, of: Any) -> None:
    scores = sorted((float(score) for score in whole), reverse=True)
    kept = RelativeThreshold(share, of=of, min_k=0).cut("q", ranked(scores))
    if of == "previous":
        wanted = 1
        while wanted < len(scores) and scores[wanted - 1] > 0 and scores[wanted] >= share * scores[wanted - 1]:
            wanted += 1
    elif of == "top":
        wanted = sum(score >= share * scores[0] for score in scores) if scores[0] > 0 else 0
    else:
        wanted = sum(score >= scores[-1] + share * (scores[0] - scores[-1]) for score in scores)
    assert kept == wanted


def test_elbow() -> None:
    assert Elbow().cut("q", ranked([9, 8, 7, 1, 0.9, 0.8])) == 3
    assert Elbow(fallback_k=2).cut("q", ranked([10, 8, 6, 4, 2])) == 2
    assert Elbow(fallback_k=2).cut("q", ranked([5, 4.9, 4.8, 4.7, 1])) == 2
    assert Elbow(fallback_k=2).cut("q", ranked([5, 5, 5])) == 2


def test_percentile() -> None:
    assert Percentile(90).cut("q", ranked([float(i) + 0.5 for i in range(100)])) == 10
    assert Percentile(90, window=20).cut("q", ranked([float(i) + 0.5 for i in range(100)])) == 2
    assert Percentile(0).cut("q", ranked([3, 2.5, 1])) == 3
    assert Percentile(100).cut("q", ranked([3, 3, 1])) == 2


@given(WHOLE, st.floats(0.05, 1.0), st.sampled_from(["deviation", "score"]))
def test_top_p_is_the_shortest_head(whole: list[int], p: float, scale: Any) -> None:
    ranking = ranked([float(score) for score in whole])
    scores = ranking.scores.astype(float)
    unit = (scores.std() or 1.0) if scale == "deviation" else 1.0
    raised = [math.exp((score - scores[0]) / unit / 0.5) for score in scores]
    kept = TopP(p, scale=scale).cut("q", ranking)
    held = [sum(raised[:k]) / sum(raised) for k in range(len(raised) + 1)]
    assert held[kept] >= p - 1e-9
    assert kept == 1 or held[kept - 1] < p + 1e-9


@pytest.mark.parametrize(
    "make",
    [
        lambda: FixedK(0),
        lambda: AdaptiveK(window=1),
        lambda: AdaptiveK(method="gap"),  # type: ignore[arg-type]
        lambda: AdaptiveK(buffer=-1),
        lambda: AdaptiveK(head_skip=-1),
        lambda: AdaptiveK(smoothing=1),
        lambda: AdaptiveK(fallback_k=0),
        lambda: AdaptiveK(tail_share=1.0),
        lambda: AdaptiveK(contrast=-1.0),
        lambda: AdaptiveK(min_k=4, max_k=3),
        lambda: RelativeThreshold(0.0),
        lambda: RelativeThreshold(of="best"),  # type: ignore[arg-type]
        lambda: Elbow(fallback_k=0),
        lambda: Percentile(101),
        lambda: TopP(0.0),
        lambda: TopP(temperature=0.0),
        lambda: TopP(scale="none"),  # type: ignore[arg-type]
    ],
)
def test_options_are_checked(make: Any) -> None:
    with pytest.raises(InvalidInput):
        make()

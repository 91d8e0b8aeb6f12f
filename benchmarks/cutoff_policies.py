"""The families of cut-off policies that `cutoffs.py` compares: each a list of settings, from few passages to many."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.policies.adaptive_k import AdaptiveK
from spaniel.retrieval.policies.conformal import ConformalCut
from spaniel.retrieval.policies.cumulative import CumulativeProbability
from spaniel.retrieval.policies.cumulative_scores import CumulativeThreshold
from spaniel.retrieval.policies.fitting import fit_calibration, judged_scores
from spaniel.retrieval.policies.fixed import FixedK
from spaniel.retrieval.policies.judged import first_relevant_ranks
from spaniel.retrieval.policies.ordinal import OrdinalCutoff
from spaniel.retrieval.policies.percentile import Percentile
from spaniel.retrieval.policies.priced import PricedCut, priced_k
from spaniel.retrieval.policies.relative import Elbow, RelativeThreshold
from spaniel.retrieval.policies.score_calibration import Calibration
from spaniel.retrieval.policies.threshold import Threshold
from spaniel.retrieval.policies.top_p import TopP
from spaniel.retrieval.protocols import CutoffPolicy
from spaniel.retrieval.types import Ranking

from .cutoff_lists import Lists

__all__ = ["FAMILIES", "MOST", "Cuts", "families"]

MOST = 50
"""No policy keeps more."""

Cuts = list[NDArray[np.int64]]
"""For each setting of a family how many passages of each query stay: int64 (n,)."""

_SHARES = (0.98, 0.95, 0.92, 0.89, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.3)
_MASSES = (0.1, 0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.88, 0.93, 0.97, 0.99)
_PRICES = tuple(np.geomspace(0.4, 0.0004, 80).tolist())
_ALPHAS = (0.5, 0.35, 0.25, 0.2, 0.15, 0.12, 0.09, 0.06, 0.04, 0.025, 0.015)
_BUFFERS = (0, 1, 2, 3, 4, 6, 8, 11, 14, 18, 25)

PLAIN: Mapping[str, list[CutoffPolicy]] = {
    "fixed-k": [FixedK(k) for k in range(1, MOST + 1)],
    "adaptive-k": [AdaptiveK(MOST, buffer=b) for b in _BUFFERS],
    "adaptive-k, head_skip 2": [AdaptiveK(MOST, buffer=b, head_skip=2) for b in _BUFFERS],
    "adaptive-k, moving_avg": [AdaptiveK(MOST, buffer=b, method="moving_avg") for b in _BUFFERS],
    "adaptive-k, 2diff_spike": [AdaptiveK(MOST, buffer=b, method="2diff_spike") for b in _BUFFERS],
    "adaptive-k, contrast 5": [AdaptiveK(MOST, buffer=b, contrast=5, fallback_k=2 * b + 3) for b in _BUFFERS],
    "adaptive-k, contrast 15": [AdaptiveK(MOST, buffer=b, contrast=15, fallback_k=2 * b + 3) for b in _BUFFERS],
    "share of the top": [RelativeThreshold(share, max_k=MOST) for share in _SHARES],
    "share of the range": [RelativeThreshold(share, of="range", max_k=MOST) for share in _SHARES],
    "cliff": [RelativeThreshold(share, of="previous", max_k=MOST) for share in _SHARES],
    "elbow": [Elbow(min_k=b, max_k=MOST) for b in _BUFFERS[1:]],
    "percentile": [Percentile(100.0 - k, max_k=MOST) for k in (1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40)],
    "top-p": [TopP(p, max_k=MOST) for p in _MASSES],
    "top-p, sharp": [TopP(p, 0.25, max_k=MOST) for p in _MASSES],
}
FAMILIES = (
    *PLAIN,
    "cumulative scores",
    "ordinal",
    "threshold, calibrated",
    "cumulative, calibrated",
    "conformal",
    "priced",
)


def families(fit: Lists) -> dict[str, Callable[[Lists], Cuts]]:
    """Every family, fitted on some judged queries where it can be: functions from lists to what each setting keeps.

    Of the conformal one every other query fits the calibration, and the rest the level.
    """
    rankings, judgements = fit.rankings(), fit.judgements(missing=True)
    ranks = first_relevant_ranks(rankings, judgements)
    calibration = _calibrated(rankings, judgements)
    made: dict[str, list[CutoffPolicy]] = dict(PLAIN)
    one = CumulativeThreshold.fit(rankings, ranks, window=MOST)
    made["cumulative scores"] = [replace(one, theta=mass) for mass in _MASSES]
    ordinal = OrdinalCutoff.fit(rankings, ranks, max_k=MOST)
    made["ordinal"] = [replace(ordinal, buffer=b) for b in _BUFFERS]
    thresholds = np.geomspace(0.4, 0.001, 16).tolist()
    made["threshold, calibrated"] = [
        Threshold(min_probability=p, calibration=calibration, min_k=1, max_k=MOST) for p in thresholds
    ]
    made["cumulative, calibrated"] = [CumulativeProbability(mass, calibration, max_k=MOST) for mass in _MASSES]
    values = _calibrated(rankings[::2], judgements[::2])
    possible = [alpha for alpha in _ALPHAS if alpha >= 1 / (len(rankings) // 2)]
    made["conformal"] = [
        ConformalCut.fit(rankings[1::2], judgements[1::2], alpha=alpha, window=MOST, calibration=values)
        for alpha in possible
    ]
    priced = PricedCut.fit(rankings, judgements, price=0.01, window=MOST)
    cuts = {name: _cutter(policies) for name, policies in made.items()}
    return cuts | {"priced": lambda lists: _priced(priced, lists)}


def _calibrated(rankings: Sequence[Ranking], judgements: Sequence[Mapping[int, int]]) -> Calibration:
    judged = judged_scores([ranking[:MOST] for ranking in rankings], judgements)
    return replace(fit_calibration(judged.scores, judged.relevant, queries=judged.queries, within=True), depth=MOST)


def _cutter(policies: list[CutoffPolicy]) -> Callable[[Lists], Cuts]:
    def cuts(lists: Lists) -> Cuts:
        rankings = lists.rankings()
        rows = zip(lists.queries, rankings, strict=True)
        found = np.array([[policy.cut(text, ranking) for policy in policies] for text, ranking in rows])
        return list(found.reshape(len(rankings), len(policies)).T)

    return cuts


def _priced(policy: PricedCut, lists: Lists) -> Cuts:
    """As `PricedCut.cut` under each price; what passages are worth is computed once."""
    worths = [policy.worth(ranking) if len(ranking) else np.zeros(0) for ranking in lists.rankings()]
    return [np.array([max(priced_k(w, price), 1) if len(w) else 0 for w in worths]) for price in _PRICES]

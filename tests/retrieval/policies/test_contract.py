"""Every cut-off policy under the common contract."""

import pytest
from contracts.cutoff import CutoffContract

from spaniel.retrieval.policies.adaptive_k import AdaptiveK
from spaniel.retrieval.policies.cumulative import CumulativeProbability
from spaniel.retrieval.policies.fixed import FixedK
from spaniel.retrieval.policies.percentile import Percentile
from spaniel.retrieval.policies.relative import Elbow, RelativeThreshold
from spaniel.retrieval.policies.score_calibration import Calibration
from spaniel.retrieval.policies.threshold import Threshold
from spaniel.retrieval.policies.top_p import TopP
from spaniel.retrieval.protocols import CutoffPolicy

WITHIN = Calibration(0.3, -1.0, 0.5, depth=20)
POLICIES: dict[str, CutoffPolicy] = {
    "fixed-k": FixedK(3),
    "threshold": Threshold(min_score=2.0),
    "probability": Threshold(min_probability=0.3, calibration=WITHIN, max_k=7),
    "cumulative": CumulativeProbability(0.7),
    "any": CumulativeProbability(0.7, WITHIN, of="any", min_k=2),
    "adaptive-k": AdaptiveK(max_k=10),
    "adaptive-k of the paper": AdaptiveK(buffer=5),
    "adaptive-k, moving average": AdaptiveK(method="moving_avg"),
    "adaptive-k, spike": AdaptiveK(method="2diff_spike", head_skip=1),
    "adaptive-k, median": AdaptiveK(method="ignore_below_median", contrast=3.0),
    "share of the top": RelativeThreshold(0.5),
    "cliff": RelativeThreshold(0.7, of="previous"),
    "share of the range": RelativeThreshold(0.4, of="range", max_k=9),
    "elbow": Elbow(),
    "percentile": Percentile(80, min_k=0),
    "top-p": TopP(),
    "top-p of scores": TopP(0.8, 2.0, scale="score"),
}


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES, indirect=True)
class TestPolicies(CutoffContract):
    """The common suite."""

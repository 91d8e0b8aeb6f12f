"""Microseconds of a cut: every policy on rankings of 100 passages, one thread.

    python -m benchmarks.cutoff_times [--rankings 100]

Scores are drawn, since times hardly depend on them; fitted policies are fitted to one relevant passage of each.
"""

import argparse
import time
from collections.abc import Mapping

import numpy as np

from spaniel.retrieval.policies.adaptive_k import AdaptiveK
from spaniel.retrieval.policies.conformal import ConformalCut
from spaniel.retrieval.policies.cumulative import CumulativeProbability
from spaniel.retrieval.policies.cumulative_scores import CumulativeThreshold
from spaniel.retrieval.policies.fixed import FixedK
from spaniel.retrieval.policies.ordinal import OrdinalCutoff
from spaniel.retrieval.policies.percentile import Percentile
from spaniel.retrieval.policies.priced import PricedCut
from spaniel.retrieval.policies.relative import Elbow, RelativeThreshold
from spaniel.retrieval.policies.score_calibration import Calibration
from spaniel.retrieval.policies.threshold import Threshold
from spaniel.retrieval.policies.top_p import TopP
from spaniel.retrieval.protocols import CutoffPolicy
from spaniel.retrieval.types import Ranking

DEPTH = 100
ROUNDS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rankings", type=int, default=100)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    scores = np.sort(rng.exponential(1.0, (options.rankings, DEPTH)))[:, ::-1]
    rankings = [Ranking.of(np.arange(DEPTH), row) for row in scores]
    ranks = rng.geometric(0.1, len(rankings)).clip(1, 50).tolist()
    for name, policy in policies(rankings, ranks).items():
        print(f"{name:26} {microseconds(policy, rankings):5.1f} us")


def policies(rankings: list[Ranking], ranks: list[int | None]) -> Mapping[str, CutoffPolicy]:
    """One of each kind."""
    judgements = [{rank - 1: 1} for rank in ranks if rank]
    calibration = Calibration(1.0, -3.0, 0.5)
    priced = PricedCut.fit(rankings, judgements, mean_k=5)
    made: list[CutoffPolicy] = [
        FixedK(5),
        AdaptiveK(),
        RelativeThreshold(0.5),
        Elbow(),
        Percentile(90),
        TopP(0.9),
        Threshold(min_probability=0.1, calibration=calibration),
        CumulativeProbability(0.9, calibration),
        CumulativeThreshold.fit(rankings, ranks),
        OrdinalCutoff.fit(rankings, ranks),
        priced,
        ConformalCut.fit(rankings, judgements, alpha=0.2, window=50, priced=priced),
    ]
    return {each.name: each for each in made}


def microseconds(policy: CutoffPolicy, rankings: list[Ranking]) -> float:
    """The mean over rankings of the fastest round: what else the machine does only adds."""
    told = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for ranking in rankings:
            policy.cut("query", ranking)
        told.append((time.perf_counter() - start) / len(rankings) * 1e6)
    return min(told)


if __name__ == "__main__":
    main()

"""The oracle's calibration is measured on what the schedule of all pairs does."""

import numpy as np
import pytest

from benchmarks.rerank_candidates import DISCOUNT, Candidates
from benchmarks.rerank_methods import Method, played
from benchmarks.rerank_oracle import all_pairs, cells, measured
from spaniel.rerank.judges.oracle import Noise, calibrated

GRADES = np.tile([0.0, 1.0, 0.0, 2.0], 4)
IDEAL = float((np.sort(GRADES)[::-1][:10] * DISCOUNT).sum())
QUERIES = [Candidates(f"q{i}", tuple(f"d{j}" for j in range(16)), GRADES, IDEAL) for i in range(4)]
NOISE = calibrated("realistic", "nfcorpus")


def test_all_pairs_are_those_of_the_schedule() -> None:
    for seed, query in enumerate(QUERIES):
        outcome, _ = played(Method("", "allpair"), query, "realistic", "nfcorpus", seed=seed)
        assert all_pairs(query, NOISE, seed)[1] == query.ndcg(outcome.order)


def test_without_errors_nothing_flips_and_the_way_is_whole() -> None:
    found = measured(QUERIES, Noise(), seeds=[0])
    assert cells(Noise(), found) == ["0.000, 0.000, 0.000", "0.0 %", "1.000", "100 ± 0 %"]


def test_one_passage_makes_no_pair() -> None:
    found = measured([*QUERIES, QUERIES[0].first(1)], NOISE, seeds=[0, 1])
    assert np.isnan(found.flips).tolist() == [False] * 4 + [True]
    means = [np.mean([all_pairs(query, NOISE, seed)[0] for seed in (0, 1)]) for query in QUERIES]
    assert found.flips[:4].tolist() == pytest.approx(means)
    assert 0 < found.way < 1 and found.way_half > 0

"""From statistics to figures: what results.json says of a measure stays within what the measure can be."""

import numpy as np
import pytest

from spaniel.eval.measures import Scores
from spaniel.eval.scoring import comparison, measure_figure, measure_figures
from spaniel.eval.statistics import mean_interval, paired_difference


def test_intervals_end_where_the_measure_does() -> None:
    values = np.array([1.0, 0.95, 0.9, 0.5])
    reaching = mean_interval(values)
    assert reaching.high > 1.0, "the statistics know of no range"
    scores = Scores(("a", "b", "c", "d"), {"nDCG@10": values, "RR": 1.0 - values})
    figures = measure_figures(scores, confidence=0.95, seed=0)
    assert figures["nDCG@10"].high == 1.0 and figures["nDCG@10"].low == pytest.approx(reaching.low)
    assert figures["RR"].low == 0.0
    assert measure_figure(reaching, "NumRet").high == measure_figure(reaching, "of my own").high == reaching.high


def test_differences_end_at_one() -> None:
    paired = paired_difference(np.array([1.0, 0.9, 1.0, 1.0]), np.array([0.0, 0.0, 0.3, 0.0]))
    assert paired.high > 1.0
    assert comparison("a", "b", "AP", paired, 0.1, correction="holm", alpha=0.05).high == 1.0
    assert comparison("a", "b", "NumRet", paired, 0.1, correction="holm", alpha=0.05).high == paired.high


def test_what_nobody_knows_stays_unknown() -> None:
    figure = measure_figure(mean_interval([0.5]), "nDCG@10")
    assert (figure.low, figure.high) == (None, None)

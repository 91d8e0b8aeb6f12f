"""Sums of scores in units, and what has no unit."""

from collections.abc import Sequence

import numpy as np
import pytest
from contracts.retriever import RetrieverContract, Subject
from contracts.toy import WordCount
from numpy.typing import NDArray

from spaniel.retrieval.calibration import CalibratedSum, calibrated
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.fusion import weighted
from spaniel.retrieval.types import Query

TEXTS = ["red fish", "blue fish fish", "one red red fish", "two birds", "fish", "red red red", "blue bird", "fish fish"]
QUERIES = ["red fish", "fish", "blue", "bird red"]


class Measured(WordCount):
    """One that knows its unit: as many as the query has words."""

    floor = 0.0

    def units(self, queries: Sequence[Query]) -> NDArray[np.float64]:
        return np.array([len(query.text.split()) for query in queries], dtype=np.float64)


def two(**settings: float) -> tuple[Measured, Measured]:
    first, second = Measured(TEXTS, name="a"), Measured(TEXTS, name="b", weight=0.5, **settings)  # type: ignore[arg-type]
    second.passages = first.passages
    return first, second


class TestCalibrated(RetrieverContract):
    @pytest.fixture
    def subject(self) -> Subject:
        return Subject(calibrated(*two()), QUERIES, len(TEXTS))


def test_sums_are_of_scores_over_units() -> None:
    first, second = two()
    found = calibrated(first, second, weights=[0.25, 0.75]).search(QUERIES)
    for query, a, b, fused in zip(QUERIES, first.search(QUERIES), second.search(QUERIES), found, strict=True):
        n = len(query.split())
        assert fused == weighted([a, b], [0.25 / n, 0.75 / n], floors=[0.0, 0.0])


def test_what_does_not_fit_is_named() -> None:
    first, second = two()
    with pytest.raises(InvalidInput, match="words does not say"):
        calibrated(first, WordCount(TEXTS))
    for weights in ([1.0], [1.0, -1.0], [float("nan"), 1.0]):
        with pytest.raises(InvalidInput, match="weights"):
            CalibratedSum([first, second], weights)

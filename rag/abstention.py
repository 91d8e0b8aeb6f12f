"""From which confidence on to answer, so that at most a given share of the answers is wrong.

After Geifman and El-Yaniv, "Selective Classification for Deep Neural Networks" (NeurIPS 2017), algorithm 1: thresholds
are tried over the confidences of judged answers, each with an exact binomial bound (Clopper-Pearson) on the risk of
what it lets through, at `delta` divided by the number of thresholds tried. Theirs are found by bisection, which misses
small coverages where the half is too much; here they let through 5 %, 10 % and so on up to all. With probability
1 - delta over the draw of the judged answers, the true risk of answers above the threshold is at most the bound told.

That holds for questions drawn as the judged ones were, independently of each other: of another kind of question, or of
many about one document, it promises nothing.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from spaniel.eval.statistics.binary import clopper_pearson
from spaniel.retrieval.errors import InvalidInput

__all__ = ["RiskThreshold", "threshold_at_risk"]

_STEPS = 20


@dataclass(frozen=True, slots=True)
class RiskThreshold:
    """Where to abstain, and what that gave on the judged answers.

    Attributes:
        threshold: answers of at least this confidence are given; above 1 where no threshold keeps the promise.
        coverage: share of the judged questions that would be answered.
        risk: share of these that are wrong.
        bound: what the true risk lies below with probability 1 - delta.
        n: judged answers.
    """

    threshold: float
    coverage: float
    risk: float
    bound: float
    n: int


def threshold_at_risk(confidences: ArrayLike, wrong: ArrayLike, *, risk: float, delta: float = 0.05) -> RiskThreshold:
    """The threshold of most answers whose risk is bounded by `risk`, to give to a generator.

    Args:
        confidences: (n,), 0 to 1, of answers given with threshold 0.
        wrong: (n,), bool, whether each is wrong; an answer to a question that has none is.
        risk: share of wrong answers that is accepted, above 0 and below 1.
        delta: probability with which the promise may fail, above 0 and below 1.

    Raises:
        InvalidInput: other shapes or values, nothing at all.

    Cost: O(n log n).

    Example:
        >>> sure = [0.9] * 100 + [0.2] * 100
        >>> found = threshold_at_risk(sure, [False] * 100 + [True] * 100, risk=0.1)
        >>> found.threshold, found.coverage
        (0.9, 0.5)
    """
    order, losses = _checked(confidences, wrong, risk, delta)
    best = RiskThreshold(1.01, 0.0, 0.0, 0.0, len(order))
    for step in range(1, _STEPS + 1):
        threshold = order[math.ceil(len(order) * step / _STEPS) - 1]
        n = int(np.searchsorted(-order, -threshold, side="right"))  # equal confidences are let through together
        bound = clopper_pearson(losses[:n], confidence=1 - 2 * delta / _STEPS).high
        if bound <= risk:
            best = RiskThreshold(float(threshold), n / len(order), float(losses[:n].mean()), bound, len(order))
    return best


def _checked(
    confidences: ArrayLike, wrong: ArrayLike, risk: float, delta: float
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Confidences, greatest first, and the losses, 0 or 1, in that order."""
    sure, losses = np.asarray(confidences, np.float64), np.asarray(wrong)
    if sure.ndim != 1 or sure.shape != losses.shape or not len(sure):
        raise InvalidInput("threshold_at_risk", f"{sure.shape} confidences and {losses.shape} answers; both are (n,)")
    if not ((sure >= 0) & (sure <= 1)).all() or not np.isin(losses, (0, 1)).all():
        raise InvalidInput("threshold_at_risk", "confidences lie between 0 and 1, answers are wrong or not")
    for name, value in (("risk", risk), ("delta", delta)):
        if not 0 < value < 1:
            raise InvalidInput(name, f"is {value}; it must lie between 0 and 1")
    order = np.argsort(-sure, kind="stable")
    return sure[order], losses[order].astype(np.int64)

"""What abstaining buys: the risk-coverage curve and the area under it.

El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification" (JMLR 2010); the area as in Geifman,
Uziel and El-Yaniv (ICLR 2019). Answers are accepted from the most confident down; coverage is the share accepted, risk
the mean loss of those. Equal confidences cannot be told apart by a threshold, so they are accepted together: each of
the tied answers counts with the mean loss of its group, and the order of the input does not matter.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spaniel.retrieval.errors import InvalidInput

__all__ = ["RiskCoverage", "aurc", "excess_aurc", "risk_coverage"]


class RiskCoverage(NamedTuple):
    """The curve, one point for each threshold that accepts something else; all float64 (n_points,).

    `coverage` rises to 1; `risk` is the mean loss of what is accepted; `threshold` the least confidence accepted.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    threshold: NDArray[np.float64]


def risk_coverage(confidences: ArrayLike, losses: ArrayLike) -> RiskCoverage:
    """The curve.

    Args:
        confidences: (n,), finite, higher is surer.
        losses: (n,), finite, such as 1 - exact match or 1 - F1.

    Raises:
        InvalidInput: other shapes, nothing at all, values that are not finite.

    Example:
        >>> curve = risk_coverage([0.9, 0.5, 0.5, 0.1], [0, 1, 0, 1])
        >>> curve.coverage.tolist(), curve.risk.round(3).tolist()
        ([0.25, 0.75, 1.0], [0.0, 0.333, 0.5])
    """
    confidence, loss = _checked(confidences, losses)
    last = np.append(np.flatnonzero(confidence[1:] != confidence[:-1]), len(confidence) - 1)
    n_accepted = last + 1.0
    return RiskCoverage(n_accepted / len(loss), np.cumsum(loss)[last] / n_accepted, confidence[last])


def aurc(confidences: ArrayLike, losses: ArrayLike) -> float:
    """Area under the curve: the mean, over the answers accepted one by one, of the risk then; lower is better.

    Arguments and errors as in `risk_coverage`.

    Example:
        >>> aurc([0.9, 0.1], [0, 1]), aurc([0.1, 0.9], [0, 1])
        (0.25, 0.75)
    """
    confidence, loss = _checked(confidences, losses)
    groups = np.cumsum(np.append(True, confidence[1:] != confidence[:-1])) - 1
    shared = (np.bincount(groups, loss) / np.bincount(groups))[groups]
    return _mean_risk(shared)


def excess_aurc(confidences: ArrayLike, losses: ArrayLike) -> float:
    """AURC above that of the best confidences for these losses, those that order them; 0 is best."""
    _, loss = _checked(confidences, losses)
    return aurc(confidences, losses) - _mean_risk(np.sort(loss))


def _mean_risk(losses: NDArray[np.float64]) -> float:
    return float(np.mean(np.cumsum(losses) / np.arange(1, len(losses) + 1)))


def _checked(confidences: ArrayLike, losses: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both float64 (n,), most confident first."""
    confidence, loss = np.asarray(confidences, np.float64), np.asarray(losses, np.float64)
    if confidence.ndim != 1 or confidence.shape != loss.shape or not len(loss):
        raise InvalidInput(
            "risk_coverage", f"{confidence.shape} confidences and {loss.shape} losses; both must be (n,)"
        )
    if not (np.isfinite(confidence).all() and np.isfinite(loss).all()):
        raise InvalidInput("risk_coverage", "confidences and losses must be finite")
    order = np.argsort(-confidence, kind="stable")
    return confidence[order], loss[order]

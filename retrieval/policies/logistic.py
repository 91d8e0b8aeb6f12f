"""Logistic regression of fractions by Newton's method: what calibrations and priced cuts are fitted with."""

import numpy as np
from numpy.typing import NDArray

from .score_calibration import sigmoid

__all__ = ["logistic_weights"]

_ITERATIONS = 100


def logistic_weights(
    design: NDArray[np.float64], targets: NDArray[np.float64], *, ridge: float = 1e-9
) -> NDArray[np.float64]:
    """The weights of least cross entropy, float64 (d,).

    Args:
        design: float64 (n, d); a column of ones is the intercept. Columns of like spread, for the ridge's sake.
        targets: float64 (n,), 0 to 1; fractions are probabilities themselves.
        ridge: of each weight, the intercept's too: ridge / 2 times the sum of squares is added to the mean loss.

    Newton's method with halved steps (Lin, Weng and Keerthi, JMLR 9, 2008, have a faster one). Cost: a dozen passes of
    O(n d^2).
    """
    n, d = design.shape
    at = np.zeros(d)
    loss = _loss(design, targets, at, ridge)
    for _ in range(_ITERATIONS):
        p = sigmoid(design @ at)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + np.eye(d) * (ridge * n)
        step = np.linalg.solve(hessian, design.T @ (p - targets) + ridge * n * at)
        size = 1.0
        while (new := _loss(design, targets, at - size * step, ridge)) > loss and size > 1e-10:
            size /= 2
        if loss - new <= 1e-12 * max(1.0, loss):
            break
        at, loss = at - size * step, new
    return at


def _loss(design: NDArray[np.float64], targets: NDArray[np.float64], at: NDArray[np.float64], ridge: float) -> float:
    """Cross entropy, log(1 + exp(z)) - t z, which does not overflow, and the ridge."""
    logits = design @ at
    return float((np.logaddexp(0.0, logits) - targets * logits).sum() + ridge * len(design) / 2 * (at @ at))

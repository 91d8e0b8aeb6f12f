"""When to keep silent: the risk-coverage curve of a run of answers, its area, and how sure that is.

An answer's loss is 1 - F1; to answer what has no answer costs 1, and so does an abstention that is accepted, since it
says nothing. Answers are accepted from the most confident down (`measures/abstention.py`). A generator that gives no
confidence has two: it answers, or it abstains.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.measures.abstention import aurc, excess_aurc, risk_coverage
from spaniel.eval.results_format import AbstentionFigures
from spaniel.retrieval.types import Answer

__all__ = ["abstention_figures", "confidence_of"]

_RESAMPLES, _POINTS = 1000, 50


def confidence_of(answer: Answer) -> float:
    """What the generator says, else 1 for an answer and 0 for none."""
    return float(not answer.abstained) if answer.confidence is None else float(answer.confidence)


def abstention_figures(
    answers: Sequence[Answer], f1: NDArray[np.float64], *, silence: float = 0.0, confidence: float, seed: int
) -> AbstentionFigures:
    """The figures of one run.

    Args:
        f1: float64 (n,), of each answer.
        silence: mean F1 of never answering: the share of questions without an answer.
        confidence: of the interval, a percentile bootstrap over questions.
    """
    sure = np.array([confidence_of(each) for each in answers])
    silent = np.array([each.abstained for each in answers])
    loss = np.where(silent, 1.0, 1.0 - f1)
    rng = np.random.default_rng(seed)
    drawn = [aurc(sure[rows], loss[rows]) for rows in rng.integers(0, len(loss), size=(_RESAMPLES, len(loss)))]
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2]).tolist()
    curve = risk_coverage(sure, loss)
    shown = np.unique(np.linspace(0, len(curve.risk) - 1, _POINTS).round().astype(int))
    said = ~silent
    return AbstentionFigures(
        n=len(loss),
        answered=int(said.sum()),
        risk=float(loss[said].mean()) if said.any() else None,
        aurc=aurc(sure, loss),
        low=float(low),
        high=float(high),
        excess=excess_aurc(sure, loss),
        random=float(loss.mean()),
        silence=silence,
        curve=[(float(curve.coverage[place]), float(curve.risk[place])) for place in shown],
    )

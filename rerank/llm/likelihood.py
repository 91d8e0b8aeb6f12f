"""What a model thinks of labels, read from the log-probabilities of the first token that is one.

Scoring mode of pairwise ranking prompting (Qin et al., arXiv 2306.17563, sec. 3.2), setwise ranking by likelihood
(Zhuang et al., SIGIR 2024) and FIRST (Reddy et al., EMNLP 2024): nothing is parsed, one token is written, and the
answer has degrees. Servers tell the likeliest 20 tokens at most; a label that is not among them has less than the least
of them, and is given that.

A model may write "Passage" or a line end before the label, so the token looked at is the one where labels have most
probability together; where that is nowhere `MIN_MASS`, the model was not answering with a label.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .prompts import LETTERS

__all__ = ["MIN_MASS", "TOP_LOGPROBS", "label_logprobs", "likeliest_first", "preference"]

MIN_MASS = 0.01
TOP_LOGPROBS = 20
_AROUND = " \t\r\n\u2581\u0120\u010a[](){}\"'*`.:,>"


def label_logprobs(top_logprobs: Sequence[Mapping[str, float]], n: int) -> NDArray[np.float64] | None:
    """float64 (n,): natural log-probability of each of the labels A, B, ...; None when none of them was likely.

    Tokens that differ in white space and brackets only (" A", "[A") are one label and add up.

    Example:
        >>> logprobs = label_logprobs([{"A": -0.1, " B": -2.4, "The": -6.0}], 3)
        >>> logprobs.tolist()
        [-0.1, -2.4, -6.0]
    """
    best: NDArray[np.float64] | None = None
    best_mass = MIN_MASS
    for tokens in top_logprobs:
        values, mass = _at(tokens, n)
        if mass > best_mass:
            best, best_mass = values, mass
    return best


def preference(logprobs: NDArray[np.float64]) -> float:
    """The probability of the first of two labels, given that it is one of them.

    Example:
        >>> preference(np.log([0.6, 0.2]))
        0.75
    """
    difference = float(logprobs[1] - logprobs[0])
    return round(1.0 / (1.0 + math.exp(min(difference, 700.0))), 12)


def likeliest_first(logprobs: NDArray[np.float64]) -> tuple[int, ...]:
    """Places by descending log-probability, ties in the order shown."""
    return tuple(np.argsort(-logprobs, kind="stable").tolist())


def _at(tokens: Mapping[str, float], n: int) -> tuple[NDArray[np.float64], float]:
    """Log-probabilities of the labels at one token, and their probability together as far as it was told."""
    known = {token: min(float(logprob), 0.0) for token, logprob in tokens.items() if logprob == logprob}
    values = np.full(n, -np.inf)
    for token, logprob in known.items():
        place = LETTERS.find(label) if len(label := token.strip(_AROUND)) == 1 else -1
        if 0 <= place < n:
            values[place] = np.logaddexp(values[place], logprob)
    told = values > -np.inf
    mass = float(np.exp(values[told]).sum())
    if told.any():
        least = max(min(known.values()), -1e4)
        values = np.maximum(values, np.where(told, -1e4, least))
    return values, mass

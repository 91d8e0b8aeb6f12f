"""What speaks for an answer as a whole: the signs from which its confidence is computed."""

import numpy as np
from numpy.typing import NDArray

from .features import FEATURES, Asked
from .sentences import Sentence

__all__ = ["SIGNS", "signs_of"]

SIGNS = ("logit", "margin", "overlap", "missing", "cosine", "share", "kind")
"""Names of the signs:

logit: of the best sentence, divided by 4.
margin: by how much that is above the best one of another sentence, divided by 4.
overlap, cosine, kind: the best sentence's own features.
missing: weight of the heaviest term of the question that its excerpt and title do not hold; 0 if they hold all.
share: how much of the excerpts' best sentences' probability the best one has: 1 where no other excerpt competes.
"""

_OVERLAP, _COSINE, _KIND = (FEATURES.index(name) for name in ("overlap", "cosine", "kind"))


def signs_of(
    asked: Asked,
    best: int,
    logits: NDArray[np.float64],
    features: NDArray[np.float64],
    sentences: list[Sentence],
    around: frozenset[str],
) -> NDArray[np.float64]:
    """float64 (n_signs,) of the best sentence, in the order of `SIGNS`.

    Args:
        best: its place.
        logits: (n_sentences,) of all.
        around: the terms of its excerpt and title.
    """
    others = np.delete(logits, best)
    second = float(others.max()) if len(others) else min(float(logits[best]), 0.0) - 4.0
    missing = max((weight for term, weight in asked.weights.items() if term not in around), default=0.0)
    home = sentences[best].excerpt
    rivals = np.array([logit for logit, each in zip(logits, sentences, strict=True) if each.excerpt != home])
    share = 1.0 / (1.0 + float(np.exp(rivals - logits[best]).max(initial=0.0)))
    row = features[best]
    margin = float(logits[best]) - second
    return np.array([logits[best] / 4, margin / 4, row[_OVERLAP], missing, row[_COSINE], share, row[_KIND]])

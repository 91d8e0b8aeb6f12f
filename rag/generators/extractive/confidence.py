"""What speaks for an answer as a whole: the signs from which its confidence is computed."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spaniel.index.analysis import Analyzer
from spaniel.retrieval.policies.features.words import entities
from spaniel.retrieval.prompt import Excerpt

from .features import FEATURES, Asked
from .sentences import Sentence

__all__ = ["SIGNS", "signs_of"]

SIGNS = ("overlap", "cosine", "share", "margin", "numbers", "names", "n_names", "n_terms", "span")
"""Names of the signs:

overlap, cosine: features of the best sentence.
share: 1 / (1 + odds of the best sentence of another excerpt against this one); 1 where there is no other.
margin: by how much the best sentence's logit lies above the next one's, divided by 4, at most 2.
numbers: 1 where the question has a number that the excerpt has not.
names: the greatest share of a name in the question that the excerpt has not.
n_names, n_terms: names of the question as a share of 3, its terms as a share of 10, at most 1.
span: probability of the short answer among its rivals in the sentence; 0 where none is asked for.

Left out: how much of the question the whole excerpt holds. Questions without an answer in SQuAD 2.0 were written from
the words of their paragraph, so a fit takes it for a sign against an answer, which elsewhere it is not.
"""

_OVERLAP, _COSINE = FEATURES.index("overlap"), FEATURES.index("cosine")
_NUMBER = re.compile(r"\d(?:[\d,.]*\d)?")


def signs_of(
    asked: Asked,
    best: int,
    logits: NDArray[np.float64],
    features: NDArray[np.float64],
    sentences: Sequence[Sentence],
    home: Excerpt,
    analyzer: Analyzer,
) -> NDArray[np.float64]:
    """float64 (n_signs,) of the best sentence, in the order of `SIGNS`; span is left 0.

    Args:
        best: its place.
        logits: (n_sentences,) of all.
        home: its excerpt.
    """
    held = frozenset(analyzer.tokens(home.passage.title)).union(
        *(each.terms for each in sentences if each.excerpt == sentences[best].excerpt)
    )
    text = f"{home.passage.title} {home.text}"
    names = [analyzer.tokens(name) for name in entities(asked.text)]
    shares = [sum(term not in held for term in name) / len(name) for name in names if name]
    others = np.delete(logits, best)
    rivals = [logit for logit, each in zip(logits, sentences, strict=True) if each.excerpt != sentences[best].excerpt]
    odds = float(np.exp(max(rivals) - logits[best])) if rivals else 0.0
    return np.array(
        [
            features[best, _OVERLAP],
            features[best, _COSINE],
            1.0 / (1.0 + odds),
            min((float(logits[best]) - float(others.max())) / 4, 2.0) if len(others) else 2.0,
            float(any(number not in text for number in _NUMBER.findall(asked.text))),
            max(shares, default=0.0),
            min(len(names) / 3, 1.0),
            min(len(asked.weights) / 10, 1.0),
            0.0,
        ]
    )

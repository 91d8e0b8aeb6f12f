"""What speaks for an answer as a whole: the signs from which its confidence is computed."""

import re

import numpy as np
from numpy.typing import NDArray

from spaniel.index.analysis import Analyzer
from spaniel.retrieval.policies.features.words import entities
from spaniel.retrieval.prompt import Excerpt

from .features import FEATURES, Asked
from .sentences import Sentence

__all__ = ["SIGNS", "signs_of"]

SIGNS = ("overlap", "matched", "bigrams", "cosine", "kind", "numbers", "names", "span")
"""Names of the signs:

overlap, bigrams, cosine, kind: features of the best sentence.
matched: weight of the question's words that the best sentence holds, not as a share: 1 from one and a half rare words
    on. Of a question of one common word all is matched, and that is little. Words weigh by how rare they are in the
    language, not in the index: what a collection is about is common in it, and says most about what is asked.
numbers: 1 where the question has a number that the excerpt has not.
names: the greatest share of a name in the question that the excerpt has not.
span: probability of the short answer among its rivals in the sentence; 0 where none is asked for.

Left out, because they mean something in SQuAD that they do not mean elsewhere: the number of terms (few words are no
sign that nothing answers), the odds against other excerpts (in a folder on one subject several answer), and how much of
the question the whole excerpt holds (SQuAD's questions without an answer were written from the words of their
paragraph). On SQuAD itself they move the area under the risk-coverage curve by up to .02, up or down. Whether the
rarest word is missing, and the weight of the heaviest one that is, add nothing to these.
"""

_ENOUGH_WEIGHT = 1.5
_OF_SENTENCE = [FEATURES.index(name) for name in ("overlap", "bigrams", "cosine", "kind")]
_NUMBER = re.compile(r"\d(?:[\d,.]*\d)?")


def signs_of(
    asked: Asked,
    features: NDArray[np.float64],
    best: Sentence,
    terms: frozenset[str],
    home: Excerpt,
    analyzer: Analyzer,
) -> NDArray[np.float64]:
    """float64 (n_signs,) of the best sentence, in the order of `SIGNS`; span is left 0.

    Args:
        features: float64 (n_features,) of it.
        best: the sentence.
        terms: of its excerpt, title included.
        home: its excerpt.
    """
    text = f"{home.passage.title} {home.text}"
    names = [analyzer.tokens(name) for name in entities(asked.text)]
    missing = [sum(term not in terms for term in name) / len(name) for name in names if name]
    unseen = any(number not in text for number in _NUMBER.findall(asked.text))
    overlap, *others = features[_OF_SENTENCE]
    matched = sum(weight for term, weight in asked.in_language.items() if term in best.terms)
    return np.array(
        [overlap, min(matched / _ENOUGH_WEIGHT, 1.0), *others, float(unseen), max(missing, default=0.0), 0.0]
    )

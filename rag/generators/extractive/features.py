"""What speaks for each sentence, as numbers between 0 and about 1.

The words are weighed by rarity (`frequencies.py`). Matching terms and bigrams are those features of SQuAD's linear
model that need no parser (Rajpurkar et al., EMNLP 2016, sec. 5); the encoder's cosine, the passage's own score and the
kind of answer stand beside them. The length of a sentence and the rank of its passage were tried and added nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.prompt import Excerpt

from .frequencies import Rarity
from .layout import Form
from .questions import Kind, spans_of_kind
from .sentences import Sentence

__all__ = ["FEATURES", "Asked", "features_of"]

FEATURES = ("overlap", "context", "bigrams", "cosine", "share", "kind", "form")
"""Names of the columns:

overlap: share of the question's weight in terms that the sentence holds.
context: the same, of what stands in its excerpt or the title and not in the sentence.
bigrams: share of the question's neighbouring terms that are neighbours in the sentence.
cosine: of question and sentence, by the encoder; 0 without one.
share: its excerpt's score as a share of the best one's; 1 where scores are not above 0.
kind: 1 where something in it that the question does not hold is of the kind asked for; 0.5 where no kind is asked for.
form: how little it is a sentence: 0 for one, 1 for code, a heading or a line that only leads in to something.
"""
_FORMS: Mapping[Form, float] = {"led": 0.0, "table": 0.2, "row": 0.3, "lead": 1.0, "code": 1.0, "heading": 1.0}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, taken apart.

    Attributes:
        text: as it was asked.
        terms: in order, those that weigh something.
        weights: of each different term, by how rare it is where the answer is looked for.
        kind: of answer that it wants.
        in_language: weights of the same terms, by how rare they are in the language at large, where that is known.
    """

    text: str
    terms: tuple[str, ...]
    weights: dict[str, float]
    kind: Kind
    in_language: dict[str, float]

    @classmethod
    def of(
        cls, text: str, terms: Sequence[str], rarity: Rarity, kind: Kind, *, in_language: Rarity | None = None
    ) -> "Asked":
        """Terms that weigh nothing are left out; where none weighs anything, all weigh the same."""
        weights = {term: weight for term in dict.fromkeys(terms) if (weight := rarity(term)) > 0}
        weights = weights or dict.fromkeys(terms, 1.0)
        known = weights if in_language is None else {term: in_language(term) for term in weights}
        return cls(text, tuple(term for term in terms if term in weights), weights, kind, known)

    def covered(self, terms: frozenset[str]) -> float:
        """Share of its weight in these terms, 0 to 1; 0 for a question without terms."""
        total = sum(self.weights.values())
        return sum(weight for term, weight in self.weights.items() if term in terms) / total if total else 0.0


def features_of(
    asked: Asked, sentences: Sequence[Sentence], excerpts: Sequence[Excerpt], titles: Sequence[frozenset[str]]
) -> NDArray[np.float64]:
    """float64 (n_sentences, n_features), columns in the order of `FEATURES`; cosine is left 0.

    Args:
        titles: the terms of each excerpt's title.

    Cost: O(characters of the sentences), about 15 us each.
    """
    told = np.zeros((len(sentences), len(FEATURES)))
    if not sentences:
        return told
    best = max(excerpt.score for excerpt in excerpts)
    shares = [max(excerpt.score, 0.0) / best if best > 0 else 1.0 for excerpt in excerpts]
    held = [frozenset(sentence.terms) for sentence in sentences]
    around = [set(title) for title in titles]
    for sentence, terms in zip(sentences, held, strict=True):
        around[sentence.excerpt] |= terms
    wholes = [asked.covered(frozenset(terms)) for terms in around]
    pairs = frozenset(zip(asked.terms, asked.terms[1:], strict=False))
    question_words = frozenset(asked.text.lower().split())
    for row, (sentence, terms) in enumerate(zip(sentences, held, strict=True)):
        overlap, place = asked.covered(terms), sentence.excerpt
        told[row] = (
            overlap,
            wholes[place] - overlap,
            len(pairs.intersection(zip(sentence.terms, sentence.terms[1:], strict=False))) / max(len(pairs), 1),
            0.0,
            shares[place],
            _has_kind(sentence.text, asked.kind, question_words),
            _FORMS.get(sentence.form, 0.0),
        )
    return told


def _has_kind(text: str, kind: Kind, question_words: frozenset[str]) -> float:
    if not kind:
        return 0.5
    found = (text[start:end].lower() for start, end in spans_of_kind(text, kind))
    return float(any(not question_words.issuperset(span.split()) for span in found))

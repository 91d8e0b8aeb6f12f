"""What a prompt's sentences are worth for its question: features, probabilities and the confidence of the best."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spaniel.index.analysis import Analyzer
from spaniel.retrieval.policies.score_calibration import sigmoid
from spaniel.retrieval.prompt import Prompt
from spaniel.retrieval.protocols import Encoder

from .choice import of_length_1
from .confidence import SIGNS, signs_of
from .features import FEATURES, Asked, features_of
from .frequencies import Rarity, rarity_among
from .questions import kind_of
from .sentences import Sentence, sentences_of
from .settings import Weights

__all__ = ["Reader", "Reading"]

_ENCODED = 64  # sentences of a prompt that the encoder reads: the best by words
_COSINE = FEATURES.index("cosine")


@dataclass(frozen=True, slots=True)
class Reading:
    """A prompt, read. Arrays have one row a sentence.

    Attributes:
        asked: the question.
        sentences: in the order in which they are shown; with an encoder only those that it read.
        features: float64 (n, n_features).
        probabilities: float64 (n,), that each holds the answer.
        vectors: float32 (n, d) of length 1; None without an encoder.
        best: place of the most probable sentence, the earlier of equals.
        signs: float64 (n_signs,) of it.
        confidence: that it is right, 0 to 1.
    """

    asked: Asked
    sentences: list[Sentence]
    features: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    vectors: NDArray[np.float32] | None
    best: int
    signs: NDArray[np.float64]
    confidence: float


class Reader:
    """Reads prompts with one analyser, one rarity, one encoder and one set of weights; arguments as in `Extractive`."""

    def __init__(self, analyzer: Analyzer, rarity: Rarity | None, encoder: Encoder | None, weights: Weights) -> None:
        self.analyzer, self.rarity, self.encoder, self.weights = analyzer, rarity, encoder, weights
        self._sentence = np.array([weights.sentence.get(name, 0.0) for name in FEATURES])
        self._answer = np.array([weights.answer.get(name, 0.0) for name in SIGNS])

    def read(self, prompt: Prompt) -> Reading | str:
        """The reading, or in words why there is nothing to read.

        Raises:
            ModelError: the encoder fails.
        """
        terms = self.analyzer.tokens(prompt.question)
        if not terms:
            return "the question has no word to look for"
        sentences = sentences_of(prompt, self.analyzer)
        if not sentences:
            return "nothing was found to answer from"
        rarity = self.rarity or rarity_among(sentences)
        asked = Asked.of(prompt.question, terms, rarity, kind_of(prompt.question))
        titles = [frozenset(self.analyzer.tokens(excerpt.passage.title)) for excerpt in prompt.excerpts]
        features = features_of(asked, sentences, prompt.excerpts, titles)
        vectors = None
        if self.encoder is not None:
            kept = np.sort(np.argsort(-(features @ self._sentence), kind="stable")[:_ENCODED])
            sentences, features = [sentences[place] for place in kept], features[kept]
            vectors, features[:, _COSINE] = self._encoded(self.encoder, prompt.question, sentences)
        return self._judged(asked, sentences, features, vectors, titles)

    def _encoded(
        self, encoder: Encoder, question: str, sentences: list[Sentence]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Vectors of the sentences, and their cosines with the question."""
        asked = of_length_1(encoder.encode([question], kind="query"))
        vectors = of_length_1(encoder.encode([sentence.text for sentence in sentences], kind="passage"))
        return vectors, vectors @ asked[0]

    def _judged(
        self,
        asked: Asked,
        sentences: list[Sentence],
        features: NDArray[np.float64],
        vectors: NDArray[np.float32] | None,
        titles: list[frozenset[str]],
    ) -> Reading:
        logits = features @ self._sentence + self.weights.sentence_bias
        best = int(np.argmax(logits))
        home = sentences[best].excerpt
        around = titles[home].union(*(each.terms for each in sentences if each.excerpt == home))
        signs = signs_of(asked, best, logits, features, sentences, around)
        sure = float(sigmoid(np.array([signs @ self._answer + self.weights.answer_bias]))[0])
        return Reading(asked, sentences, features, sigmoid(logits), vectors, best, signs, sure)

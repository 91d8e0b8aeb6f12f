"""What a prompt's sentences are worth for its question: features, probabilities and the confidence of the best."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spaniel.index.analysis import Analyzer
from spaniel.retrieval.policies.features.rarity import Frequencies
from spaniel.retrieval.policies.score_calibration import sigmoid
from spaniel.retrieval.prompt import Prompt
from spaniel.retrieval.protocols import Encoder

from .choice import of_length_1
from .confidence import SIGNS, signs_of
from .features import FEATURES, Asked, features_of
from .frequencies import Rarity, english_rarity, rarity_among, rarity_in
from .questions import asks, kind_of, said_words
from .sentences import Sentence, sentences_of
from .settings import Weights
from .spans import best_span
from .vectors import SentenceVectors

__all__ = ["Reader", "Reading"]

_COSINE, _SPAN = FEATURES.index("cosine"), SIGNS.index("span")


@dataclass(frozen=True, slots=True)
class Reading:
    """A prompt, read. Arrays have one row a sentence.

    Attributes:
        asked: the question.
        sentences: in the order in which they are shown; with an encoder only those that it read.
        features: float64 (n, n_features).
        probabilities: float64 (n,), that each is the sentence with the answer, if one of them is; their sum is 1.
        vectors: float32 (n, d) of length 1; None without an encoder.
        n_encoded: texts that were encoded for it, the question among them.
        best: place of the most probable sentence, the earlier of equals.
        span: (start, end) in the best sentence's text: the short answer, or all of it where none is asked for.
        signs: float64 (n_signs,) of it.
        confidence: that it is right, 0 to 1.
    """

    asked: Asked
    sentences: list[Sentence]
    features: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    vectors: NDArray[np.float32] | None
    n_encoded: int
    best: int
    span: tuple[int, int]
    signs: NDArray[np.float64]
    confidence: float


class Reader:
    """Reads prompts with one analyser, one encoder and one set of weights; arguments as in `Extractive`.

    Args:
        n_encoded: sentences of a prompt that the encoder reads, the best by words.
        spans: whether to look for short answers.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        weights: Weights,
        *,
        encoder: Encoder | None = None,
        frequencies: Frequencies | None = None,
        n_encoded: int = 8,
        spans: bool = False,
    ) -> None:
        self.analyzer, self.weights = analyzer, weights
        self._is_english = analyzer.spec.name == "english"
        self._vectors = None if encoder is None else SentenceVectors(encoder)
        self.frequencies, self.n_encoded, self.spans = frequencies, n_encoded, spans
        self._sentence = np.array([weights.sentence.get(name, 0.0) for name in FEATURES])
        self._answer = np.array([weights.answer.get(name, 0.0) for name in SIGNS])

    def read(self, prompt: Prompt) -> Reading | str:
        """The reading, or in words why there is nothing to read.

        Raises:
            ModelError: the encoder fails.
        """
        terms = self.analyzer.tokens(said_words(prompt.question)) or self.analyzer.tokens(prompt.question)
        if not terms:
            return "the question has no word to look for"
        sentences = [each for each in sentences_of(prompt, self.analyzer) if not asks(prompt.question, each.shown)]
        if not sentences:
            return "nothing was found to answer from"
        rarity, language = self._rarity(prompt.question, sentences), english_rarity() if self._is_english else None
        asked = Asked.of(prompt.question, terms, rarity, kind_of(prompt.question), in_language=language)
        titles = [frozenset(self.analyzer.tokens(excerpt.passage.title)) for excerpt in prompt.excerpts]
        features = features_of(asked, sentences, prompt.excerpts, titles)
        vectors, n_encoded = None, 0
        if self._vectors is not None:
            kept = np.sort(np.argsort(-(features @ self._sentence), kind="stable")[: self.n_encoded])
            sentences, features = [sentences[place] for place in kept], features[kept]
            question = of_length_1(self._vectors.encoder.encode([prompt.question], kind="query"))[0]
            vectors, n_fresh = self._vectors.of([sentence.shown for sentence in sentences])
            n_encoded, features[:, _COSINE] = n_fresh + 1, vectors @ question
        return self._judged(prompt, asked, sentences, features, vectors, n_encoded)

    def _rarity(self, question: str, sentences: list[Sentence]) -> Rarity:
        if self.frequencies is not None:
            return rarity_in(self.frequencies, question)
        return english_rarity() if self._is_english else rarity_among(sentences)

    def _judged(
        self,
        prompt: Prompt,
        asked: Asked,
        sentences: list[Sentence],
        features: NDArray[np.float64],
        vectors: NDArray[np.float32] | None,
        n_encoded: int,
    ) -> Reading:
        logits = features @ self._sentence
        best = int(np.argmax(logits))
        home = prompt.excerpts[sentences[best].excerpt]
        held = frozenset(self.analyzer.tokens(home.passage.title)).union(
            *(each.terms for each in sentences if each.excerpt == sentences[best].excerpt)
        )
        signs = signs_of(asked, features[best], sentences[best], held, home, self.analyzer)
        span = (0, len(sentences[best].text))
        if self.spans:
            start, end, signs[_SPAN] = best_span(sentences[best].text, asked, self.analyzer)
            span = (start, end)
        sure = float(sigmoid(np.array([signs @ self._answer + self.weights.answer_bias]))[0])
        odds = np.exp(logits - logits[best])
        probabilities = odds / odds.sum()
        return Reading(asked, sentences, features, probabilities, vectors, n_encoded, best, span, signs, sure)

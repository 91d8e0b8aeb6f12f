"""The embedded generator: the sentences of the sources that answer best, word for word, or an abstention.

Each sentence gets a probability that it holds the answer (`features.py`: words it shares with the question, weighed by
rarity; the encoder's cosine where there is one; its passage's score; whether it shows the kind of answer asked for).
The most probable are taken by maximal marginal relevance and given in the order of the sources, each with the number of
its excerpt, so that every sentence is a span of a stored document. How sure the best one is (`confidence.py`) decides
whether there is an answer at all.

Left out on purpose: writing anything. It cannot combine, compare, count or negate; a language model can.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from spaniel.index.analysis import Analyzer, AnalyzerSpec
from spaniel.models.counting import TokenCounter, estimated
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.features.rarity import Frequencies
from spaniel.retrieval.prompt import Finish, Piece, Prompt
from spaniel.retrieval.protocols import Encoder

from .choice import best_sentences
from .layout import plain
from .reading import Reader, Reading
from .sentences import Sentence
from .settings import Weights, shipped

__all__ = ["Extractive"]

_ENCODED = 8  # more change nothing: docs/extractive.md
_STOP = re.compile(r"[.!?…。！？।؟][\"'”’»)]*\Z")


class Extractive:
    """Answers with sentences of the excerpts; a `Generator`. Safe to call from several threads.

    Args:
        encoder: tells which sentences mean what the question means; without one, words alone do, which is faster.
        answer: whole sentences; or "span", the words of the best one that answer (a name, a date, a number, a phrase);
            what is quoted is the sentence.
        max_sentences: of one answer.
        weights: of features and signs; by default those that come with the package, fitted on English questions.
        diversity: weight of being unlike the sentences taken already, 0 to 1.
        share: of the best sentence's probability that a further one needs to have, 0 to 1.
        threshold: confidence below which it abstains; 0 never; by default the weights' own.
        frequencies: of the index, for what weight a word has; by default a table of English, for any other analyser
            what the excerpts hold.
        analyzer: of terms; that of the index, when it is not English.
        count: counts the tokens that `Prompt.max_tokens` limits.

    Raises:
        InvalidInput: a value out of range, an unknown analyser.

    Example:
        >>> from spaniel.retrieval.prompt import Excerpt, Prompt
        >>> from spaniel.retrieval.types import Passage
        >>> text = "Keys expire after a year. Rotate a key with the command rotate."
        >>> prompt = Prompt("how do I rotate a key?", (Excerpt.whole(Passage("a", "a", 0, len(text), text)),))
        >>> "".join(piece.marked for piece in Extractive(max_sentences=1).generate(prompt))
        'Rotate a key with the command rotate. [1]'
    """

    name = "extractive"

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        answer: Literal["sentences", "span"] = "sentences",
        max_sentences: int = 3,
        weights: Weights | None = None,
        diversity: float = 0.3,
        share: float = 0.5,
        threshold: float | None = None,
        frequencies: Frequencies | None = None,
        analyzer: AnalyzerSpec | str = "english",
        count: TokenCounter = estimated,
    ) -> None:
        if max_sentences < 1:
            raise InvalidInput("max_sentences", f"is {max_sentences}; it must be at least 1")
        for name, value in (("diversity", diversity), ("share", share), ("threshold", threshold)):
            if value is not None and not 0 <= value <= 1:
                raise InvalidInput(name, f"is {value}; it must lie between 0 and 1")
        self.max_sentences, self.diversity, self.share, self.count = max_sentences, diversity, share, count
        if answer not in ("sentences", "span"):
            raise InvalidInput("answer", f"is {answer!r}; it must be sentences or span")
        self.answer, spans = answer, answer == "span"
        weights = weights or shipped(encoder=encoder is not None, spans=spans)
        self.threshold = weights.threshold if threshold is None else threshold
        self.reader = Reader(
            Analyzer(analyzer),
            weights,
            encoder=encoder,
            frequencies=frequencies,
            n_encoded=max(_ENCODED, 2 * max_sentences),
            spans=spans,
        )

    def generate(self, prompt: Prompt) -> Iterator[Piece]:
        """The sentences, one piece each, or an abstention with its reason; see `Generator`.

        An answer that does not fit into `Prompt.max_tokens` loses its least probable sentences; the best one alone is
        cut after a word, and then the answer ends by "length".

        Raises:
            ModelError: the encoder fails.

        Cost: about 25 us for each sentence of the excerpts, and the encoder's time for the question and 8 of them.
        """
        reading = self.reader.read(prompt)
        if isinstance(reading, str):
            yield Piece(finish="abstain", usage=_usage(None, 0), confidence=0.0, reason=reading)
        elif reading.confidence < self.threshold:
            reason = f"no sentence answers it: {_below(reading.confidence, self.threshold)}"
            yield Piece(finish="abstain", usage=_usage(reading, 0), confidence=reading.confidence, reason=reason)
        else:
            yield from self._written(reading, prompt.max_tokens)

    def chosen(self, reading: Reading) -> list[Sentence]:
        """What an answer would be made of, best first: sentences, or the one short answer."""
        if self.answer == "span":
            best, (start, end) = reading.sentences[reading.best], reading.span
            return [replace(best, start=best.start + start, end=best.start + end, text=best.text[start:end])]
        places = best_sentences(
            reading.probabilities,
            reading.vectors,
            reading.sentences,
            reading.asked,
            most=self.max_sentences,
            diversity=self.diversity,
            share=self.share,
        )
        return [reading.sentences[place] for place in places]

    def _written(self, reading: Reading, max_tokens: int) -> Iterator[Piece]:
        said, finish = self._fitting(reading, max_tokens)
        usage = _usage(reading, sum(self.count(each.marked) for each in said))
        for i, each in enumerate(said):
            yield each if i == 0 else replace(each, text=f"{_between(said[i - 1].text, each.text)}{each.text}")
        yield Piece(finish=finish, usage=usage, confidence=reading.confidence)

    def _fitting(self, reading: Reading, max_tokens: int) -> tuple[list[Piece], Finish]:
        """Sentences that fit into `max_tokens` together with their numbers, in source order."""
        best_first = self.chosen(reading)
        best, left, kept = best_first[0], max_tokens, list[Sentence]()
        if self.answer == "span":
            # What is cited is the sentence: a number alone stands in many places.
            short = _said(reading.sentences[reading.best], best.text)
            return ([short], "stop") if self.count(short.marked) <= max_tokens else ([], "length")
        for sentence in best_first:
            if (tokens := self.count(f" {_said(sentence).marked}")) <= left:
                kept.append(sentence)
                left -= tokens
            elif sentence is best:
                return self._cut(best, max_tokens), "length"
        return [_said(each) for each in sorted(kept, key=lambda each: (each.excerpt, each.start))], "stop"

    def _cut(self, sentence: Sentence, max_tokens: int) -> list[Piece]:
        """About as many of the sentence's first words as fit; nothing where not one does."""
        words = sentence.text.split(" ")
        while words:
            text = " ".join(words)
            cut = _said(replace(sentence, end=sentence.start + len(text), shown=plain(text), head=None))
            if text and self.count(f" {cut.marked}") <= max_tokens:
                return [cut]
            words = words[: len(words) * 3 // 4]
        return []


def _said(sentence: Sentence, text: str | None = None) -> Piece:
    """The sentence as it is shown, or a text that stands in it, with where it stands."""
    return Piece(sentence.shown if text is None else text, quoted=sentence.quoted)


def _below(confidence: float, threshold: float) -> str:
    """That the one is below the other, with as many digits as show it."""
    digits = next((n for n in (2, 3, 4) if f"{confidence:.{n}f}" != f"{threshold:.{n}f}"), 6)
    return f"confidence {confidence:.{digits}f} is below {threshold:.{digits}f}"


def _between(before: str, after: str) -> str:
    """What parts a sentence from the one before it: a line's end where that has no stop, or one of them has lines."""
    return " " if _STOP.search(before) and "\n" not in before + after else "\n"


def _usage(reading: Reading | None, answer_tokens: int) -> dict[str, int]:
    n_sentences, n_encoded = (0, 0) if reading is None else (len(reading.sentences), reading.n_encoded)
    return {"sentences": n_sentences, "encoded_texts": n_encoded, "answer_tokens": answer_tokens}

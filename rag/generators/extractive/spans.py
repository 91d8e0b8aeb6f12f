"""The few words of a sentence that answer a question: a name, a date, a number, a phrase.

Every run of at most 8 words that neither begins nor ends with a function word is a candidate; a linear model per kind
of question ranks them, after the logistic regression of Rajpurkar et al. (EMNLP 2016, sec. 5), with the features that
need no parser: length, capitals and digits, words of the question inside, beside and around it, the words before and
after it, whether it is all of a date or name (`questions.py`).
"""

import itertools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.index.analysis import Analyzer
from spaniel.retrieval.policies.features.words import FUNCTION

from .features import Asked
from .questions import KINDS, spans_of_kind

__all__ = ["MAX_WORDS", "SPAN_FEATURES", "best_span", "candidate_spans", "span_features"]

MAX_WORDS = 8
_MAX_SENTENCE_WORDS = 300

_TOKEN = re.compile(r"[$£€]?\d(?:[\d,.]*\d)?%?|\w+(?:[-'’&.]\w+)*")
_NUMBER = re.compile(
    r"[$£€]?\d|(?:one|two|three|four|five|six|seven|eight|nine|ten|half|million|billion|hundred|thousand)\Z"
)
_LEAD_INS: Mapping[str, frozenset[str]] = {
    "by": frozenset({"by"}),
    "in": frozenset({"in", "at", "on", "from", "to", "into", "near", "between", "within", "since", "until"}),
    "of": frozenset({"of", "for", "with"}),
    "is": frozenset({"is", "was", "are", "were", "be", "been", "as", "called", "named", "known", "became"}),
    "because": frozenset({"because", "due", "since", "that"}),
    "and": frozenset({"and", "or"}),
    "the": frozenset({"the", "a", "an", "his", "her", "its", "their"}),
}
_FOLLOWS = ("of", "in", "is", "and")
_LENGTHS = (1, 2, 3, 4, 6, MAX_WORDS)

SPAN_FEATURES = (
    *(f"words_{n}" for n in _LENGTHS),
    *("capitals", "numbers", "asked", "function", "comma", "starts", "ends", "cuts_name_left", "cuts_name_right"),
    *(
        "unit_follows",
        "kind_exactly",
        "kind_inside",
        "fresh",
        "asked_left",
        "asked_right",
        "near",
        "asked_before",
        "asked_after",
    ),
    *(f"after_{name}" for name in _LEAD_INS),
    *(f"before_{name}" for name in _FOLLOWS),
    *("quoted", "first", "last"),
)
"""Names of the columns of `span_features`."""


def candidate_spans(text: str) -> tuple[list[tuple[int, int]], NDArray[np.int64]]:
    """The words of a sentence, (start, end) in characters each, and the candidates: int64 (n, 2), first word and end.

    Words after the 300th are not looked at. Cost: O(words).
    """
    words = [match.span() for match in _TOKEN.finditer(text)][:_MAX_SENTENCE_WORDS]
    n = len(words)
    closed = np.array([text[start:end].lower() in FUNCTION for start, end in words], bool)
    # A span never crosses a stop, a bracket or a dash; commas it may.
    wall = np.zeros(n + 1, np.int64)
    for i in range(1, n):
        gap = text[words[i - 1][1] : words[i][0]]
        wall[i] = wall[i - 1] + (gap.strip(" ,'’\u201c\u201d\"-/&.\n") != "" or not gap)
    first = np.repeat(np.arange(n), MAX_WORDS)
    end = first + np.tile(np.arange(1, MAX_WORDS + 1), n)
    inside = end <= n
    first, end = first[inside], end[inside]
    keep = ~closed[first] & ~closed[end - 1] & (wall[first] == wall[end - 1])
    return words, np.stack([first[keep], end[keep]], axis=1)


def span_features(
    text: str, words: list[tuple[int, int]], spans: NDArray[np.int64], asked: Asked, analyzer: Analyzer
) -> NDArray[np.float64]:
    """float64 (n_spans, n_features), columns in the order of `SPAN_FEATURES`.

    Cost: about 0.5 ms for a sentence of 25 words.
    """
    said = _Words.of(text, words, asked, analyzer)
    first, end = spans[:, 0], spans[:, 1]
    size, last = end - first, end - 1
    # A wall stands behind the last word and, by the index -1, before the first one.
    prior, following = first - 1, end
    sums = [_between(values, first, end) / size for values in (said.capital, said.number, said.hit, said.closed)]
    columns: list[NDArray[Any]] = [(size <= high) & (size > low) for low, high in itertools.pairwise((0, *_LENGTHS))]
    columns += [*sums, _between(said.comma, first + 1, end) > 0]
    columns += [said.apart[first] | said.is_closed[prior], said.apart[end] | said.is_closed[following]]
    columns += [~said.apart[first] & said.is_capital[prior] & said.is_capital[first]]
    columns += [~said.apart[end] & said.is_capital[following] & said.is_capital[last]]
    columns += [~said.apart[end] & said.is_number[last] & ~said.is_closed[following]]
    columns += [*_of_kind(text, words, spans, asked), _between((1 - said.closed) * (1 - said.hit), first, end) / size]
    left, right = _nearest(said.hit)
    columns += [left[first], right[last], _near(said.weight, first, end), said.is_hit[prior], said.is_hit[following]]
    columns += [said.among(group)[prior] for group in _LEAD_INS.values()]
    columns += [said.among(_LEAD_INS[name])[following] for name in _FOLLOWS]
    columns += [said.opened[first], first == 0, end == len(words)]
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


@dataclass(frozen=True, slots=True)
class _Words:
    """What is known of each of a sentence's n words; the arrays of bool have one more place, a wall that is nothing.

    Attributes:
        lower: as they stand, in lower case.
        weight, capital, number, closed, hit, comma: float64 (n,); weight as a term of the question, hit where that is
            above 0, comma where one stands before the word.
        is_capital, is_number, is_closed, is_hit: bool (n + 1,).
        apart: bool (n + 1,), whether anything but a blank stands before the word; True at both ends of the sentence.
        opened: bool (n + 1,), whether a quotation mark or bracket opens before the word.
    """

    lower: list[str]
    weight: NDArray[np.float64]
    capital: NDArray[np.float64]
    number: NDArray[np.float64]
    closed: NDArray[np.float64]
    hit: NDArray[np.float64]
    comma: NDArray[np.float64]
    is_capital: NDArray[np.bool_]
    is_number: NDArray[np.bool_]
    is_closed: NDArray[np.bool_]
    is_hit: NDArray[np.bool_]
    apart: NDArray[np.bool_]
    opened: NDArray[np.bool_]

    @classmethod
    def of(cls, text: str, words: list[tuple[int, int]], asked: Asked, analyzer: Analyzer) -> "_Words":
        shown = [text[start:end] for start, end in words]
        lower = [word.lower() for word in shown]
        gaps = [text[a[1] : b[0]] for a, b in itertools.pairwise([(0, 0), *words, (len(text), len(text))])]
        weight = np.array([_asked_weight(word, asked, analyzer) for word in lower])
        flags = [
            np.array([*values, False])
            for values in (
                (word[0].isupper() for word in shown),
                (_NUMBER.match(word) is not None for word in lower),
                (word in FUNCTION for word in lower),
                weight > 0,
            )
        ]
        apart = np.array([gap != " " for gap in gaps])
        apart[0] = apart[-1] = True
        opened = np.array([gap.endswith(('"', "\u201c", "(")) for gap in gaps])
        comma = np.array([float("," in gap) for gap in gaps[:-1]])
        capital, number, closed, hit = (flag[:-1].astype(np.float64) for flag in flags)
        is_capital, is_number, is_closed, is_hit = flags
        return cls(
            lower, weight, capital, number, closed, hit, comma, is_capital, is_number, is_closed, is_hit, apart, opened
        )

    def among(self, group: frozenset[str]) -> NDArray[np.bool_]:
        """bool (n + 1,), whether the word is one of the group."""
        return np.array([*(word in group for word in self.lower), False])


def _asked_weight(word: str, asked: Asked, analyzer: Analyzer) -> float:
    return max((asked.weights.get(term, 0.0) for term in analyzer.tokens(word)), default=0.0)


def _between(values: NDArray[np.float64], first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sums of values[first:end]."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    told: NDArray[np.float64] = sums[end] - sums[np.minimum(first, end)]
    return told


def _nearest(hit: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each word exp(-distance / 3) to the nearest word of the question before it, and after it; 0 without one."""
    n = len(hit)
    left, right = np.zeros(n), np.zeros(n)
    decay = float(np.exp(-1 / 3))
    for i in range(1, n):
        left[i] = decay if hit[i - 1] else left[i - 1] * decay
        right[n - 1 - i] = decay if hit[n - i] else right[n - i] * decay
    return left, right


def _near(weights: NDArray[np.float64], first: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of the weight of the question's words in the sentence that lies within 5 words of the span, not in it."""
    n, total = len(weights), max(float(weights.sum()), 1e-12)
    wide = _between(weights, np.maximum(first - 5, 0), np.minimum(end + 5, n))
    return (wide - _between(weights, first, end)) / total


def _of_kind(
    text: str, words: list[tuple[int, int]], spans: NDArray[np.int64], asked: Asked
) -> list[NDArray[np.bool_]]:
    """Whether each span is all of something of the kind asked for, and whether it lies in one."""
    starts = np.array([words[i][0] for i in spans[:, 0]], np.int64)
    ends = np.array([words[i - 1][1] for i in spans[:, 1]], np.int64)
    exactly, inside = np.zeros(len(spans), bool), np.zeros(len(spans), bool)
    for start, end in spans_of_kind(text, asked.kind):
        exactly |= (starts == start) & (ends == end)
        inside |= (starts >= start) & (ends <= end)
    return [exactly, inside]


@cache
def span_weights() -> Mapping[str, NDArray[np.float64]]:
    """Kind -> float64 (n_features,); fitted as docs/extractive.md tells."""
    text = files("spaniel.rag.generators.extractive").joinpath("span_weights.toml").read_text("utf-8")
    table: dict[str, Any] = tomllib.loads(text)
    return {kind: np.array(table[kind or "any"], np.float64) for kind in KINDS}


def best_span(text: str, asked: Asked, analyzer: Analyzer) -> tuple[int, int, float]:
    """(start, end) of the best candidate in characters, the first of equals, and its probability among all.

    All of the text, with probability 0, where there is no candidate.
    """
    words, spans = candidate_spans(text)
    if not len(spans):
        return 0, len(text), 0.0
    scores = span_features(text, words, spans, asked, analyzer) @ span_weights()[asked.kind]
    best = int(np.argmax(scores))
    first, end = spans[best]
    return words[first][0], words[end - 1][1], float(1 / np.exp(scores - scores[best]).sum())

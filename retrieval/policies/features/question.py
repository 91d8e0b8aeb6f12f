"""What a question says about itself: type, length, structure, wording. No index, no model.

Follows the groups of LLM-Independent Adaptive RAG (EMNLP 2025, arXiv 2505.04253): question type and complexity, there
by trained classifiers, here by rules on words; and of QueryBandits (arXiv 2508.16697) those linguistic features that
rules can see: anaphora, subordination, negation, superlatives, constraints, names, subjectivity, length. Left out of
it, because they need a model: presupposition, pragmatics, polysemy, answerability, mismatch, grounding.

Each value lies in 0..1, so that linear policies can take them as they are.
"""

import re

import numpy as np
from numpy.typing import NDArray

from .words import FUNCTION, entities, words, words_in

__all__ = ["QUESTION_FEATURES", "question_features"]

QUESTION_FEATURES = (
    "length",
    "word_length",
    "content_share",
    "clauses",
    "names",
    "name_share",
    "number",
    "year",
    "quoted",
    "several_sentences",
    "asks_who",
    "asks_when",
    "asks_where",
    "asks_which",
    "asks_what",
    "asks_how_many",
    "asks_how",
    "asks_why",
    "asks_yes_no",
    "comparative",
    "superlative",
    "ordinal",
    "both",
    "negation",
    "chained",
    "anaphora",
    "constraint",
    "subjective",
)
"""Names of the values of `question_features`, in their order."""

_YES_NO = words_in(
    """
    is are was were do does did has have had can could will would should am may might must
    """
)
_CLAUSE = words_in(
    """
    that which who whom whose where when while because although if whether after before since
    """
)
_COMPARE = words_in(
    """
    than older younger larger smaller bigger longer shorter taller higher lower earlier later
    """
)
_SUPERLATIVE = re.compile(r"\b(?:most|least|best|worst|[a-z]{3,}(?:gest|rest|lest|test|dest|iest|hest|nest))\b")
_NOT_SUPERLATIVE = words_in(
    """
    interest forest honest request arrest harvest protest contest guest latest
    """
)
_ORDINAL = re.compile(r"\b(?:first|second|third|fourth|fifth|last|\d+(?:st|nd|rd|th))\b")
_BOTH = re.compile(r"\b(?:both|either|same|common|also|respectively)\b|,? or ")
_NEGATION = re.compile(r"\b(?:not|never|no|none|without|except|neither|nor|other than)\b|n['\u2019]t\b")
_CHAIN = re.compile(
    r"\b(?:of|by|for|with|in|from|to) (?:the|a|an)\b|\b(?:whose|which|that|who)\b|\b\w+ed (?:by|in|for)\b|['\u2019]s\b"
)
_ANAPHORA = words_in(
    """
    it its he him his she her hers they them their theirs this these those one ones
    """
)
_CONSTRAINT = re.compile(
    r"\b(?:between|before|after|since|until|during|only|at least|at most|more than|less than|in \d)"
)
_SUBJECTIVE = words_in(
    """
    best worst good bad should better favorite favourite think opinion recommend nice
    """
)
_YEAR = re.compile(r"\b1[0-9]{3}\b|\b20[0-9]{2}\b")
_WH = re.compile(r"\b(who|whom|whose|when|where|which|what|how many|how much|how|why)\b")


def question_features(question: str) -> NDArray[np.float64]:
    """float64 (len(QUESTION_FEATURES),), each in 0..1; counts are saturated: n / (n + typical n).

    Cost: about 50 us for a question of 20 words.
    """
    said = words(question)
    lower = [word.lower() for word in said]
    text = " ".join(lower)
    raw = question.lower()
    names = entities(question)
    n = max(len(said), 1)
    return np.array(
        [
            _saturated(len(said), 15),
            _saturated(sum(map(len, said)) / n, 5),
            sum(word not in FUNCTION for word in lower) / n,
            _saturated(sum(word in _CLAUSE for word in lower[1:]), 2),
            _saturated(len(names), 2),
            min(sum(len(words(name)) for name in names) / n, 1.0),
            float(any(letter.isdigit() for letter in question)),
            float(_YEAR.search(text) is not None),
            float(any(mark in question for mark in '"\u201c\u00ab')),
            float(sum(question.count(mark) for mark in ".?!") > 1),
            *_asked(text, lower),
            float(not _COMPARE.isdisjoint(lower)),
            float(any(m.group() not in _NOT_SUPERLATIVE for m in _SUPERLATIVE.finditer(text))),
            float(_ORDINAL.search(text) is not None),
            float(_BOTH.search(raw) is not None),
            float(_NEGATION.search(raw) is not None),
            _saturated(len(_CHAIN.findall(raw)), 2),
            float(not _ANAPHORA.isdisjoint(lower)),
            float(_CONSTRAINT.search(raw) is not None),
            float(not _SUBJECTIVE.isdisjoint(lower)),
        ]
    )


def _asked(text: str, lower: list[str]) -> list[float]:
    """Which of who, when, where, which, what, how many, how, why, yes or no; the first question word decides."""
    kinds = ("who", "when", "where", "which", "what", "how many", "how", "why")
    found = _WH.search(text)
    word = found.group() if found else ""
    word = {"whom": "who", "whose": "who", "how much": "how many"}.get(word, word)
    yes_no = bool(lower) and lower[0] in _YES_NO
    return [float(word == kind and not yes_no) for kind in kinds] + [float(yes_no)]


def _saturated(count: float, typical: float) -> float:
    return count / (count + typical)

"""How rare the terms of a question are: in the index where that is given, else in English, else in what was found."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.resources import files

from spaniel.retrieval.policies.features.rarity import Frequencies

from .sentences import Sentence

__all__ = ["Rarity", "english_rarity", "rarity_among", "rarity_in"]

Rarity = Callable[[str], float]
"""Term, as the analyser gives it, to its weight, 0 to 1 for a rare one."""

_RARE = 10_000


def _rarity(n: int, df: Callable[[str], int]) -> Rarity:
    """ln(n / df) as a share of what a term of one passage in ten thousand has, 0 to 1.

    Common words weigh nothing and all rare ones the same, so that weights mean the same in every collection.
    """
    most = math.log(max(min(n, _RARE), 2))
    return lambda term: min(max(math.log(max(n, 1) / max(df(term), 1)) / most, 0.0), 1.0)


def rarity_in(frequencies: Frequencies, question: str) -> Rarity:
    """Rarity of the question's terms in an index. It analyses by itself: with the analyser that the generator has."""
    counts = frequencies.of(question)
    return _rarity(frequencies.n_passages, lambda term: counts.get(term, 0))


def rarity_among(sentences: Iterable[Sentence]) -> Rarity:
    """Rarity among the sentences that were found: for languages without a table. Terms of nearly all weigh little."""
    held = [frozenset(sentence.terms) for sentence in sentences]
    found = Counter(term for terms in held for term in terms)
    return _rarity(len(held) + 1, lambda term: found.get(term, 0))


@cache
def english_rarity() -> Rarity:
    """Rarity in English, for terms of the analyser `english`: a table in this package (its head says of what)."""
    n_passages, table = _table()
    return _rarity(n_passages, lambda term: table.get(term, 0))


def _table() -> tuple[int, Mapping[str, int]]:
    lines = files("spaniel.rag.generators.extractive").joinpath("english_terms.txt").read_text("utf-8").splitlines()
    values = [line for line in lines if not line.startswith("#")]
    pairs = (line.split("\t") for line in values[1:])
    return int(values[0]), {term: int(df) for term, df in pairs}

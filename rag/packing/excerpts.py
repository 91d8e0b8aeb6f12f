"""What packers have in common: what a passage costs, and excerpts out of places and spans."""

from collections.abc import Mapping, Sequence

from spaniel.models.counting import TokenCounter
from spaniel.models.text import passage_text
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.prompt import Excerpt
from spaniel.retrieval.types import JSON, Passage

from .base import Candidate, Packed
from .order import Order, check_order, in_order

__all__ = ["GAP", "check_budget", "check_settings", "cost", "costs", "excerpt_of", "joined", "packed", "whole"]

GAP = " ... "
"""Stands between spans that do not follow on each other."""


def cost(passage: Passage, text: str, count: TokenCounter) -> int:
    """Tokens of this text of a passage as it is shown: with the title."""
    return count(passage_text(passage.title, text))


def costs(candidates: Sequence[Candidate], count: TokenCounter) -> dict[int, int]:
    """Place -> tokens of the candidate's passage, in order, without those where there is nothing to read."""
    passages = (candidate.passage for candidate in candidates)
    return {place: cost(each, each.text, count) for place, each in enumerate(passages) if each.text.strip()}


def whole(candidate: Candidate, tokens: int) -> Excerpt:
    """All of a candidate's passage."""
    return Excerpt.whole(candidate.passage, score=candidate.score, tokens=tokens)


def joined(text: str, spans: Sequence[tuple[int, int]]) -> tuple[list[tuple[int, int]], str]:
    """Spans of a text, those with nothing but blanks between them as one, and what they say.

    Args:
        spans: (start, end), ascending, not overlapping.

    Example:
        >>> joined("One. Two. Three.", [(0, 4), (5, 9)])
        ([(0, 9)], 'One. Two.')
        >>> joined("One. Two. Three.", [(0, 4), (10, 16)])
        ([(0, 4), (10, 16)], 'One. ... Three.')
    """
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and not text[merged[-1][1] : start].strip():
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return merged, GAP.join(text[start:end] for start, end in merged)


def excerpt_of(candidate: Candidate, spans: Sequence[tuple[int, int]], count: TokenCounter) -> Excerpt:
    """Some spans of a candidate's passage.

    Args:
        spans: (start, end) in characters of the passage's own text, ascending, not overlapping, at least one.
    """
    passage = candidate.passage
    merged, text = joined(passage.text, spans)
    moved = tuple((passage.start + start, passage.start + end) for start, end in merged)
    return Excerpt(passage, moved, text, candidate.score, cost(passage, text, count))


def packed(
    chosen: Mapping[int, Excerpt],
    candidates: Sequence[Candidate],
    order: Order,
    numbers: Mapping[str, JSON],
    *,
    best: Sequence[int] | None = None,
) -> Packed:
    """What was chosen, put in order.

    Args:
        chosen: place -> excerpt, in any order.
        best: the places best first, where that is not the order of the candidates.
    """
    shown = [chosen[place] for place in in_order(sorted(chosen) if best is None else best, candidates, order)]
    tokens = sum(excerpt.tokens for excerpt in shown)
    return Packed(tuple(shown), tokens, len(candidates) - len(shown), dict(numbers))


def check_budget(where: str, budget_tokens: int) -> None:
    """Refuse a budget below 1.

    Raises:
        InvalidInput: it is.
    """
    if budget_tokens < 1:
        raise InvalidInput(where, f"the budget is {budget_tokens} tokens; it must be at least 1")


def check_settings(where: str, order: str, max_passages: int | None = None, depth: int = 1) -> None:
    """Refuse an unknown order, and a number of passages below 1.

    Raises:
        InvalidInput: one of them.
    """
    check_order(where, order)
    for name, value in (("max_passages", max_passages), ("depth", depth)):
        if value is not None and value < 1:
            raise InvalidInput(where, f"{name} is {value}; it must be at least 1")

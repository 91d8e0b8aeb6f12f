"""What packers have in common: what a passage costs, and excerpts out of places."""

from collections.abc import Mapping, Sequence

from spaniel.models.counting import TokenCounter
from spaniel.models.text import passage_text
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.prompt import Excerpt
from spaniel.retrieval.types import JSON, Passage

from .base import Candidate, Packed
from .order import Order, check_order, in_order

__all__ = ["check_budget", "check_settings", "cost", "packed", "whole"]


def cost(passage: Passage, text: str, count: TokenCounter) -> int:
    """Tokens of this text of a passage as it is shown: with the title."""
    return count(passage_text(passage.title, text))


def whole(candidate: Candidate, tokens: int) -> Excerpt:
    """All of a candidate's passage."""
    return Excerpt.whole(candidate.passage, score=candidate.score, tokens=tokens)


def packed(
    chosen: Mapping[int, Excerpt],
    candidates: Sequence[Candidate],
    order: Order,
    numbers: Mapping[str, JSON],
) -> Packed:
    """What was chosen, put in order.

    Args:
        chosen: place -> excerpt, in any order.
    """
    shown = [chosen[place] for place in in_order(sorted(chosen), candidates, order)]
    tokens = sum(excerpt.tokens for excerpt in shown)
    return Packed(tuple(shown), tokens, len(candidates) - len(shown), dict(numbers))


def check_budget(where: str, budget_tokens: int) -> None:
    """Refuse a budget below 1.

    Raises:
        InvalidInput: it is.
    """
    if budget_tokens < 1:
        raise InvalidInput(where, f"the budget is {budget_tokens} tokens; it must be at least 1")


def check_settings(where: str, order: str, max_passages: int | None) -> None:
    """Refuse an unknown order and a number of passages below 1.

    Raises:
        InvalidInput: one of them.
    """
    check_order(where, order)
    if max_passages is not None and max_passages < 1:
        raise InvalidInput(where, f"max_passages is {max_passages}; it must be at least 1")

"""In which order chosen passages are shown.

    best    the best first, as they were found
    source  documents in the order of their best passage, each document's passages as they follow on each other in it
    edges   the best at the beginning and at the end, the worst in the middle

Models read the beginning and the end of a long prompt better than its middle (Liu et al., "Lost in the middle", TACL
2024), which is what `edges` is for; `source` keeps a text readable that was cut into passages.
"""

from collections.abc import Sequence
from typing import Literal, get_args

from spaniel.retrieval.errors import InvalidInput

from .base import Candidate

__all__ = ["Order", "check_order", "in_order"]

Order = Literal["best", "source", "edges"]


def in_order(places: Sequence[int], candidates: Sequence[Candidate], order: Order) -> list[int]:
    """The places as they are shown.

    Args:
        places: of the chosen candidates, best first.

    Example:
        >>> in_order([0, 1, 2, 3, 4], [], "edges")
        [0, 2, 4, 3, 1]
    """
    if order == "edges":
        return [*places[::2], *reversed(places[1::2])]
    if order == "best":
        return list(places)
    first: dict[str, int] = {}
    for rank, place in enumerate(places):
        first.setdefault(candidates[place].passage.doc_id, rank)
    passages = [candidates[place].passage for place in places]
    keys = [(first[each.doc_id], each.start, rank) for rank, each in enumerate(passages)]
    return [place for _, place in sorted(zip(keys, places, strict=True))]


def check_order(where: str, order: str) -> None:
    """Refuse a word that is none of the orders.

    Raises:
        InvalidInput: it is none.
    """
    if order not in get_args(Order):
        raise InvalidInput(where, f"order is {order!r}; it must be one of {', '.join(get_args(Order))}")

"""The set with the greatest sum of relevances that fits: the 0/1 knapsack problem, solved exactly.

Dynamic programming over tokens: `best[i, w]` is what the candidates from i on are worth within w tokens (Bellman). With
worths that are, or rise like, the chance of being relevant, that set has the most relevant passages to expect. Passages
are taken to be worth what they are worth alone; for more, see `greedy.py` and `carrot.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from spaniel.models.counting import TokenCounter
from spaniel.retrieval.errors import InvalidInput

from .base import Candidate, Packed
from .excerpts import check_budget, check_settings, costs, packed, whole
from .order import Order
from .relevance import check_share, relevances

__all__ = ["Knapsack", "knapsack"]

_STEPS = 4096
"""A larger budget is counted in steps of more than one token."""


@dataclass(frozen=True, slots=True)
class Knapsack:
    """The best sum of `relevance ** sharpness` within the budget.

    Args:
        sharpness: 1 adds up scores stretched to 0..1, which favours many short passages; more trusts the first ones
            more.
        links: what is added to the relevance of a passage that one of the three best names; see `relevance.py`.
        depth: how many candidates take part.
        order: in which they are shown; see `order.py`.

    Exact for budgets up to 4,096 tokens. A larger one is counted in steps of s = ceil(budget / 4096) tokens and each
    passage's tokens are rounded up to whole steps: the budget holds, and the set is at least as good as the best one
    of n passages for a budget smaller by (n + 1) (s - 1) tokens.

    Cost: O(depth * min(budget, 4096)); 0.3 ms for 50 candidates and 1,000 tokens.

    Raises:
        InvalidInput: a setting that cannot be.
    """

    sharpness: float = 2.0
    links: float = 0.3
    depth: int = 50
    order: Order = "best"
    name: ClassVar[str] = "knapsack"

    def __post_init__(self) -> None:
        check_settings(self.name, self.order, depth=self.depth)
        check_share(self.name, sharpness=self.sharpness, links=self.links)
        if self.sharpness == 0:
            raise InvalidInput(self.name, "sharpness is 0; it must be above 0")

    def pack(
        self, question: str, candidates: Sequence[Candidate], *, budget_tokens: int, count: TokenCounter
    ) -> Packed:
        """See `base.Packer`."""
        check_budget(self.name, budget_tokens)
        prices = costs(candidates[: self.depth], count)
        places = [place for place, price in prices.items() if price <= budget_tokens]
        read = [candidates[place] for place in places]
        worths = relevances(question, candidates[: self.depth], links=self.links)[places] ** self.sharpness
        taken = knapsack(worths, np.array([prices[place] for place in places], np.int64), budget_tokens)
        chosen = {places[each]: whole(read[each], prices[places[each]]) for each in taken}
        return packed(chosen, candidates, self.order, {"worth": float(worths[taken].sum()), "considered": len(places)})


def knapsack(worths: NDArray[np.float64], prices: NDArray[np.int64], budget: int, *, steps: int = _STEPS) -> list[int]:
    """Places of the set with the greatest sum of worths whose prices add up to no more than the budget, ascending.

    Of sets worth the same, the one with the smallest places; nothing that is worth 0 or less is taken.

    Args:
        worths: float64 (n,). prices: int64 (n,), at least 0.
        steps: beyond that many, prices are rounded up; see `Knapsack`.

    Example:
        >>> knapsack(np.array([3.0, 2.0, 2.0]), np.array([3, 2, 2]), 4)
        [1, 2]
    """
    step = -(-budget // steps)
    size = budget // step
    scaled = np.minimum(-(-prices // step), size + 1).tolist()
    best = np.zeros((len(worths) + 1, size + 1))
    for item in range(len(worths) - 1, -1, -1):
        price, below = scaled[item], best[item + 1]
        best[item] = below
        if worths[item] > 0 and price <= size:
            np.maximum(below[price:], worths[item] + below[: size + 1 - price], out=best[item, price:])
    taken, left = [], size
    for item, price in enumerate(scaled):
        if worths[item] > 0 and price <= left and worths[item] + best[item + 1, left - price] >= best[item + 1, left]:
            taken.append(item)
            left -= price
    return taken

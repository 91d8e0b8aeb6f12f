"""Pack by maximal marginal relevance: each passage relevant, and unlike those before it (`retrieval/mmr.py`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from spaniel.models.counting import TokenCounter
from spaniel.models.text import passage_text
from spaniel.retrieval.mmr import checked_weight, mmr
from spaniel.retrieval.prompt import Excerpt
from spaniel.retrieval.protocols import Encoder
from spaniel.retrieval.types import JSON

from .base import Candidate, Packed
from .excerpts import check_budget, check_settings, costs, packed, whole
from .order import Order
from .relevance import check_share, relevances
from .terms import lexical_vectors
from .vector_coverage import unit_vectors

__all__ = ["MmrPacker"]


@dataclass(frozen=True, slots=True)
class MmrPacker:
    """The candidates in the order of maximal marginal relevance until the budget is full; skips what does not fit.

    Args:
        weight: of relevance, 0 to 1.
        links: what is added to the relevance of a passage that one of the three best names; see `relevance.py`.
        depth: how many candidates take part.
        max_passages: no more are taken; any number by default.
        order: in which they are shown; see `order.py`. "best" is the order of the candidates.
        language: of the analyser, where words are compared.
        encoder: its vectors tell how alike passages are; by default their words do (tf-idf).

    Cost: O(depth^2 v) for v words or dimensions; 3 ms for 50 passages of 100 words.

    Raises:
        InvalidInput: a setting that cannot be.
    """

    weight: float = 0.7
    links: float = 0.0
    depth: int = 50
    max_passages: int | None = None
    order: Order = "best"
    language: str = "english"
    encoder: Encoder | None = None
    name: ClassVar[str] = "mmr"

    def __post_init__(self) -> None:
        check_settings(self.name, self.order, self.max_passages, self.depth)
        checked_weight(self.weight)
        check_share(self.name, links=self.links)

    def pack(
        self, question: str, candidates: Sequence[Candidate], *, budget_tokens: int, count: TokenCounter
    ) -> Packed:
        """See `base.Packer`."""
        check_budget(self.name, budget_tokens)
        prices = costs(candidates[: self.depth], count)
        places = list(prices)
        read = [candidates[place] for place in places]
        taken = mmr(relevances(question, read, links=self.links), self._vectors(read), weight=self.weight)
        left, chosen = budget_tokens, dict[int, Excerpt]()
        for place in (places[each] for each in taken.tolist()):
            if prices[place] <= left and len(chosen) != self.max_passages:
                chosen[place] = whole(candidates[place], prices[place])
                left -= prices[place]
        numbers: dict[str, JSON] = {"taken": list(chosen), "tokens_left": left}
        return packed(chosen, candidates, self.order, numbers)

    def _vectors(self, read: Sequence[Candidate]) -> NDArray[np.float32]:
        """float32 (n, v), of length 1."""
        if self.encoder is not None and read:
            return unit_vectors(self.encoder, read).astype(np.float32)
        return lexical_vectors([passage_text(each.passage.title, each.passage.text) for each in read], self.language)

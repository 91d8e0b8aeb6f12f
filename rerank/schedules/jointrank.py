"""JointRank: blocks of passages, all ordered in one round, and one order made of the blocks'.

Dedov, JointRank: Rank Large Set with Single Pass, ICTIR 2025 (arXiv 2506.22262). A design (`designs/`) puts every
passage into `replicas` blocks so that blocks overlap and the order of one has to do with that of the next; an
aggregator (`aggregate/`) finds the order that fits them all. Depth is 1: where calls run side by side, a hundred
passages take no longer than twenty.

The paper aggregates by PageRank and forgets the first-stage order. Both lose quality with a judge that errs
(docs/aggregators.md); the default is Bradley-Terry with the first stage as prior.
"""

from dataclasses import dataclass
from typing import ClassVar

from spaniel.rerank.aggregate.table import aggregator
from spaniel.rerank.designs.table import blocks_of, check_design, least_size
from spaniel.rerank.questions import Kind, Outcome, Rounds, Spent
from spaniel.retrieval.errors import InvalidInput

from .listed import Orders

__all__ = ["JointRank"]


PRIOR_PER_COMPARISON = 0.04
"""Weight of the first stage under Bradley-Terry for each comparison of a passage: replicas show the same fixed errors
of a judge again, so that the belief in the first stage must not fade as they add up (docs/aggregators.md)."""
PRIOR_CUT = 2.0
"""The weight, under Bradley-Terry, when the budget has ended and `prior` is None."""


@dataclass(frozen=True, slots=True)
class JointRank:
    """Order overlapping blocks side by side.

    Attributes:
        size: passages in a block, at most; a query with too many passages for a Latin square or a triangular design of
            such blocks gets the next larger ones that have room.
        replicas: blocks that each passage is in, at most 1,000.
        design: a name of `designs.table.DESIGNS`.
        aggregate: a name of `aggregate.table.AGGREGATORS`.
        prior: weight of the first-stage order in it; None for what measured best: with Bradley-Terry 0.04 for each
            comparison of a passage, 3.04 by default; with the others what the aggregator takes by itself.

    Cut by a budget, the order is always Bradley-Terry's: with `prior` where that is the aggregate and has one, else
    with 2.

    Raises:
        InvalidInput: a value that cannot be, an unknown name.
    """

    name: ClassVar[str] = "jointrank"
    asks: ClassVar[Kind] = "order"
    size: int = 20
    replicas: int = 4
    design: str = "equi-replicate"
    aggregate: str = "bradley-terry"
    prior: float | None = None

    def __post_init__(self) -> None:
        check_design(self.design, self.size, self.replicas)
        aggregator(self.aggregate)
        if self.prior is not None and not 0 <= self.prior < float("inf"):
            raise InvalidInput("jointrank", f"prior is {self.prior}; it must be at least 0")

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`. The scores are the aggregator's; when cut, there are some only if that is
        Bradley-Terry, since those of two methods cannot be compared.

        Cost: that of the design; equi-replicate: ceil(replicas * n / size) calls (`replicas` where n <= size),
        replicas * n passages read, depth 1.
        """
        orders = Orders(n)
        size = max(self.size, least_size(self.design, n, self.replicas))
        blocks = blocks_of(self.design, n, size, self.replicas, seed=seed)
        try:
            yield from orders.ask([block for block in blocks if len(block) > 1])
        except Spent:
            return self._cut(orders)
        return orders.outcome(self.aggregate, prior=self._prior(n, size))

    def _cut(self, orders: Orders) -> Outcome:
        if self.aggregate != "bradley-terry":  # a prior of its own would be in other units
            return Outcome(orders.outcome(prior=PRIOR_CUT).order)
        return orders.outcome(prior=PRIOR_CUT if self.prior is None else self.prior)

    def _prior(self, n: int, size: int) -> float | None:
        if self.prior is None and self.aggregate == "bradley-terry":
            return PRIOR_PER_COMPARISON * self.replicas * max(min(size, n) - 1, 0)
        return self.prior

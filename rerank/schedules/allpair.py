"""PRP all-pairs: every pair once, in one round.

Qin et al., Large Language Models are Effective Text Rankers with Pairwise Ranking Prompting, arXiv 2306.17563,
sec. 3.2: a passage scores 1 for a win and a half for a tie. The order of the first stage does not matter; the price
grows with the square.
"""

from dataclasses import dataclass
from typing import ClassVar

from spaniel.rerank.aggregate.table import aggregated, aggregator
from spaniel.rerank.questions import Kind, Rounds, Spent
from spaniel.retrieval.errors import InvalidInput

from .preferences import Pair, Preferences, soonest

__all__ = ["Allpair"]


@dataclass(frozen=True, slots=True)
class Allpair:
    """Compare each with each.

    Attributes:
        aggregate: a name of `aggregate.table.AGGREGATORS`. The paper's is "win-rate": the sum of the answers, of
            probabilities too, divided by n - 1.
        prior: the weight of the first-stage order in it, None for the aggregator's own. With 0, as in the paper, that
            order decides ties and nothing else.
    """

    name: ClassVar[str] = "allpair"
    asks: ClassVar[Kind] = "prefer"

    aggregate: str = "win-rate"
    prior: float | None = 0.0

    def __post_init__(self) -> None:
        aggregator(self.aggregate)
        if self.prior is not None and not 0 <= self.prior < float("inf"):
            raise InvalidInput("allpair", f"prior is {self.prior}; it must be at least 0")

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`. Cost: n (n - 1) / 2 pairs, twice as many calls in both orders, depth 1.

        Pairs near the top come first (`preferences.soonest`). Cut, it returns the most likely order
        (`Preferences.fitted`), whatever `aggregate` and `prior` are.
        """
        seen = Preferences(n)
        try:
            yield from seen.ask(soonest(all_pairs(n)))
        except Spent:
            return seen.fitted(self.aggregate)
        return aggregated(seen.wins(), self.aggregate, prior=self.prior)


def all_pairs(n: int) -> list[Pair]:
    """(0, 1), (0, 2), (1, 2), (0, 3), ...: each place with all before it."""
    return [(first, second) for second in range(n) for first in range(second)]

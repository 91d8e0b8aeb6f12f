"""Sparse pairs: a sample of all pairs in one round, put together by an aggregator.

Gienapp, Froebe, Hagen and Potthast, Sparse Pairwise Re-ranking with Pre-trained Transformers, ICTIR 2022. Three ways to
choose the pairs: at random; each passage with its next neighbours ("window"); each with those at the distances L, 2 L,
3 L, ... ("skip"). The latter two are circles, the first following the last, and give every passage equally many
comparisons. In the paper a third of the pairs by "skip" is as good as all, random pairs need three quarters.

Left out: the paper's variants that favour pairs near each other or near the top.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd
from typing import ClassVar, Literal, get_args

import numpy as np

from spaniel.rerank.aggregate.table import aggregated, aggregator
from spaniel.rerank.questions import Kind, Rounds, Spent
from spaniel.retrieval.errors import InvalidInput

from .allpair import all_pairs
from .preferences import Pair, Preferences, soonest

__all__ = ["Design", "Sampled"]

Design = Literal["skip", "window", "random"]


@dataclass(frozen=True, slots=True)
class Sampled:
    """Compare a part of all pairs.

    Attributes:
        pairs: how they are chosen, see above.
        rate: of all pairs, how many at most; above 0, to 1. "skip" and "window" compare every passage with
            2 w others, w being rate (n - 1) / 2 rounded down, at least 1; 1 is all pairs.
        skip: L of "skip". It has to be prime to n, else the passages fall into groups that never meet; the next
            larger number that is gets used.
        aggregate: a name of `aggregate.table.AGGREGATORS`.
        prior: the weight of the first-stage order in it; None for the aggregator's own.
    """

    name: ClassVar[str] = "sampled"
    asks: ClassVar[Kind] = "prefer"

    pairs: Design = "skip"
    rate: float = 0.3
    skip: int = 3
    aggregate: str = "bradley-terry"
    prior: float | None = None

    def __post_init__(self) -> None:
        if self.pairs not in get_args(Design):
            raise InvalidInput("sampled", f"pairs is {self.pairs!r}; it must be one of {', '.join(get_args(Design))}")
        if not 0 < self.rate <= 1:
            raise InvalidInput("sampled", f"rate is {self.rate}; it must be above 0 and at most 1")
        if self.skip < 1:
            raise InvalidInput("sampled", f"skip is {self.skip}; it must be at least 1")
        aggregator(self.aggregate)
        if self.prior is not None and not 0 <= self.prior < float("inf"):
            raise InvalidInput("sampled", f"prior is {self.prior}; it must be at least 0")

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`. Cost: n w pairs ("random": rate n (n - 1) / 2, rounded), twice as many calls in both
        orders, depth 1.

        Pairs near the top come first (`preferences.soonest`). Cut, it returns the order by `Preferences.fitted`,
        whatever `aggregate` and `prior` are: passages have then met unequally often, and without a prior those that
        nobody met would stand anywhere.
        """
        seen = Preferences(n)
        try:
            yield from seen.ask(soonest(self.chosen(n, seed=seed)))
        except Spent:
            return seen.fitted(self.aggregate)
        return aggregated(seen.wins(), self.aggregate, prior=self.prior)

    def chosen(self, n: int, *, seed: int) -> list[Pair]:
        """The pairs (first, second), each once; the one that the first stage has first stands first."""
        if self.rate == 1 or n < 3:
            return all_pairs(n)
        if self.pairs == "random":
            every = all_pairs(n)
            size = max(1, round(self.rate * len(every)))
            return [every[at] for at in np.random.default_rng((seed, n)).permutation(len(every))[:size]]
        w = max(1, int(self.rate * (n - 1) / 2 + 1e-9))
        step = 1 if self.pairs == "window" else _prime_to(n, self.skip)
        return list(_circles(n, step, w))


def _circles(n: int, step: int, w: int) -> Iterator[Pair]:
    """Each place with the one `step` further on a circle of n, then 2 `step`, ..., w `step`; w below n / 2."""
    for at in range(1, w + 1):
        for place in range(n):
            other = (place + at * step) % n
            yield min(place, other), max(place, other)


def _prime_to(n: int, step: int) -> int:
    """The smallest number from `step` on without a common divisor with n."""
    while gcd(n, step) != 1:
        step += 1
    return step

"""Aggregators by name: the closed table that schedules, TOML and the command line go by."""

import difflib
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from spaniel.rerank.questions import Outcome
from spaniel.retrieval.errors import InvalidInput

from .bradley_terry import bradley_terry
from .elo import elo
from .greedy import greedy
from .kwiksort import kwiksort
from .pagerank import pagerank
from .rank_centrality import rank_centrality
from .win_rate import win_rate
from .wins import Wins

__all__ = ["AGGREGATORS", "Aggregator", "aggregated", "aggregator"]

Aggregator = Callable[..., NDArray[np.float64]]
"""(wins float64 (n, n), *, prior=its default) -> scores float64 (n,), larger is better; the same for the same input."""

AGGREGATORS: Mapping[str, Aggregator] = {
    "bradley-terry": bradley_terry,
    "win-rate": win_rate,
    "rank-centrality": rank_centrality,
    "pagerank": pagerank,
    "elo": elo,
    "greedy": greedy,
    "kwiksort": kwiksort,
}

DECIMALS = 9
"""Scores that differ only behind these decimals are ties: what is equal in exact arithmetic is not told apart by
rounding, which differs from processor to processor."""


def aggregated(wins: Wins, method: str = "bradley-terry", *, prior: float | None = None) -> Outcome:
    """All places in the order that the comparisons tell; equal scores keep the first-stage order.

    Args:
        wins: float64 (n, n), `wins[i, j]` the total preference of i over j: see `wins.py`, which makes them of answers.
        method: a name of `AGGREGATORS`.
        prior: the weight of the first-stage order; None for what measured best with this method.

    Raises:
        InvalidInput: a name that is not in the table, or wins or a prior that cannot be.

    Example:
        >>> from spaniel.rerank.aggregate.wins import wins_of_orders
        >>> aggregated(wins_of_orders([(2, 0, 1), (2, 1)], n=4), "win-rate").order
        (2, 0, 3, 1)
    """
    function = aggregator(method)
    scores = function(wins) if prior is None else function(wins, prior=prior)
    rounded = np.round(scores, DECIMALS)
    order = np.argsort(-rounded, kind="stable")
    return Outcome(tuple(order.tolist()), rounded[order])


def aggregator(method: str) -> Aggregator:
    """The function of this name.

    Raises:
        InvalidInput: a name that is not in the table; the message has the nearest.
    """
    if method in AGGREGATORS:
        return AGGREGATORS[method]
    near = difflib.get_close_matches(method, AGGREGATORS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(AGGREGATORS)}"
    raise InvalidInput("aggregate", f"no aggregator is called {method!r}; {hint}")

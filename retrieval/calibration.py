"""Fuse retrievers by what their scores mean: the default of hybrid search.

Each score is divided by a *unit* that its own retriever knows, and the quotients are added up under weights:

- of BM25 the unit is the query's ceiling, the sum of the weights of its terms. A score then says which share of the
  query's weight the passage covers, and a query whose words stand nowhere together (natural language over code, say)
  gets a small voice by itself.
- of a dense retriever it is `SPREADS` times the standard deviation of similarities in the collection, so that models
  whose cosines all lie close together count as much as others; and more of it where vectors hardly tell passages apart
  or their model is known not to read the language (`index/dense/spread.py`, `index/dense/languages.py`).

What a score counts does not depend on what else its list holds, unlike z-scores and min-max, where the best of a bad
list looks like the best of a good one. One thing does depend on how deep the lists are: a passage missing from one of
them takes the lowest score in it (or the floor, where a list is shorter than it could be).

Theoretical bounds in place of observed ones are the TM2C2 of Bruch, Gai and Ingber
(TOIS 2023, sec. 4.2), whose bound is the lower one; here it is BM25's upper one, and the spread of the other. Measured
against the rest in docs/hybrid.md.

`SPREADS` was chosen on seven collections with one model; what it changes between 5 and 6.5 stands in docs/hybrid.md.
"""

from collections.abc import Sequence
from functools import partial
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from . import fusion
from .composition import floor_of, name_of
from .errors import InvalidInput
from .pipeline import Fuse, Pipeline, fuse
from .types import Query

__all__ = ["SPREADS", "Calibrated", "CalibratedSum", "calibrated"]

SPREADS = 6.0


@runtime_checkable
class Calibrated(Protocol):
    """A retriever that knows what its scores amount to."""

    def units(self, queries: Sequence[Query]) -> NDArray[np.float64]:
        """float64 (n_queries,), above 0: the score that counts 1 in a sum."""
        ...


class CalibratedSum:
    """Weighted sum of scores in their retrievers' units, to give to `pipeline.fuse`.

    Args:
        retrievers: each with `units`, in the order in which they are fused.
        weights: one each, finite and not negative; equal by default.

    Raises:
        InvalidInput: one has no `units`.
    """

    def __init__(self, retrievers: Sequence[object], weights: Sequence[float] | None = None) -> None:
        checked: list[Calibrated] = []
        for retriever in retrievers:
            if not isinstance(retriever, Calibrated):
                hint = "fuse it with pipeline.convex or pipeline.rrf"
                raise InvalidInput(
                    "calibrated", f"{name_of(retriever)} does not say what its scores amount to", hint=hint
                )
            checked.append(retriever)
        self.retrievers = checked
        self.weights = [1.0 / max(len(checked), 1)] * len(checked) if weights is None else [float(w) for w in weights]
        if len(self.weights) != len(checked) or not all(np.isfinite(self.weights)) or min(self.weights, default=0) < 0:
            raise InvalidInput("calibrated", f"{len(checked)} retrievers need as many weights >= 0, got {self.weights}")
        self.floors = [floor_of(retriever) for retriever in checked]

    def for_queries(self, queries: Sequence[Query]) -> list[Fuse]:
        """The sum for each query; see `pipeline.FusePerQuery`."""
        units = np.array([retriever.units(queries) for retriever in self.retrievers])
        scales = np.array(self.weights)[:, None] / units
        return [partial(fusion.weighted, weights=scale.tolist(), floors=self.floors) for scale in scales.T]


def calibrated(
    *retrievers: object, weights: Sequence[float] | None = None, name: str = "calibrated", threads: bool | None = None
) -> Pipeline:
    """Search with all of them and add up scores in their retrievers' units.

    Raises:
        InvalidInput: one is not a retriever or has no `units`, weights that do not fit, or different indexes.
    """
    return fuse(*retrievers, how=CalibratedSum(retrievers, weights), name=name, threads=threads)

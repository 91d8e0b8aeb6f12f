"""Keep passages while what they are expected to add is worth more than they cost: one price for all queries.

To find as much as possible of what is relevant with a given number of passages in all, read place j of query i exactly
when its expected gain is above one price, the same for every query and place (the Lagrange multiplier of the budget): a
fixed k spends as much on a query whose answer is certainly at the top as on one that is open. Adaptive Document
Retrieval and Adaptive-k are rules of thumb for this; here the gain is fitted to judged queries (`place_features.py`,
logistic regression), and the price follows from a budget or from a recall that is wanted.

Measured against fixed numbers and the other policies in docs/cutoffs.md.

Left out on purpose: what passages say. Whether one repeats another is for packing (`rag/packing`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.places import warn_of_places
from spaniel.retrieval.types import JSON, QueryLike, Ranking

from .cutting import check_bounds, check_window, window_of
from .fitted import FittedPolicy, check_finite
from .judged import JudgedPlaces, judged_places
from .logistic import logistic_weights
from .place_features import PLACE_FEATURES, place_features
from .score_calibration import sigmoid

__all__ = ["PricedCut", "priced_k"]

_HALVINGS = 50
_RIDGE = 1e-3  # of the mean gain: of what a weight is known by


@dataclass(frozen=True, slots=True)
class PricedCut(FittedPolicy):
    """A cut-off policy: the head whose expected gain, less `price` for each passage, is the greatest. `fit` makes it.

    Args:
        price: what reading one more passage costs, in shares of what is relevant: 0.02 reads a passage for every 2 % of
            a query's relevant passages that it is expected to add.
        weights: of `PLACE_FEATURES`, then of 1.
        window: so many of the first passages count; no more are kept.
        min_k: so many are kept anyway, if there are as many.
        max_k: no more are kept; the window by default.
        n: queries that it was fitted on.
        mean_k: passages it kept of them on average. recall: the mean share of what is relevant to them.
        note: of what: retriever, collection; for people.

    Raises:
        InvalidInput: numbers that are not finite, another number of weights, or bounds that do not fit.
    """

    price: float
    weights: tuple[float, ...]
    window: int = 50
    min_k: int = 1
    max_k: int | None = None
    n: int = 0
    mean_k: float | None = None
    recall: float | None = None
    note: str = ""
    name: ClassVar[str] = "priced"

    def __post_init__(self) -> None:
        check_bounds(self.name, self.min_k, self.max_k)
        check_window(self.name, self.window)
        check_finite(self.name, "weights", self.weights, n=len(PLACE_FEATURES) + 1)
        if not 0 <= self.price <= 1:
            raise InvalidInput(self.name, f"price is {self.price}; it must lie between 0 and 1")

    @classmethod
    def fit(
        cls,
        rankings: Sequence[Ranking],
        judgements: Sequence[Mapping[int, int]],
        *,
        price: float | None = None,
        mean_k: float | None = None,
        recall: float | None = None,
        gain: Literal["share", "count"] = "share",
        window: int = 50,
        relevance: int = 1,
        min_k: int = 1,
        max_k: int | None = None,
        note: str = "",
    ) -> Self:
        """Fit the gains to judged queries, and find the price.

        Args:
            rankings: of one retriever, one for each query, `window` deep.
            judgements: for each query grade by ordinal; relevant passages that were not found may stand there under
                numbers of their own, and count.
            price: as it is; or
            mean_k: the lowest price at which so many passages are kept on average at most; `min_k` or more; or
            recall: the highest at which the mean share of what is relevant is at least so much; above 0, at most 1.
            gain: of a relevant passage: "share", 1 over the number of those of its query; or "count", 1.

        Raises:
            InvalidInput: not one of the three, one out of range, nothing relevant, or a recall that the window does not
                hold.

        Cost: 500 queries take 0.3 s, 5,000 take 2 s.
        """
        if sum(each is not None for each in (price, mean_k, recall)) != 1:
            raise InvalidInput(cls.name, "give one of price, mean_k and recall")
        if mean_k is not None and not min_k <= mean_k < float("inf"):
            raise InvalidInput(cls.name, f"mean_k is {mean_k}; it must be finite and at least min_k, {min_k}")
        if recall is not None and not 0 < recall <= 1:
            raise InvalidInput(cls.name, f"recall is {recall}; it must lie above 0 and not above 1")
        warn_of_places(cls.name, rankings)
        judged = judged_places(cls.name, rankings, judgements, window=window, relevance=relevance)
        features = [place_features(window_of(ranking, window)) for ranking in judged.rankings]
        gains = [
            found / n if gain == "share" else found.astype(float)
            for found, n in zip(judged.relevant, judged.n_relevant, strict=True)
        ]
        weights = _fitted(np.concatenate(features), np.concatenate(gains))
        plain = cls(price or 0.0, tuple(weights.tolist()), window, min_k, max_k, len(features), note=note)
        worths = [plain.worth(ranking) for ranking in judged.rankings]
        if price is None:
            plain = replace(plain, price=plain._price(worths, judged, mean_k, recall))
        kept = plain._kept(worths, plain.price)
        return replace(plain, mean_k=float(kept.mean()), recall=_recall(judged, kept))

    def worth(self, ranking: Ranking) -> NDArray[np.float64]:
        """What each place of the window is expected to add: float64 (min(window, n),)."""
        weights = np.array(self.weights)
        return sigmoid(place_features(window_of(ranking, self.window)) @ weights[:-1] + weights[-1])

    def at(self, price: float) -> Self:
        """The same under another price; what it kept of the queries of the fit is not known."""
        return replace(self, price=price, mean_k=None, recall=None)

    def _decided(self, query: QueryLike, ranking: Ranking) -> tuple[int, dict[str, JSON]]:
        worth = self.worth(ranking)
        k = priced_k(worth, self.price)
        next_one = float(worth[k]) if k < len(worth) else None
        why: dict[str, JSON] = {"price": self.price, "first": float(worth[0]), "next": next_one}
        return k, why | {"expected": float(worth[:k].sum()), "expected_of_all": float(worth.sum())}

    def _kept(self, worths: Sequence[NDArray[np.float64]], price: float) -> NDArray[np.int64]:
        """k of each, bounds applied."""
        most = self.window if self.max_k is None else self.max_k
        return np.array([min(max(priced_k(each, price), self.min_k), most, len(each)) for each in worths])

    def _price(
        self,
        worths: Sequence[NDArray[np.float64]],
        judged: JudgedPlaces,
        mean_k: float | None,
        recall: float | None,
    ) -> float:
        """Found by halving: what is kept only falls as the price rises."""
        if recall is not None and _recall(judged, self._kept(worths, 0.0)) < recall:
            found = _recall(judged, self._kept(worths, 0.0))
            raise InvalidInput(self.name, f"recall is {recall}; these rankings hold {found:.4f} in their windows")
        low, high = 0.0, 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            kept = self._kept(worths, middle)
            dear = kept.mean() <= mean_k if mean_k is not None else _recall(judged, kept) < (recall or 0.0)
            low, high = (low, middle) if dear else (middle, high)
        return high if mean_k is not None else low


def priced_k(worth: NDArray[np.float64], price: float) -> int:
    """The k, from 0, of the greatest sum of worth[:k] - price; the smallest of equal ones.

    Example:
        >>> priced_k(np.array([0.7, 0.1, 0.3, 0.05]), 0.15)
        3
    """
    sums = np.cumsum(worth - price)
    best = int(np.argmax(sums))
    return best + 1 if sums[best] > 0 else 0


def _recall(judged: JudgedPlaces, kept: NDArray[np.int64]) -> float:
    found = [int(relevant[:k].sum()) for relevant, k in zip(judged.relevant, kept, strict=True)]
    return float((np.array(found) / judged.n_relevant).mean())


def _fitted(features: NDArray[np.float64], gains: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of the features as they are, then the intercept."""
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation[deviation == 0] = 1.0
    design = np.column_stack([(features - mean) / deviation, np.ones(len(features))])
    fitted = logistic_weights(design, gains, ridge=_RIDGE * float(gains.mean()))
    slopes = fitted[:-1] / deviation
    return np.append(slopes, fitted[-1] - slopes @ mean)

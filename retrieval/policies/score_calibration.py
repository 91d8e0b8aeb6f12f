"""What the scores of one scorer mean: the probability that a passage with this score is relevant.

A reranker's score says which passage is better and not how good it is; thresholds on the sigmoid of a logit mean
something else with every model. Fitted on judged queries, sigmoid(a * score + b) is a probability that can be compared
with a threshold and added up (Platt, Advances in Large Margin Classifiers, 1999; with his smoothed targets, and
Newton's method as Lin, Lin and Weng, Machine Learning 68, 2007, do it). With `intercept=False` it is temperature
scaling (Guo et al., ICML 2017), which leaves a score of 0 at a half: for logits of a model that is right on average,
which rerankers of a list, where most passages are not relevant, hardly are.

A calibration holds for the scorer, the kind of collection and the depth that it was fitted on: relevant passages are
rarer at depth 100 than at 10. Unjudged passages count as not relevant, as everywhere.

Left out on purpose: isotonic regression, which needs more judgements than people have, and anything per query.
"""

import json
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spaniel.retrieval.atomic import written_whole
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, Ranking

__all__ = ["Calibration", "JudgedScores", "calibration_error", "fit_calibration", "judged_scores"]

_ITERATIONS = 100
_RIDGE = 1e-9
_MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Calibration:
    """probability = sigmoid(a * score + b).

    Attributes:
        a: above 0, so that order is kept.
        ece: expected calibration error of probabilities of queries that had no part in the fitting; see
            `calibration_error`. None where it was not measured.
        n: scores that it was fitted on.
        n_relevant: how many of them were of relevant passages.
        note: of what: model, collection, depth; for people.

    Raises:
        InvalidInput: a is not above 0, or a or b is not finite.

    Example:
        >>> Calibration(2.0, -1.0).probabilities([0.5, 3.0]).round(3).tolist()
        [0.5, 0.993]
    """

    a: float
    b: float
    ece: float | None = None
    n: int = 0
    n_relevant: int = 0
    note: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.a) and math.isfinite(self.b) and self.a > 0):
            raise InvalidInput("calibration", f"a is {self.a} and b is {self.b}; both must be finite, and a above 0")

    def probabilities(self, scores: ArrayLike) -> NDArray[np.float64]:
        """float64 (n,) of scores (n,), computed in float64."""
        return _sigmoid(self.a * np.asarray(scores, np.float64) + self.b)

    def score_at(self, probability: float) -> float:
        """The score that has this probability.

        Raises:
            InvalidInput: a probability that no score has.
        """
        if not 0 < probability < 1:
            raise InvalidInput("probability", f"is {probability}; it must lie between 0 and 1")
        return (math.log(probability / (1 - probability)) - self.b) / self.a

    def to_json(self) -> dict[str, JSON]:
        """Its attributes."""
        return dict(asdict(self))

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Calibration":
        """The calibration of `to_json`.

        Raises:
            InvalidInput: a key that is unknown, missing or of another type.
        """
        known = {each.name for each in fields(cls)}
        if unknown := sorted(set(value) - known):
            raise InvalidInput("calibration", f"unknown key {unknown[0]!r}; there are {', '.join(sorted(known))}")
        for key, kinds in _TYPES.items():
            if (key in value or key in ("a", "b")) and type(value.get(key)) not in kinds:
                raise InvalidInput("calibration", f"{key} is {value.get(key)!r}; it must be a {kinds[0].__name__}")
        return cls(**value)

    def save(self, path: str | Path) -> None:
        """Write it as JSON, whole or not at all."""
        with written_whole(path) as stream:
            stream.write(json.dumps(self.to_json(), indent=1) + "\n")

    @classmethod
    def read(cls, path: str | Path) -> "Calibration":
        """The calibration of a file that `save` wrote.

        Raises:
            InvalidInput: the file is missing, or is none.
        """
        try:
            with Path(path).open("rb") as stream:
                value = json.loads(stream.read(_MOST_BYTES))
        except (OSError, ValueError, RecursionError) as error:
            raise InvalidInput(str(path), f"no calibration can be read ({error})") from error
        if not isinstance(value, dict):
            raise InvalidInput(str(path), f"holds a {type(value).__name__}, no calibration")
        return cls.from_json(value)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "a": (float, int),
    "b": (float, int),
    "ece": (float, int, type(None)),
    "n": (int,),
    "n_relevant": (int,),
    "note": (str,),
}


@dataclass(frozen=True, slots=True, eq=False)
class JudgedScores:
    """Scores with judgements.

    Attributes:
        scores: float64 (n,). relevant: bool (n,). queries: int64 (n,), the number of the query of each.
    """

    scores: NDArray[np.float64]
    relevant: NDArray[np.bool_]
    queries: NDArray[np.int64]


def judged_scores(
    rankings: Sequence[Ranking],
    judgements: Sequence[Mapping[int, int]],
    *,
    depth: int | None = None,
    relevance: int = 1,
) -> JudgedScores:
    """The scores of rankings with what the judgements say of their passages.

    Args:
        rankings: of a reranker, one for each query.
        judgements: for each query grade by ordinal; what is missing is not relevant.
        depth: how many of each ranking count: as many as have a score of the judge.
        relevance: the smallest grade that is relevant.

    Raises:
        InvalidInput: other numbers of rankings and judgements.
    """
    if len(rankings) != len(judgements):
        raise InvalidInput("judged_scores", f"{len(rankings)} rankings and {len(judgements)} judgements")
    tops = [ranking[:depth] for ranking in rankings]
    grades = [[found.get(id_, 0) for id_ in top.ids.tolist()] for top, found in zip(tops, judgements, strict=True)]
    return JudgedScores(
        np.concatenate([np.zeros(0), *(top.scores for top in tops)]).astype(np.float64),
        np.array([grade >= relevance for row in grades for grade in row], bool),
        np.repeat(np.arange(len(tops)), [len(top) for top in tops]),
    )


def fit_calibration(
    scores: ArrayLike,
    relevant: ArrayLike,
    *,
    queries: Sequence[Hashable] | NDArray[np.int64] | None = None,
    intercept: bool = True,
    folds: int = 5,
    seed: int = 0,
    note: str = "",
) -> Calibration:
    """Fit sigmoid(a * score + b) to judgements.

    Args:
        scores: float (n,), of one scorer.
        relevant: bool (n,).
        queries: of each score, so that no query is on both sides when the error is measured; by default every score is
            a query of its own.
        intercept: fit b too; without, b is 0 (temperature scaling).
        folds: into how many parts queries are dealt for measuring the error.
        seed: of the dealing.
        note: kept.

    Raises:
        InvalidInput: lengths that differ, scores that are not finite or all the same, no relevant passage or nothing
            else, or scores that are no higher for relevant passages.

    Cost: some dozen passes over the scores for each fold; 30,000 scores take about 20 ms.

    Example:
        >>> fitted = fit_calibration([0.1, 0.2, 0.3, 0.4, 0.8, 0.9], [0, 0, 0, 1, 1, 1], folds=3)
        >>> fitted.probabilities([0.2, 0.8]).round(1).tolist()
        [0.3, 0.8]
    """
    wide, truth = np.asarray(scores, np.float64), np.asarray(relevant).astype(bool)
    _check(wide, truth)
    a, b = _fitted(wide, truth, intercept)
    if a <= 0:
        found = f"the slope is {a:.3g}: relevant passages do not score higher than others"
        raise InvalidInput("fit_calibration", found, hint="see that scores and judgements belong together")
    held_out = np.empty(len(wide))
    for fold in _parts(len(wide), queries, folds, seed):
        held_out[fold] = _out_of_fold(wide, truth, fold, intercept)
    error = calibration_error(held_out, truth)
    return Calibration(a, b, error, len(wide), int(truth.sum()), note)


def calibration_error(probabilities: ArrayLike, relevant: ArrayLike, *, bins: int = 10) -> float:
    """Expected calibration error: how far probabilities are from how often they come true, on average.

    Scores are dealt into bins of equal numbers by their probability, equal ones together (Nguyen and O'Connor,
    EMNLP 2015): in rankings most passages are not relevant, and bins of equal width would hold nearly all in the first.

    Args:
        probabilities: float (n,). relevant: bool (n,).

    Raises:
        InvalidInput: lengths that differ, or nothing.

    Example:
        >>> calibration_error([0.25, 0.25, 0.25, 0.25], [1, 0, 0, 0])
        0.0
    """
    told, truth = np.asarray(probabilities, np.float64), np.asarray(relevant).astype(bool)
    if told.ndim != 1 or told.shape != truth.shape or len(told) == 0 or bins < 1:
        raise InvalidInput("calibration_error", f"{told.shape} probabilities, {truth.shape} judgements and {bins} bins")
    edges = np.unique(np.quantile(told, np.linspace(0, 1, bins + 1)[1:-1]))
    bin_of = np.searchsorted(edges, told, side="right")
    gaps = np.bincount(bin_of, weights=told - truth)
    return float(np.abs(gaps).sum() / len(told))


def _check(scores: NDArray[np.float64], relevant: NDArray[np.bool_]) -> None:
    where = "fit_calibration"
    if scores.ndim != 1 or scores.shape != relevant.shape:
        raise InvalidInput(where, f"{scores.shape} scores and {relevant.shape} judgements; both must be (n,)")
    if not np.isfinite(scores).all():
        raise InvalidInput(where, "a score is not finite")
    if not relevant.any() or relevant.all():
        found = "no passage is relevant" if not relevant.any() else "every passage is relevant"
        raise InvalidInput(where, f"{found} of {len(relevant)}; both kinds are needed", "take more judged queries")
    if scores.min() == scores.max():
        raise InvalidInput(where, f"all scores are {scores[0]}; they tell nothing apart")


def _fitted(scores: NDArray[np.float64], relevant: NDArray[np.bool_], intercept: bool) -> tuple[float, float]:
    """(a, b) of the greatest likelihood under smoothed targets, by Newton's method with halved steps."""
    centre, spread = (float(scores.mean()) if intercept else 0.0), float(scores.std()) or 1.0
    x = (scores - centre) / spread
    design = np.column_stack([x, np.full(len(x), 1.0 if intercept else 0.0)])
    n_relevant = int(relevant.sum())
    targets = np.where(relevant, (n_relevant + 1) / (n_relevant + 2), 1 / (len(x) - n_relevant + 2))
    at = np.zeros(2)
    loss = _loss(design @ at, targets)
    for _ in range(_ITERATIONS):
        p = _sigmoid(design @ at)
        gradient = design.T @ (p - targets)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + np.eye(2) * (_RIDGE * len(x))
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while (new := _loss(design @ (at - size * step), targets)) > loss and size > 1e-10:
            size /= 2
        if loss - new <= 1e-12 * max(1.0, loss):
            break
        at, loss = at - size * step, new
    return float(at[0] / spread), float(at[1] - at[0] * centre / spread)


def _loss(logits: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    """Cross entropy: log(1 + exp(z)) - t z, which does not overflow."""
    return float((np.logaddexp(0.0, logits) - targets * logits).sum())


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    positive = 1.0 / (1.0 + np.exp(-np.abs(logits)))
    sigmoid: NDArray[np.float64] = np.where(logits >= 0, positive, 1.0 - positive)
    return sigmoid


def _parts(n: int, queries: Any, folds: int, seed: int) -> list[NDArray[np.int64]]:
    """The places of each fold; a query is in one only, and there are no more folds than queries."""
    if queries is None:
        group_of = np.arange(n)
    else:
        numbers: dict[Hashable, int] = {}
        group_of = np.array([numbers.setdefault(query, len(numbers)) for query in queries], np.int64)
    n_groups = int(group_of.max()) + 1 if len(group_of) else 0
    if len(group_of) != n or folds < 2 or n_groups < 2:
        found = f"{len(group_of)} queries ({n_groups} different) of {n} scores, {folds} folds"
        raise InvalidInput("fit_calibration", f"{found}; there must be a query for each score, and 2 of each at least")
    fold_of_group = np.empty(n_groups, np.int64)
    fold_of_group[np.random.default_rng(seed).permutation(n_groups)] = np.arange(n_groups) % folds
    fold_of = fold_of_group[group_of]
    return [np.flatnonzero(fold_of == fold) for fold in range(min(folds, n_groups))]


def _out_of_fold(
    scores: NDArray[np.float64], relevant: NDArray[np.bool_], fold: NDArray[np.int64], intercept: bool
) -> NDArray[np.float64]:
    """Probabilities of a fold under what the others say."""
    others = np.ones(len(scores), bool)
    others[fold] = False
    a, b = _fitted(scores[others], relevant[others], intercept)
    return _sigmoid(a * scores[fold] + b)

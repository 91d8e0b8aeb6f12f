"""Fitting a calibration of scores to judgements, and how far it is from the truth.

Platt's sigmoid (Advances in Large Margin Classifiers, 1999) with his smoothed targets, by Newton's method as Lin, Lin
and Weng do it (Machine Learning 68, 2007). With `intercept=False` it is temperature scaling (Guo et al., ICML 2017),
which leaves a score of 0 at a half: for logits of a model that is right on average, which rerankers of a list, where
most passages are not relevant, hardly are; of cosines it cannot be made. With `within=True` it also weighs where a
score stands among those of its query, which on three collections out of three fits better (docs/selection.md).

Unjudged passages count as not relevant, as everywhere.

Left out on purpose: isotonic regression, which needs more judgements than people have, and anything else per query.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.places import warn_of_places
from spaniel.retrieval.types import Ranking

from .logistic import logistic_weights
from .score_calibration import Calibration, sigmoid, standing

__all__ = ["JudgedScores", "calibration_error", "fit_calibration", "judged_scores"]


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
    warn_of_places("judged_scores", rankings)
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
    within: bool = False,
    intercept: bool = True,
    depth: int | None = None,
    folds: int = 5,
    seed: int = 0,
    note: str = "",
) -> Calibration:
    """Fit a `Calibration` to judgements.

    Args:
        scores: float (n,), of one scorer.
        relevant: bool (n,).
        queries: of each score, so that no query is on both sides when the error is measured; by default every score is
            a query of its own.
        within: fit c too, which needs `queries`; where one of a and c would be negative, it is 0.
        intercept: fit b too; without, b is 0 (temperature scaling).
        depth: kept: how many of each ranking the scores are.
        folds: into how many parts queries are dealt for measuring the error.
        seed: of the dealing.
        note: kept.

    Raises:
        InvalidInput: lengths that differ, scores that are not finite or all the same, no relevant passage or nothing
            else, or scores that are no higher for relevant passages.

    Cost: some dozen passes over the scores for each fold; 15,000 scores take about 50 ms.

    Example:
        >>> fitted = fit_calibration([0.1, 0.2, 0.3, 0.4, 0.8, 0.9], [0, 0, 0, 1, 1, 1], folds=3)
        >>> fitted.probabilities([0.2, 0.8]).round(1).tolist()
        [0.3, 0.8]
    """
    wide, truth = np.asarray(scores, np.float64), np.asarray(relevant).astype(bool)
    _check(wide, truth)
    if within and queries is None:
        raise InvalidInput("fit_calibration", "within=True needs the query of each score: queries=...")
    group_of = _groups(len(wide), queries)
    columns = np.column_stack([wide, _standings(wide, group_of) if within else np.zeros(len(wide))])
    a, c, b = _fitted(columns, truth, intercept)
    if max(a, c) <= 0:
        found = f"the slope is {min(a, c):.3g}: relevant passages do not score higher than others"
        alone = "scores that are above 0 for most of what is not relevant, such as cosines, need the intercept"
        hint = "see that scores and judgements belong together" if intercept else alone
        raise InvalidInput("fit_calibration", found, hint)
    held_out = np.empty(len(wide))
    for fold in _parts(group_of, folds, seed):
        held_out[fold] = _out_of_fold(columns, truth, fold, intercept)
    error = calibration_error(held_out, truth)
    return Calibration(a, b, c, depth, error, len(wide), int(truth.sum()), note)


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


def _fitted(columns: NDArray[np.float64], relevant: NDArray[np.bool_], intercept: bool) -> tuple[float, float, float]:
    """(a, c, b), of scores and standings (n, 2); the weight that would be negative beside the other one is 0."""
    a, c, b = _newton(columns, relevant, intercept)
    if min(a, c) < 0 < max(a, c):
        kept = columns * [a > 0, c > 0]
        a, c, b = _newton(kept, relevant, intercept)
    return a, c, b


def _newton(columns: NDArray[np.float64], relevant: NDArray[np.bool_], intercept: bool) -> tuple[float, float, float]:
    """(a, c, b) of the greatest likelihood under smoothed targets, by Newton's method with halved steps."""
    centre = columns.mean(axis=0) if intercept else np.zeros(2)
    spread = columns.std(axis=0)
    used = spread > 0
    spread = np.where(used, spread, 1.0)
    design = np.column_stack([(columns - centre) / spread * used, np.full(len(columns), 1.0 if intercept else 0.0)])
    n_relevant = int(relevant.sum())
    targets = np.where(relevant, (n_relevant + 1) / (n_relevant + 2), 1 / (len(columns) - n_relevant + 2))
    at = logistic_weights(design, targets)
    slopes = at[:2] / spread * used
    return float(slopes[0]), float(slopes[1]), float(at[2] - slopes @ centre)


def _standings(scores: NDArray[np.float64], group_of: NDArray[np.int64]) -> NDArray[np.float64]:
    """The standing of each score among those of its query."""
    standings = np.zeros(len(scores))
    order = np.argsort(group_of, kind="stable")
    for places in np.split(order, np.flatnonzero(np.diff(group_of[order])) + 1):
        standings[places] = standing(scores[places])
    return standings


def _groups(n: int, queries: Sequence[Hashable] | NDArray[np.int64] | None) -> NDArray[np.int64]:
    """The number of each score's query, from 0."""
    if queries is None:
        return np.arange(n)
    numbers: dict[Hashable, int] = {}
    group_of = np.array([numbers.setdefault(query, len(numbers)) for query in queries], np.int64)
    if len(group_of) != n or len(numbers) < 2:
        found = f"{len(group_of)} queries ({len(numbers)} different) of {n} scores"
        raise InvalidInput("fit_calibration", f"{found}; there must be one for each score, and 2 different at least")
    return group_of


def _parts(group_of: NDArray[np.int64], folds: int, seed: int) -> list[NDArray[np.int64]]:
    """The places of each fold; a query is in one only, and there are no more folds than queries."""
    if folds < 2:
        raise InvalidInput("fit_calibration", f"{folds} folds; there must be 2 at least")
    n_groups = int(group_of.max()) + 1
    fold_of_group = np.empty(n_groups, np.int64)
    fold_of_group[np.random.default_rng(seed).permutation(n_groups)] = np.arange(n_groups) % folds
    fold_of = fold_of_group[group_of]
    return [np.flatnonzero(fold_of == fold) for fold in range(min(folds, n_groups))]


def _out_of_fold(
    columns: NDArray[np.float64], relevant: NDArray[np.bool_], fold: NDArray[np.int64], intercept: bool
) -> NDArray[np.float64]:
    """Probabilities of a fold under what the others say."""
    others = np.ones(len(columns), bool)
    others[fold] = False
    a, c, b = _fitted(columns[others], relevant[others], intercept)
    return sigmoid(columns[fold] @ [a, c] + b)

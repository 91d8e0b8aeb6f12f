"""Weights of a fusion, fitted on judgements, with figures for queries that had no part in the fitting.

Every query's nDCG is computed for every point of a lattice of weights that sum to 1; fitting is then a mean over
queries and a choice, so that cross-validation costs nothing more. Few judgements carry little: of all points whose
mean is within one standard error of the best one's (of the paired difference to it), the one nearest to equal weights
is taken (the one-standard-error rule of Breiman et al., Classification and Regression Trees, 1984, sec. 3.4.3). With
twenty queries that is mostly the default; with hundreds the data decide.

Left out on purpose: weights that depend on the query, and other measures.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidInput
from .fusion import Floors, Scale, table
from .types import Ranking

__all__ = ["FittedWeights", "fit_weights", "lattice"]

_STEPS = {1: 1, 2: 20, 3: 20, 4: 10}
"""Number of rankings -> steps from 0 to 1: 1, 21, 231, 286 points."""


@dataclass(frozen=True, slots=True)
class FittedWeights:
    """Weights, and what they are worth.

    Attributes:
        weights: fitted on all queries; they sum to 1.
        out_of_fold: float64 (n_queries,), nDCG of each query under weights fitted without its fold.
        at_equal: float64 (n_queries,), nDCG under equal weights.
        of_folds: the weights fitted without each fold; far apart, they say that judgements are few.
    """

    weights: tuple[float, ...]
    out_of_fold: NDArray[np.float64]
    at_equal: NDArray[np.float64]
    of_folds: tuple[tuple[float, ...], ...]


def fit_weights(
    rows: Sequence[Sequence[Ranking]],
    judgements: Sequence[Mapping[int, int]],
    *,
    scale: Scale = "weighted",
    units: NDArray[np.float64] | None = None,
    floors: Floors | None = None,
    cutoff: int = 10,
    folds: int = 5,
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> FittedWeights:
    """Weights for `fusion.convex`, `fusion.minmax` or (with units) `calibration.CalibratedSum`.

    Args:
        rows: for each query one ranking from each retriever, always in the same order; 1 to 4 of them.
        judgements: for each query grade by ordinal. What is relevant but not in the index counts under any key that is
            no ordinal of it (a negative number).
        scale: what the weights will be multiplied with.
        units: float64 (n_queries, n_rankings): scores are divided by them; only for scale "weighted".
        floors: see `fusion`.
        cutoff: of nDCG (linear gain, ideal over all judgements, as trec_eval has it).
        folds: into how many parts queries are dealt; at least 2.
        groups: for each query what it must share a fold with (paraphrases, questions on one text); by default nothing.
        seed: of the dealing.

    Raises:
        InvalidInput: arguments that do not fit together, or fewer groups than folds.

    Cost: n_queries times the points of the lattice (21 for two rankings) times a sort of their passages; about 0.5 ms
    a query for two lists of 200.
    """
    n = len(rows)
    widths = {len(row) for row in rows}
    if n == 0 or len(judgements) != n or len(widths) != 1 or not widths <= set(_STEPS):
        found = f"{n} rows of {sorted(widths)} rankings and {len(judgements)} judgements"
        raise InvalidInput("fit_weights", f"{found}; there must be as many of both, and 1 to {max(_STEPS)} rankings")
    [width] = widths
    if units is not None and (scale != "weighted" or units.shape != (n, width) or not np.all(units > 0)):
        raise InvalidInput("fit_weights", f"units must be positive numbers ({n}, {width}), for scale 'weighted'")
    points = lattice(width)
    values = np.empty((n, len(points)))
    for place, (row, grades) in enumerate(zip(rows, judgements, strict=True)):
        ids, columns = table(row, floors, scale=scale)
        if units is not None:
            columns = columns / units[place]
        values[place] = _ndcg(ids, columns @ points.T, grades, cutoff)
    fold_of = _dealt(range(n) if groups is None else groups, n, folds, seed)
    chosen = [_choice(values[fold_of != fold], points) for fold in range(folds)]
    out_of_fold = values[np.arange(n), np.array(chosen)[fold_of]]
    equal = int(np.argmin(_distances(points)))
    final = _choice(values, points)
    return FittedWeights(
        tuple(points[final].tolist()),
        out_of_fold,
        values[:, equal].copy(),
        tuple(tuple(points[place].tolist()) for place in chosen),
    )


def lattice(width: int) -> NDArray[np.float64]:
    """Weights >= 0 that sum to 1, evenly spaced, and the equal ones: float64 (n_points, width)."""
    steps = _STEPS[width]
    points = np.array(list(_shares(steps, width)), dtype=np.float64) / steps
    equal = np.full((1, width), 1.0 / width)
    return points if (points == equal).all(axis=1).any() else np.concatenate([equal, points])


def _shares(steps: int, width: int) -> Iterator[tuple[int, ...]]:
    """Every way to share `steps` among `width`."""
    for bars in combinations(range(steps + width - 1), width - 1):
        ends = (-1, *bars, steps + width - 1)
        yield tuple(ends[i + 1] - ends[i] - 1 for i in range(width))


def _ndcg(
    ids: NDArray[np.int32], scores: NDArray[np.float64], grades: Mapping[int, int], cutoff: int
) -> NDArray[np.float64]:
    """nDCG of each column of scores (n_ids, n_points): float64 (n_points,); ids ascend, ties go to the smaller."""
    discounts = 1.0 / np.log2(np.arange(2, cutoff + 2))
    best = np.sort([max(grade, 0) for grade in grades.values()])[::-1][:cutoff]
    ideal = float((best * discounts[: len(best)]).sum())
    if ideal == 0:
        return np.zeros(scores.shape[1])
    gains = np.array([max(grades.get(id_, 0), 0) for id_ in ids.tolist()], dtype=np.float64)
    tops = np.argsort(-scores.astype(np.float32), axis=0, kind="stable")[:cutoff]
    found: NDArray[np.float64] = (gains[tops] * discounts[: len(tops), None]).sum(axis=0) / ideal
    return found


def _dealt(groups: Sequence[Hashable], n: int, folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each query: int64 (n,); groups are dealt in random order, the larger ones first."""
    if len(groups) != n:
        raise InvalidInput("fit_weights", f"{len(groups)} groups for {n} queries")
    numbers: dict[Hashable, int] = {}
    group_of = np.array([numbers.setdefault(group, len(numbers)) for group in groups])
    if not 2 <= folds <= len(numbers):
        raise InvalidInput("fit_weights", f"{folds} folds; there must be 2 to {len(numbers)}, the number of groups")
    sizes = np.bincount(group_of)
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of_group: NDArray[np.int64] = np.empty(len(sizes), np.int64)
    fold_of_group[order] = np.arange(len(sizes)) % folds
    folds_of: NDArray[np.int64] = fold_of_group[group_of]
    return folds_of


def _distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each point is from equal weights."""
    distances: NDArray[np.float64] = np.linalg.norm(points - 1.0 / points.shape[1], axis=1)
    return distances


def _choice(values: NDArray[np.float64], points: NDArray[np.float64]) -> int:
    """The point nearest to equal weights that no more than chance tells from the best one; ties by place."""
    means = values.mean(axis=0)
    best = int(np.argmax(means))
    behind = values[:, [best]] - values
    error = behind.std(axis=0, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.inf
    near = means[best] - means <= error
    distances = np.where(near, np.round(_distances(points), 9), np.inf)
    return int(np.argmin(distances))

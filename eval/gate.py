"""A gate for continuous integration: do these results still stand up to those that were accepted before?

A figure fails in one of two ways. It fell by more than `max_drop` points (hundredths), whatever chance may have to do
with it; or it fell significantly, however little. Where both sides have values of every query, significance is that of
the paired randomisation test, with Holm's correction over everything that is gated; where only means and intervals are
there, a fall counts as significant when the two intervals do not touch, which is stricter and sees less. The row says
which it was.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput

from .results_format import CollectionResults, MeasureFigure, PipelineResults
from .results_reader import read_parts, read_queries
from .statistics import holm, paired_difference

__all__ = ["GateRow", "Verdict", "check_same_collection", "gate"]


@dataclass(frozen=True, slots=True)
class GateRow:
    """One measure of one pipeline on one collection.

    Attributes:
        drop: how far it fell, in points (hundredths); below 0 when it rose.
        test: "paired" (per-query values), "intervals" (means and intervals only) or "none" (means only).
        p, p_adjusted: of the paired test, before and after Holm's correction over all rows; None without one.
        reason: why it stands or fails, in words.
    """

    collection: str
    pipeline: str
    measure: str
    baseline: float
    figure: float
    drop: float
    test: Literal["paired", "intervals", "none"]
    p: float | None = None
    p_adjusted: float | None = None
    ok: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says: `ok` when every row is."""

    rows: tuple[GateRow, ...]
    max_drop: float
    alpha: float
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Nothing fell too far."""
        return all(row.ok for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "ok": self.ok,
            "max_drop": self.max_drop,
            "alpha": self.alpha,
            "rows": [asdict(row) for row in self.rows],
            "notes": list(self.notes),
        }


def gate(
    results: str | Path,
    baseline: str | Path,
    *,
    max_drop: float = 0.5,
    alpha: float = 0.05,
    measures: Sequence[str] = (),
    pipelines: Sequence[str] = (),
    seed: int = 0,
) -> Verdict:
    """Hold results to a baseline.

    Args:
        results: a results folder.
        baseline: a results folder, or a results.json; pairs are made when a per-query.jsonl lies beside it.
        max_drop: how many points a mean may fall.
        alpha: level of significance: a fall whose adjusted p-value is at most this is significant.
        measures, pipelines: what is gated; by default everything that the baseline has.

    Raises:
        InvalidInput: unusable files, different collections, or something gated that the results do not have: what is
            no longer measured must not pass in silence.

    Example:
        >>> verdict = gate("out", "accepted", max_drop=0.5)  # doctest: +SKIP
        >>> verdict.ok, [row.reason for row in verdict.rows if not row.ok]  # doctest: +SKIP
    """
    if not 0 <= max_drop < math.inf or not 0 < alpha < 1:
        raise InvalidInput("gate", f"max_drop is {max_drop} and alpha {alpha}; at least 0, and between 0 and 1")
    old, new = (_by_name(path) for path in (baseline, results))
    if absent := old.keys() - new.keys():
        raise InvalidInput(str(results), f"has no collection {min(absent)!r}, which the baseline has")
    rows: list[GateRow] = []
    notes = [f"{name}: not in the baseline" for name in new if name not in old]
    for name, part in old.items():
        check_same_collection(part[1], new[name][1], str(results))
        rows += _rows(name, part, new[name], measures, pipelines, seed)
        known = {pipeline.name for pipeline in part[1].pipelines}
        notes += [f"{name}: {one.name} is new and not gated" for one in new[name][1].pipelines if one.name not in known]
    return Verdict(tuple(_judged(rows, max_drop, alpha)), max_drop, alpha, tuple(notes))


Part = tuple[Path, CollectionResults]


def _by_name(path: str | Path) -> dict[str, Part]:
    return {results.collection.name: (folder, results) for folder, results in read_parts(path)}


def check_same_collection(one: CollectionResults, other: CollectionResults, where: str) -> None:
    """Refuse to compare figures of different corpora, queries or judgements.

    Raises:
        InvalidInput: a hash that both have differs, or the names do where there is no hash, or the grade from which
            binary measures count a document as relevant.
    """
    a, b = one.collection, other.collection
    differing = sorted(part for part in a.sha256.keys() & b.sha256.keys() if a.sha256[part] != b.sha256[part])
    if differing:
        raise InvalidInput(
            where,
            f"another collection: {' and '.join(differing)} of {a.name!r} and {b.name!r} have different SHA-256 "
            f"({a.sha256[differing[0]][:12]}… and {b.sha256[differing[0]][:12]}…)",
            hint="figures compare only on the same documents, queries and judgements; run both evaluations again",
        )
    if not a.sha256.keys() & b.sha256.keys() and (a.name, a.split) != (b.name, b.split):
        raise InvalidInput(where, f"another collection: {a.name!r} {a.split!r} and {b.name!r} {b.split!r}")
    if a.relevance != b.relevance:
        raise InvalidInput(
            where,
            f"binary measures count documents of grade {a.relevance} or more in one of the two and {b.relevance} or "
            "more in the other",
            hint="run both evaluations again",
        )


def _rows(
    collection: str, old: Part, new: Part, measures: Sequence[str], pipelines: Sequence[str], seed: int
) -> Iterator[GateRow]:
    """A row a pipeline and measure, not yet judged."""
    before, after = ({one.name: one for one in part[1].pipelines} for part in (old, new))
    values_before, values_after = _values(*old), _values(*new)
    if values_before and values_after and values_before[0] != values_after[0]:
        raise InvalidInput(str(new[0]), f"{collection}: other judged queries than the baseline's")
    for name in pipelines or before:
        for sides, where in ((before, "the baseline has"), (after, "the results have")):
            if name not in sides:
                raise InvalidInput("gate", f"{collection}: {where} no pipeline {name!r}; there is {', '.join(sides)}")
        _check_depth(before[name], after[name], str(new[0]))
        for measure in measures or old[1].measures:
            figures = [_figure(side[name], measure, collection) for side in (before, after)]
            values = None
            if values_before and values_after:
                values = values_after[1][name, measure], values_before[1][name, measure]
            yield _row(collection, name, measure, figures, values, seed)


def _check_depth(old: PipelineResults, new: PipelineResults, where: str) -> None:
    """Refuse rankings that were cut at other depths; a run from a file does not say its own."""
    depths = old.card.get("depth"), new.card.get("depth")
    if None not in depths and depths[0] != depths[1]:
        raise InvalidInput(
            where,
            f"rankings of {new.name!r} are {depths[1]} deep, the baseline's {depths[0]}",
            hint=f"run the evaluation again with --depth {depths[0]}, or accept a new baseline with --update",
        )


def _figure(pipeline: PipelineResults, measure: str, collection: str) -> MeasureFigure:
    if measure not in pipeline.measures:
        there = ", ".join(pipeline.measures)
        raise InvalidInput("gate", f"{collection}: {pipeline.name!r} has no {measure}; it has {there}")
    return pipeline.measures[measure]


Values = tuple[tuple[str, ...], Mapping[tuple[str, str], NDArray[np.float64]]]


def _values(folder: Path, results: CollectionResults) -> Values | None:
    """Query ids, sorted, and (pipeline, measure) -> values in that order; None without a per-query file."""
    queries = sorted(read_queries(folder, results), key=lambda query: query.query_id)
    if not queries:
        return None
    found = {
        (one.name, measure): np.array([query.pipelines[one.name].measures[measure] for query in queries])
        for one in results.pipelines
        for measure in results.measures
    }
    return tuple(query.query_id for query in queries), found


def _row(
    collection: str,
    pipeline: str,
    measure: str,
    figures: Sequence[MeasureFigure],
    values: tuple[NDArray[np.float64], NDArray[np.float64]] | None,
    seed: int,
) -> GateRow:
    old, new = figures
    # A difference that is rounding alone is none: without this, the last bit of a sum could cross the limit.
    drop = round(100 * (old.mean - new.mean), 9) + 0.0
    row = GateRow(collection, pipeline, measure, old.mean, new.mean, drop, "none")
    if values is not None:
        return replace(row, test="paired", p=paired_difference(*values, seed=seed).p)
    if old.low is not None and new.high is not None:
        return replace(row, test="intervals", ok=not (drop > 0 and new.high < old.low))
    return row


def _judged(rows: Sequence[GateRow], max_drop: float, alpha: float) -> Iterator[GateRow]:
    """The rows with adjusted p-values, verdicts and reasons."""
    paired = [row.p for row in rows if row.p is not None]
    adjusted = iter(holm(paired).tolist() if paired else [])
    for row in rows:
        p = next(adjusted) if row.p is not None else None
        significant = row.drop > 0 and (p <= alpha if p is not None else not row.ok)
        too_far = row.drop > max_drop
        reason = _reason(row, p, significant, too_far, max_drop)
        yield replace(row, p_adjusted=p, ok=not significant and not too_far, reason=reason)


def _reason(row: GateRow, p: float | None, significant: bool, too_far: bool, max_drop: float) -> str:
    tests = {"paired": f"adjusted p = {p:.4f}" if p is not None else "", "none": "no intervals to test with"}
    tested = tests.get(row.test, "by intervals: they do not touch" if significant else "by intervals: they overlap")
    if row.drop <= 0:
        return "the same" if row.drop == 0 else f"rose by {-row.drop:.2f} points"
    words = [f"fell by {row.drop:.2f} points"]
    words.append(f"more than {max_drop:g}" if too_far else f"within {max_drop:g}")
    words.append(f"{'significant' if significant else 'not significant'} ({tested})")
    return ", ".join(words)

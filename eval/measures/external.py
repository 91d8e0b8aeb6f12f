"""Measures that ir_measures computes (MacAvaney, Macdonald and Ounis, ECIR 2022), on our order.

It and the tools under it order results themselves, by score as float32, each with ties of its own. So they are given
scores that say nothing but our order: n - rank, whole numbers, which float32 keeps apart up to 2^24 results a query.
Negative grades reach them as 0: pytrec_eval writes outside its memory over queries whose grades are all negative.
Queries and documents reach them as numbers from 1: gdeval, which computes ERR, takes no other ids of queries, and what
stands before a hyphen it drops.
"""

from collections.abc import Iterable, Mapping, Sequence
from subprocess import CalledProcessError
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.qrels import Qrels
from spaniel.eval.run import Run
from spaniel.retrieval.errors import InvalidInput, require

from .names import Measure, unknown

__all__ = ["compute"]


def compute(
    measures: Sequence[Measure],
    run: Run,
    qrels: Qrels,
    *,
    query_ids: Sequence[str],
    relevance: int,
    judged_only: bool,
) -> dict[str, NDArray[np.float64]]:
    """Measure text -> float64 (len(query_ids),); queries without results get what ir_measures gives those (0).

    Raises:
        MissingExtra: ir_measures is not installed.
        InvalidInput: a name or parameter it does not know, or one for which it needs another package.
    """
    ir_measures = require("ir_measures", extra="eval")
    theirs = [_theirs(ir_measures, measure, relevance, judged_only) for measure in measures]
    if any(grade < 0 for query_id in query_ids for grade in qrels[query_id].values()):
        _refuse_negative(zip(measures, theirs, strict=True))
    numbers = _Numbers()
    judged = {
        str(place): {numbers.number(id_): max(grade, 0) for id_, grade in qrels[query_id].items()}
        for place, query_id in enumerate(query_ids, 1)
    }
    rankings = _rank_scores(run, query_ids, numbers)
    values = {}
    for measure, their in zip(measures, theirs, strict=True):
        column = np.zeros(len(query_ids))
        try:
            for metric in ir_measures.DefaultPipeline.evaluator([their], judged).iter_calc(rankings):
                column[int(metric.query_id) - 1] = metric.value
        except Exception as error:  # what the tools under it raise is anything: a failed program, a KeyError
            raise _refused(measure, error) from error
        values[measure.text] = column
    return values


class _Numbers:
    """Ids as numbers from 1, written as text, in the order in which they were met."""

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}

    def number(self, id_: str) -> str:
        """The number of an id, the same each time."""
        return self._numbers.setdefault(id_, str(len(self._numbers) + 1))


def _refused(measure: Measure, error: Exception) -> InvalidInput:
    """The error for a measure that ir_measures or a program under it could not compute."""
    if isinstance(error, CalledProcessError):
        reason, hint = f"the program under it failed (exit code {error.returncode})", ""
        if measure.name == "ERR":
            hint = "ERR comes from gdeval in perl, which takes grades up to 4"
    else:
        reason = " ".join(str(error).split())
        reason = reason if isinstance(error, ValueError | AssertionError) else f"{type(error).__name__}: {reason}"
        hint = "install what is named there, or choose another measure" if "following providers" in reason else ""
    return InvalidInput("measure", f"ir_measures does not compute {measure.text!r}: {reason}", hint=hint)


def _theirs(ir_measures: ModuleType, measure: Measure, relevance: int, judged_only: bool) -> Any:
    """The measure as an object of ir_measures; our defaults for parameters that the name leaves open."""
    registry: Mapping[str, Any] = ir_measures.measures.registry
    if measure.name not in registry:
        raise unknown(measure, registry)
    base = registry[measure.name]
    params = {**base.params, **measure.params}
    if measure.at is not None:
        params[base.AT_PARAM] = measure.at
    for name, value, neutral in (("rel", relevance, 1), ("judged_only", judged_only, False)):
        # RBP's `rel` has no default, and nothing computes RBP without one.
        if name in base.SUPPORTED_PARAMS and (value != neutral or base.NAME == "RBP"):
            params.setdefault(name, value)
    _check_required(measure, base, params)
    their = base(**{name: value for name, value in params.items() if name not in base.params}) if params else base
    try:
        their.validate_params()
    except AssertionError as error:
        raise InvalidInput("measure", f"{measure.text!r}: {error}") from None
    return their


def _refuse_negative(measures: Iterable[tuple[Measure, Any]]) -> None:
    """Raise for a measure that would take a negative grade for something else than judged and not relevant."""
    for measure, their in measures:
        if measure.name == "infAP" or ("rel" in their.SUPPORTED_PARAMS and their["rel"] < 1):
            raise InvalidInput(
                "measure",
                f"{measure.text!r} cannot be computed with negative grades",
                hint="leave them out of the qrels, or make them 0",
            )


def _check_required(measure: Measure, base: Any, params: Mapping[str, Any]) -> None:
    """Raise for a parameter that the measure cannot do without."""
    for name, known in base.SUPPORTED_PARAMS.items():
        if not known.required or name in params:
            continue
        if name == base.AT_PARAM:
            raise InvalidInput(
                "measure", f"{measure.text!r} needs a {name}", hint=f"write it behind an @: {measure.text}@…"
            )
        words = "the highest grade of the judgements" if name == "max_rel" else known.desc or "a value"
        raise InvalidInput(
            "measure", f"{measure.text!r} needs {name}, {words}", hint=f"write it in brackets: {measure.name}({name}=…)"
        )


def _rank_scores(run: Run, query_ids: Sequence[str], numbers: _Numbers) -> dict[str, dict[str, float]]:
    """Query -> document -> n - rank, by their numbers, for judged queries that found something.

    Some tools divide by the number of results.
    """
    columns, names = run.final, run.document_ids
    rankings = {}
    for number, query_id in enumerate(query_ids, 1):
        place = run.place(query_id)
        if place is None or not (ids := columns.ids[columns.rows(place)].tolist()):
            continue
        rankings[str(number)] = {numbers.number(names[id_]): float(len(ids) - rank) for rank, id_ in enumerate(ids)}
    return rankings

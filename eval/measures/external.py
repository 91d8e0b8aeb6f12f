"""Measures that ir_measures computes (MacAvaney, Macdonald and Ounis, ECIR 2022), on our order.

It and the tools under it order results themselves, by score as float32, each with ties of its own. So they are given
scores that say nothing but our order: n - rank, whole numbers, which float32 keeps apart up to 2^24 results a query.
Negative grades reach them as 0: pytrec_eval writes outside its memory over queries whose grades are all negative.
"""

from collections.abc import Iterable, Mapping, Sequence
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
    judged = {query_id: {id_: max(grade, 0) for id_, grade in qrels[query_id].items()} for query_id in query_ids}
    if any(grade < 0 for query_id in query_ids for grade in qrels[query_id].values()):
        _refuse_negative(zip(measures, theirs, strict=True))
    rankings = _rank_scores(run, judged)
    places = {query_id: place for place, query_id in enumerate(query_ids)}
    values = {}
    for measure, their in zip(measures, theirs, strict=True):
        column = np.zeros(len(query_ids))
        try:
            for metric in ir_measures.DefaultPipeline.evaluator([their], judged).iter_calc(rankings):
                column[places[metric.query_id]] = metric.value
        except (ValueError, TypeError, AssertionError) as error:
            reason = " ".join(str(error).split())
            raise InvalidInput("measure", f"ir_measures does not compute {measure.text!r}: {reason}") from error
        values[measure.text] = column
    return values


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
        if name in base.SUPPORTED_PARAMS and value != neutral:
            params.setdefault(name, value)
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


def _rank_scores(run: Run, judged: Mapping[str, object]) -> dict[str, dict[str, float]]:
    """Query -> document -> n - rank, for judged queries that found something: some tools divide by their number."""
    columns, names = run.final, run.document_ids
    rankings = {}
    for place, query_id in enumerate(run.query_ids):
        rows = columns.rows(place)
        n_found = rows.stop - rows.start
        if query_id in judged and n_found:
            ids = columns.ids[rows].tolist()
            rankings[query_id] = {names[id_]: float(n_found - rank) for rank, id_ in enumerate(ids)}
    return rankings

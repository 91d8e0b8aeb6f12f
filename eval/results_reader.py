"""Reading a results folder (`results_format`), checked: types, finite numbers, and names that agree between the parts.

Nothing is computed here. Sizes are checked before anything is read into memory.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from spaniel.retrieval.errors import InvalidInput

from .results_format import (
    FORMAT,
    PER_QUERY,
    RESULTS,
    CollectionResults,
    MacroResults,
    QueryResults,
    part_folder,
)

__all__ = ["read_parts", "read_queries", "read_results"]

_MAX_RESULTS_BYTES, _MAX_LINE_BYTES = 256 << 20, 16 << 20
_SAME_MEAN = 1e-9  # sums in another order differ by less
_HINT = "`spaniel eval run COLLECTION --out DIR` writes such a folder"
_QUERY = msgspec.json.Decoder(QueryResults)


class _Head(msgspec.Struct):
    """What is read before anything else."""

    format: int
    collections: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def read_results(path: str | Path) -> CollectionResults | MacroResults:
    """The results of a folder, or of a file like its `results.json`.

    Raises:
        InvalidInput: nothing there, another format, or figures that do not fit together; the place is named.
    """
    file = Path(path) / RESULTS if Path(path).is_dir() else Path(path)
    try:
        if file.stat().st_size > _MAX_RESULTS_BYTES:
            raise InvalidInput(str(file), f"is larger than {_MAX_RESULTS_BYTES >> 20} MiB; this is no results.json")
        data = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        what = f"no {RESULTS} in it" if Path(path).is_dir() else "no such file or folder"
        raise InvalidInput(str(path), what, hint=_HINT) from None
    try:
        return _decoded(data, str(file))
    except InvalidInput:
        raise
    except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise InvalidInput(str(file), f"not the results of an evaluation: {error}", hint=_HINT) from error


def _decoded(data: bytes, where: str) -> CollectionResults | MacroResults:
    head = msgspec.json.decode(data, type=_Head)
    if head.format != FORMAT:
        raise InvalidInput(where, f"format {head.format}; this release reads {FORMAT}", hint="run the evaluation again")
    if head.collections is not msgspec.UNSET:
        return msgspec.json.decode(data, type=MacroResults)
    results = msgspec.json.decode(data, type=CollectionResults)
    _check(results)
    return results


def read_parts(folder: str | Path) -> list[tuple[Path, CollectionResults]]:
    """The folder itself when it holds one collection, else each of its collections' folders, in order.

    Raises:
        InvalidInput: as `read_results`, or a part that holds several collections itself.
    """
    results = read_results(folder)
    if isinstance(results, CollectionResults):
        return [(Path(folder), results)]
    parts = []
    for name in results.collections:
        path = part_folder(Path(folder) if Path(folder).is_dir() else Path(folder).parent, name)
        part = read_results(path)
        if not isinstance(part, CollectionResults):
            raise InvalidInput(str(path), "holds several collections, which a part cannot")
        parts.append((path, part))
    return parts


def read_queries(folder: str | Path, results: CollectionResults) -> Iterator[QueryResults]:
    """The lines of `per-query.jsonl`, one at a time; nothing when there is no such file.

    Raises:
        InvalidInput: a line that is none, a query twice, or a pipeline or measure of `results` missing, named by line;
            at the end, fewer or more lines than the figures of `results` are of, or lines that have another mean.
    """
    file = (Path(folder) if Path(folder).is_dir() else Path(folder).parent) / PER_QUERY
    if not file.exists():
        return
    names, measures = {pipeline.name for pipeline in results.pipelines}, set(results.measures)
    seen: set[str] = set()
    sums = {(pipeline.name, measure): 0.0 for pipeline in results.pipelines for measure in results.measures}
    with file.open("rb") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(_MAX_LINE_BYTES + 1), b""), 1):
            where = f"{file}:{number}"
            if len(line) > _MAX_LINE_BYTES:
                raise InvalidInput(where, f"the line is longer than {_MAX_LINE_BYTES >> 20} MiB")
            try:
                query = _QUERY.decode(line)
            except (ValueError, RecursionError) as error:
                raise InvalidInput(where, f"not the results of a query: {error}", hint=_HINT) from error
            if query.query_id in seen:
                raise InvalidInput(where, f"query {query.query_id!r} stands there twice")
            seen.add(query.query_id)
            _check_query(query, names, measures, where)
            for name, measure in sums:
                sums[name, measure] += query.pipelines[name].measures[measure]
            yield query
    _check_means(results, sums, len(seen), str(file))


def _check_means(results: CollectionResults, sums: Mapping[tuple[str, str], float], n: int, where: str) -> None:
    """The figures of `results` are those of the n lines; else one of the two files is older than the other."""
    hint = "the two files are not of one evaluation; run it again"
    for pipeline in results.pipelines:
        for measure in results.measures:
            figure = pipeline.measures[measure]
            what = f"{measure} of {pipeline.name!r}"
            if figure.n != n:
                raise InvalidInput(where, f"holds {n} queries; {RESULTS} has {what} over {figure.n}", hint=hint)
            mean = sums[pipeline.name, measure] / n if n else figure.mean
            if not abs(mean - figure.mean) <= _SAME_MEAN:
                raise InvalidInput(
                    where, f"its mean {what} is {mean:.10g}; {RESULTS} says {figure.mean:.10g}", hint=hint
                )


def _check_query(query: QueryResults, names: set[str], measures: set[str], where: str) -> None:
    """Every pipeline has a finite value of every measure."""
    if absent := names - query.pipelines.keys():
        raise InvalidInput(where, f"query {query.query_id!r} has nothing of pipeline {min(absent)!r}")
    for name in names:
        values = query.pipelines[name].measures
        if absent := measures - values.keys():
            raise InvalidInput(where, f"query {query.query_id!r} has no {min(absent)} of pipeline {name!r}")
        if not all(map(math.isfinite, values.values())):
            raise InvalidInput(where, f"query {query.query_id!r} has a figure of {name!r} that is not finite")


def _check(results: CollectionResults) -> None:
    """Names are used once and agree between the parts; raises ValueError with what is wrong."""
    names = [pipeline.name for pipeline in results.pipelines]
    if not names or not all(names):
        raise ValueError("there is no pipeline, or one without a name")
    for what, values in (("pipeline", names), ("measure", results.measures)):
        if len(set(values)) != len(values):
            raise ValueError(f"a {what} stands there twice: {', '.join(values)}")
    for pipeline in results.pipelines:
        if absent := set(results.measures) - pipeline.measures.keys():
            raise ValueError(f"pipeline {pipeline.name!r} has no {min(absent)}")
    for comparison in results.comparisons:
        if not {comparison.baseline, comparison.system} <= set(names) or comparison.measure not in results.measures:
            raise ValueError(
                f"a comparison of {comparison.system!r} with {comparison.baseline!r} by {comparison.measure}, "
                "which are not all among the pipelines and measures"
            )

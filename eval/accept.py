"""Taking new figures for the baseline of a gate: a small copy of a results folder, fit for a repository.

Means, intervals and the values of every query stay; texts, rankings and runs do not.
"""

from pathlib import Path

import msgspec

from spaniel.retrieval.atomic import written_whole
from spaniel.retrieval.errors import InvalidInput

from .results_format import (
    PER_QUERY,
    RESULTS,
    CollectionResults,
    MacroResults,
    QueryPipeline,
    QueryResults,
    encode_query,
    encode_results,
    part_folder,
)
from .results_reader import read_queries, read_results

__all__ = ["accept"]

_FORMATS = ("html", "md", "tex")


def accept(results: str | Path, baseline: str | Path) -> list[Path]:
    """Write the baseline; returns the files, `results.json` last.

    Args:
        baseline: a folder, made where it is missing; or a file whose name ends in .json, which gets means and intervals
            only, so that the gate can then test nothing but intervals.

    Raises:
        InvalidInput: unusable results; several collections for a single file; a folder with runs or reports.
        OSError: the place cannot be written to.
    """
    found, target = read_results(results), Path(baseline)
    if target.suffix == ".json" and not target.is_dir():
        if isinstance(found, MacroResults):
            raise InvalidInput(str(baseline), "one file cannot hold several collections; name a folder")
        return [_write(target, encode_results(found))]
    _check_target(target)
    target.mkdir(parents=True, exist_ok=True)
    if isinstance(found, CollectionResults):
        lines = b"".join(encode_query(_slim(query)) for query in read_queries(results, found))
        written = [_write(target / PER_QUERY, lines)] if lines else []
    else:
        folder = Path(results) if Path(results).is_dir() else Path(results).parent
        parts = [(part_folder(folder, name), part_folder(target, name)) for name in found.collections]
        written = [file for part in parts for file in accept(*part)]
    return [*written, _write(target / RESULTS, encode_results(found))]


def _check_target(target: Path) -> None:
    """Refuse a file that is no .json, and a folder whose runs or reports would stand beside other figures."""
    if target.exists() and not target.is_dir():
        raise InvalidInput(str(target), "is a file that does not end in .json", hint="name a folder, or a .json file")
    kept = [name for name in ("runs", *(f"report.{kind}" for kind in _FORMATS)) if (target / name).exists()]
    if kept:
        raise InvalidInput(
            str(target),
            f"holds {' and '.join(kept)} of other results, which would no longer belong to its figures",
            hint="name another folder for the baseline; spaniel eval run --out replaces a results folder as a whole",
        )


def _write(path: Path, data: bytes) -> Path:
    with written_whole(path) as out:
        out.write(data.decode("utf-8"))
    return path


def _slim(query: QueryResults) -> QueryResults:
    """The values, without texts and results."""
    pipelines = {name: QueryPipeline(measures=one.measures) for name, one in query.pipelines.items()}
    return msgspec.structs.replace(query, text="", pipelines=pipelines)

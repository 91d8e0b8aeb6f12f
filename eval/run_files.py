"""Runs in files: TREC runs, and JSON lines that keep everything.

TREC: `query Q0 document rank score tag`. JSON lines: first
`{"format": 1, "run": NAME, "stages": [...], "card": {...}}`, then a line for each query,
`{"query": ID, "ms": 0.2, "stages": {NAME: {"ids": [...], "scores": [...]}}}`, best first. Files ending in .gz are
compressed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.atomic import written_whole
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.trec import format_run
from spaniel.retrieval.types import JSON

from .columns import StageColumns
from .run import Run, Ties
from .run_making import Vocabulary, grouped_rows
from .search_lines import is_search_line, run_of_search
from .trec_columns import TrecRows, plain, refuse_rank, refuse_repeated, text_blocks, trec_rows

__all__ = ["read", "read_jsonl", "read_trec", "write_jsonl", "write_trec"]

_FORMAT = 1


class _Head(msgspec.Struct):
    run: str
    stages: list[str]
    format: Literal[1]
    card: dict[str, Any] = {}


class _Stage(msgspec.Struct):
    ids: list[str]
    scores: list[float]


class _Line(msgspec.Struct):
    query: str
    stages: dict[str, _Stage]
    ms: float | None = None


def read(path: str | Path, *, name: str | None = None, ties: Ties = "ours") -> Run:
    """See `Run.read`."""
    suffixes = [suffix for suffix in Path(path).suffixes if suffix != ".gz"]
    reader = read_jsonl if suffixes[-1:] == [".jsonl"] else read_trec
    return reader(path, name=name, ties=ties)


def write_trec(run: Run, path: str | Path, *, look: Callable[[], None] | None = None) -> None:
    """See `Run.to_trec`; queries without results leave no line.

    Args:
        look: called before each query; what it raises ends the writing, and no file is left.
    """
    with written_whole(path) as out:
        for query_id in run.query_ids:
            if look is not None:
                look()
            found = run.ranking(query_id)
            scores = np.array([score for _, score in found], np.float32)
            out.write(format_run(query_id, [id_ for id_, _ in found], scores, tag=run.name))


def write_jsonl(run: Run, path: str | Path, *, look: Callable[[], None] | None = None) -> None:
    """See `Run.to_jsonl`; `look` as in `write_trec`."""
    head = {"format": _FORMAT, "run": run.name, "stages": list(run.stages), "card": dict(run.card)}
    with written_whole(path) as out:
        out.write(msgspec.json.encode(head).decode() + "\n")
        for place, query_id in enumerate(run.query_ids):
            if look is not None:
                look()
            ms = None if run.ms is None or np.isnan(run.ms[place]) else float(run.ms[place])
            stages = {name: _stage_line(run, columns, place) for name, columns in run.stages.items()}
            out.write(msgspec.json.encode({"query": query_id, "ms": ms, "stages": stages}).decode() + "\n")


def _stage_line(run: Run, columns: StageColumns, place: int) -> dict[str, JSON]:
    """One query's results of one stage; nine digits bring a float32 back exactly."""
    rows = columns.rows(place)
    return {
        "ids": [run.document_ids[id_] for id_ in columns.ids[rows].tolist()],
        "scores": [float(f"{score:.9g}") for score in columns.scores[rows].tolist()],
    }


def read_trec(path: str | Path, *, name: str | None = None, ties: Ties = "ours") -> Run:
    """A TREC run, plain or .gz; its lines may come in any order.

    Raises:
        FileNotFoundError: no such file.
        InvalidInput: a line without six columns or with a score that is no finite number, a document twice under one
            query; file and line are named.

    Cost: about 1 us a line; 12 bytes of memory a line beside the distinct ids.
    """
    queries, documents = Vocabulary(), Vocabulary()
    parts, ranks, tag = [], list[NDArray[np.int64]](), ""
    for rows in trec_rows(path):
        tag = tag or rows.tag
        parts.append((queries.codes(rows.queries), documents.codes(rows.documents), rows.scores))
        ranks.append(_ranks(rows, path))
    columns = [np.concatenate(arrays) for arrays in zip(_NOTHING, *parts, strict=True)]
    query_ids, document_ids = queries.ids("query"), documents.ids("document")
    order = np.concatenate([np.zeros(0, np.int64), *ranks])
    if ties == "trec_eval":
        order = _descending(document_ids)[columns[1]]
    final = _ordered(columns[0], columns[1], columns[2], order, n_queries=len(query_ids))
    if final.repeated(len(document_ids)) is not None:
        refuse_repeated(path)
    return Run(name or tag or Path(path).name, query_ids, document_ids, {"final": final})


_NOTHING = (np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))


def _ranks(rows: TrecRows, path: str | Path) -> NDArray[np.int64]:
    """The rank column as int64 (n_rows,)."""
    try:
        return np.fromiter(map(int, rows.ranks if plain("".join(rows.ranks)) else ("",)), np.int64, len(rows.ranks))
    except (ValueError, OverflowError):
        refuse_rank(path)
        raise


def _ordered(
    queries: NDArray[np.int32],
    ids: NDArray[np.int32],
    scores: NDArray[np.float32],
    ranks: NDArray[np.int64],
    *,
    n_queries: int,
) -> StageColumns:
    """Rows by query, then descending score, then ascending `ranks`."""
    offsets, grouped = grouped_rows(queries, n_queries)
    if grouped is not None:
        queries, ids, ranks, scores = queries[grouped], ids[grouped], ranks[grouped], scores[grouped]
    same = queries[1:] == queries[:-1]
    falls = (scores[1:] < scores[:-1]) | ((scores[1:] == scores[:-1]) & (ranks[1:] >= ranks[:-1]))
    if not (falls | ~same).all():
        order = np.lexsort((ranks, -scores, queries))
        ids, scores = ids[order], scores[order]
    return StageColumns(offsets, ids, scores)


def _descending(document_ids: Sequence[str]) -> NDArray[np.int64]:
    """int64 (n_documents,): the place of each id when they are sorted backwards, as strcmp over UTF-8 does."""
    places = np.zeros(len(document_ids), np.int64)
    places[sorted(range(len(document_ids)), key=document_ids.__getitem__, reverse=True)] = np.arange(len(document_ids))
    return places


def read_jsonl(path: str | Path, *, name: str | None = None, ties: Ties = "ours") -> Run:
    """A run as `write_jsonl` writes it: every stage, latencies and card; or what `spaniel search --json` prints.

    Raises:
        FileNotFoundError: no such file.
        InvalidInput: a line of another shape, scores that rise or are not finite, stages that the first line does not
            name, an id twice; file and line are named.
    """
    decoder = msgspec.json.Decoder(_Line)
    lines = chain.from_iterable(text_blocks(path))
    first = next(lines, "")
    if is_search_line(first):
        return _search_run(chain([first], lines), path, name, ties)
    head = _decoded(msgspec.json.Decoder(_Head), first, f"{path}:1")
    asked: dict[str, float] = {}
    documents = Vocabulary()
    found: dict[str, list[tuple[NDArray[np.int32], NDArray[np.float32]]]] = {stage: [] for stage in head.stages}
    for number, text in enumerate(lines, 2):
        where = f"{path}:{number}"
        line = _decoded(decoder, text, where)
        if line.query in asked:
            raise InvalidInput(where, f"query {line.query!r} stands there twice")
        if list(line.stages) != head.stages:
            raise InvalidInput(where, f"stages {list(line.stages)}; the first line names {head.stages}")
        asked[line.query] = np.nan if line.ms is None else line.ms
        for stage, results in line.stages.items():
            scores = _checked_stage(results, f"{where} ({stage})")
            found[stage].append((documents.codes(results.ids), scores))
    document_ids = documents.ids("document")
    stages = {stage: StageColumns.joined(*_unzipped(rows)) for stage, rows in found.items()}
    if ties == "trec_eval":
        stages = {stage: _trec_order(columns, document_ids) for stage, columns in stages.items()}
    ms = np.array(list(asked.values()), np.float64)
    latencies = None if np.isnan(ms).all() else ms
    return Run(name or head.run, tuple(asked), document_ids, stages, ms=latencies, card=head.card)


def _search_run(lines: Iterable[str], path: str | Path, name: str | None, ties: Ties) -> Run:
    """A run out of the lines of a search; called as the file is where nothing else is said."""
    run = run_of_search(lines, name=name or Path(path).name.partition(".")[0], path=path)
    if ties == "ours":
        return run
    return replace(run, stages={"final": _trec_order(run.final, run.document_ids)})


def _decoded(decoder: "msgspec.json.Decoder[Any]", text: str, where: str) -> Any:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            where, f"not a line of a run: {error}", hint="Run.to_jsonl writes them; a TREC run must not end in .jsonl"
        ) from None


def _checked_stage(stage: _Stage, where: str) -> NDArray[np.float32]:
    """Its scores, float32 (n,), once they and the ids are found to be right."""
    if len(stage.ids) != len(stage.scores):
        raise InvalidInput(where, f"{len(stage.ids)} ids and {len(stage.scores)} scores")
    with np.errstate(over="ignore"):
        scores = np.array(stage.scores, np.float32)
    if not np.isfinite(scores).all() or (scores[1:] > scores[:-1]).any():
        raise InvalidInput(where, "scores must be finite and must not rise")
    if len(set(stage.ids)) != len(stage.ids):
        twice = next(id_ for place, id_ in enumerate(stage.ids) if id_ in stage.ids[:place])
        raise InvalidInput(where, f"document {twice!r} stands twice")
    return scores


def _unzipped(
    rows: list[tuple[NDArray[np.int32], NDArray[np.float32]]],
) -> tuple[list[NDArray[np.int32]], list[NDArray[np.float32]]]:
    return [ids for ids, _ in rows], [scores for _, scores in rows]


def _trec_order(columns: StageColumns, document_ids: Sequence[str]) -> StageColumns:
    """The same rows with ties by descending id."""
    order = np.lexsort((_descending(document_ids)[columns.ids], -columns.scores, columns.query_of_rows()))
    return StageColumns(columns.offsets, columns.ids[order], columns.scores[order])

"""Many queries at once: a TREC run, or JSON lines."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TextIO

from spaniel.retrieval.atomic import written_whole
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.trec import format_run
from spaniel.retrieval.types import Query, Ranking

from .console import Console
from .dense_options import tell_long_questions
from .queries import queries_in

if TYPE_CHECKING:
    from spaniel.index.index import Index
    from spaniel.retrieval.protocols import Retriever

__all__ = ["search_batch"]

_CHUNK = 512  # queries between two looks at the clock


def search_batch(
    console: Console,
    index: "Index",
    file: str,
    *,
    run_file: str | None,
    retriever: "Retriever",
    k: int,
    where: dict[str, Any] | None,
    tag: str,
) -> int:
    """Search for every query of a file or collection; the k best of each.

    With `run_file` the run is written there, whole or not at all, and stdout gets a summary. Without it stdout gets
    the run itself, or under `--json` one object a line: `{"query_id", "hits": [{"rank", "score", "id"}]}`.

    Returns:
        The exit code: 1 when no query found anything.
    """
    queries = queries_in(file)
    start = time.perf_counter()
    n_hits = n_empty = 0
    with _output(run_file) as out, console.progress() as line:
        for done, (query, ids, ranking) in enumerate(_searched(index, queries, retriever, k, where), 1):
            n_hits += len(ids)
            n_empty += not ids
            out.write(_formatted(query, ids, ranking, tag, as_json=console.json and run_file is None))
            line.update("searching", done, len(queries), done, "queries")
    seconds = time.perf_counter() - start
    if run_file is not None:
        found = {"run": run_file, "queries": len(queries), "hits": n_hits, "without_hits": n_empty}
        rate = len(queries) / max(seconds, 1e-9)
        text = f"{run_file}: {n_hits:,} hits of {len(queries):,} queries, {seconds:.2f} s ({rate:,.0f} queries/s)"
        console.emit({**found, "seconds": round(seconds, 3)}, text)
    tell_long_questions(console, retriever)
    if n_empty:
        console.note(f"{n_empty:,} queries found nothing")
    return 0 if n_hits else 1


def _searched(
    index: "Index", queries: list[Query], retriever: "Retriever", k: int, where: dict[str, Any] | None
) -> Iterator[tuple[Query, list[str], Ranking]]:
    """Each query with the ids and the ranking it found."""
    known: dict[int, str] = {}
    for first in range(0, len(queries), _CHUNK):
        some = queries[first : first + _CHUNK]
        rankings = retriever.search(some, k=k, where=where)
        # The same passages come up again and again: each id is read once.
        fresh = sorted({ordinal for ranking in rankings for ordinal in ranking.ids.tolist()} - known.keys())
        known.update(zip(fresh, index.passages.ids(fresh), strict=True))
        for query, ranking in zip(some, rankings, strict=True):
            yield query, [known[ordinal] for ordinal in ranking.ids.tolist()], ranking


def _formatted(query: Query, ids: list[str], ranking: Ranking, tag: str, *, as_json: bool) -> str:
    if not as_json:
        return format_run(query.id, ids, ranking.scores, tag=tag)
    hits = [
        {"rank": rank, "score": score, "id": id_}
        for rank, (id_, score) in enumerate(zip(ids, ranking.scores.tolist(), strict=True), 1)
    ]
    return json.dumps({"query_id": query.id, "hits": hits}, ensure_ascii=False) + "\n"


def _output(run_file: str | None) -> Any:
    """A context manager that gives the stream to write to."""
    if run_file is None:
        stream: TextIO = sys.stdout
        return nullcontext(stream)
    if run_file.endswith("/"):
        raise InvalidInput("--run", f"{run_file!r} is a folder; name a file")
    return written_whole(run_file)

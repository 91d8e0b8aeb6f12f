"""`spaniel rerank run`: a run file in, a run file in another order out."""

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import values
from .console import Console, with_console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spaniel.eval.qrels import Qrels
    from spaniel.rag.rerank_run import RerankedQuery
    from spaniel.rerank.reranker import Rerank
    from spaniel.retrieval.types import Query

__all__ = ["run"]


@click.command()
@click.argument("run_file", metavar="RUN")
@click.option("--queries", metavar="FILE|COLLECTION", help="Where the queries are [the corpus, if a collection].")
@click.option("--corpus", metavar="INDEX|COLLECTION", required=True, help="Where the passages are.")
@click.option("--model", metavar="MODEL", help="A cross-encoder: a folder, an export, or hub:owner/name.")
@click.option(
    "--judge",
    metavar="KIND:MODEL",
    help="Or any judge: cross-encoder:MODEL, cosine:MODEL, llm:URL#MODEL, remote:URL, oracle:NOISE.",
)
@click.option(
    "--schedule",
    metavar="NAME[:KEY=VALUE,...]",
    default="pointwise",
    show_default=True,
    help="What is asked; see `spaniel rerank schedules`.",
)
@click.option("--out", metavar="OUT", required=True, help="The new run; .gz is compressed.")
@click.option("--trace", metavar="FILE", help="What each query cost, as JSON lines.")
@click.option("--log", is_flag=True, help="Every question and answer in the trace too.")
@click.option(
    "--depth", type=click.IntRange(min=1), metavar="N", default=100, show_default=True, help="Passages reranked."
)
@click.option(
    "--top", type=click.IntRange(min=1), metavar="N", default=10, show_default=True, help="Firsts to be right."
)
@click.option("--budget-calls", type=click.IntRange(min=0), metavar="N", help="Calls of the judge for a query.")
@click.option("--budget-tokens", type=click.IntRange(min=0), metavar="N", help="Tokens for a query.")
@click.option(
    "--budget-seconds",
    type=click.FloatRange(min=0),
    callback=values.finite,
    metavar="X",
    help="Seconds of the judge for a query.",
)
@click.option(
    "--both-orders",
    type=click.Choice(["both", "random", "given"]),
    help="How a pair is shown [as the schedule is meant].",
)
@click.option("--seed", type=click.IntRange(min=0), metavar="N", default=0, show_default=True, help="Of all chance.")
@click.option("--precision", type=click.Choice(["fp32", "int8"]), default="fp32", show_default=True, help="Of models.")
@click.option(
    "--provider",
    type=click.Choice(["cpu", "cuda", "tensorrt", "openvino"]),
    default="cpu",
    show_default=True,
    help="What runs a cross-encoder. All but cpu are untried.",
)
@click.option("--max-length", type=click.IntRange(min=1), metavar="N", help="Tokens a model reads [as its files say].")
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Of models [all cores].")
@click.option(
    "--mode",
    type=click.Choice(["generation", "likelihood"]),
    default="generation",
    show_default=True,
    help="How an LLM answers.",
)
@click.option(
    "--max-passage-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    default=300,
    show_default=True,
    help="Of a passage, that an LLM is shown.",
)
@click.option(
    "--max-prompt-tokens",
    type=click.IntRange(min=1),
    metavar="N",
    help="Of a whole prompt of an LLM; passages are cut to it [no bound].",
)
@click.option(
    "--thinking-tokens",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="That an LLM may write before its answer.",
)
@click.option("--concurrency", type=click.IntRange(min=1), metavar="N", default=8, show_default=True, help="Requests.")
@click.option(
    "--retries",
    type=click.IntRange(min=0),
    metavar="N",
    default=0,
    show_default=True,
    help="How often a call without an answer is made again.",
)
@click.option(
    "--weight",
    type=click.FloatRange(0, 1),
    callback=values.finite,
    metavar="X",
    default=1.0,
    show_default=True,
    help="Of the reranker's scores, against the run's; 1 leaves those out.",
)
@click.option("--strict", is_flag=True, help="Stop when a call has no answer, instead of passing over it.")
@click.option("--tag", metavar="WORD", default="spaniel", show_default=True, help="Last column of the run.")
@click.option("--offline", is_flag=True, help="Download nothing.")
@with_console
def run(console: Console, run_file: str, **options: Any) -> int:
    """Rerank a TREC run.

    RUN has a line for each passage found: query Q0 passage rank score tag. The new run is whole or not there; it keeps
    passages behind --depth in their order. Exits with 1 when the run is empty.
    """
    if (options["model"] is None) == (options["judge"] is None):
        raise click.UsageError("give --model or --judge, one of the two")
    if options["log"] and not options["trace"]:
        raise click.UsageError("--log writes into --trace; name a file")
    if options["tag"].split() != [options["tag"]]:
        raise click.UsageError("--tag is one word, without blanks: the last column of the run")
    _check_places(options)
    from spaniel.retrieval.trec import read_run

    found = read_run(run_file)
    start = time.perf_counter()
    with ExitStack() as stack:
        line = stack.enter_context(console.progress())
        queries = _queries(options)
        reranker = stack.enter_context(_reranker(options, _qrels(options), lambda stage: line.update(stage, 0, 0)))
        from spaniel.rag.rerank_run import rerank_run

        reranked = rerank_run(
            found,
            queries,
            options["corpus"],
            reranker,
            weight=options["weight"],
            keep_log=options["log"],
            offline=options["offline"],
            on_read=lambda n: line.update("reading", 0, 0, n),
            on_progress=lambda n: line.update("reranking", n, len(found), n, "queries"),
        )
        _write(reranked, options)
    _report(console, reranked, reranker.name, options["out"], time.perf_counter() - start)
    return 0 if reranked else 1


def _check_places(options: dict[str, Any]) -> None:
    """That both files can be written, before the judge has been paid for; folders for them are made, as exports do."""
    places = {f"--{name}": Path(options[name]) for name in ("out", "trace") if options[name]}
    for name, place in places.items():
        if str(place) == "-" or place.is_dir():
            raise click.UsageError(f"{name} {place} is no file; name one (/dev/stdout is stdout)")
    if len({place.resolve() for place in places.values()}) < len(places) and not places["--out"].is_char_device():
        raise click.UsageError("--trace and --out are the same file")
    for place in places.values():
        place.parent.mkdir(parents=True, exist_ok=True)


def _queries(options: dict[str, Any]) -> "list[Query]":
    """All there are, judged or not."""
    from spaniel.rag.corpora import is_index

    from .queries import queries_in

    if options["queries"] is None and is_index(options["corpus"]):
        raise click.UsageError("--queries is missing: an index has none")
    return queries_in(options["queries"] or options["corpus"], offline=options["offline"])


def _qrels(options: dict[str, Any]) -> "Qrels | None":
    """What an oracle answers from: the judgements of the queries' collection, else of the corpus; None without one."""
    from spaniel.eval.collections import collection
    from spaniel.rag.corpora import is_index

    from .queries import is_file_of_queries

    if (options["judge"] or "").partition(":")[0] != "oracle":
        return None
    for place in (options["queries"], options["corpus"]):
        if place is not None and not is_file_of_queries(place) and not is_index(place):
            return collection(place, offline=options["offline"]).qrels
    return None


def _reranker(options: dict[str, Any], qrels: Any, say: Any) -> "Rerank":
    from spaniel.rerank.budget import Budget
    from spaniel.rerank.judges.open import JudgeOptions, open_judge
    from spaniel.rerank.reranker import Rerank
    from spaniel.rerank.schedules.table import read_schedule

    schedule = read_schedule(options["schedule"])
    of_models = ("precision", "provider", "max_length", "threads", "offline")
    shared = (*of_models, "mode", "max_passage_tokens", "max_prompt_tokens", "thinking_tokens", "concurrency", "seed")
    judge = open_judge(
        f"cross-encoder:{options['model']}" if options["judge"] is None else options["judge"],
        schedule.asks,
        JudgeOptions(**{name: options[name] for name in shared}, on_progress=say),
        qrels=qrels,
    )
    try:
        return Rerank(
            judge,
            schedule,
            depth=options["depth"],
            top=options["top"],
            budget=Budget(options["budget_calls"], options["budget_tokens"], options["budget_seconds"]),
            both_orders=options["both_orders"],
            seed=options["seed"],
            on_failure="raise" if options["strict"] else "neutral",
            retries=options["retries"],
        )
    except BaseException:
        judge.close()
        raise


def _write(reranked: "Sequence[RerankedQuery]", options: dict[str, Any]) -> None:
    """The run, and the traces if asked for; each whole or not there."""
    from spaniel.retrieval.atomic import written_whole
    from spaniel.retrieval.trec import format_run

    with ExitStack() as stack:
        out = stack.enter_context(written_whole(options["out"]))
        traces = stack.enter_context(written_whole(options["trace"])) if options["trace"] else None
        for each in reranked:
            out.write(format_run(each.query.id, each.ids, each.ranking.scores, tag=options["tag"]))
            if traces is not None:
                row = {"query_id": each.query.id, **each.trace.to_json()}
                traces.write(json.dumps(row, ensure_ascii=False) + "\n")


def _report(console: Console, reranked: "Sequence[RerankedQuery]", name: str, out: str, seconds: float) -> None:
    from spaniel.rag.rerank_run import totals

    spent = totals(reranked)
    data = {"run": out, "reranker": name, "queries": len(reranked), **spent, "seconds": round(seconds, 3)}
    per_query = int(spent["calls"]) / max(len(reranked), 1)  # type: ignore[arg-type]
    text = (
        f"{out}: {len(reranked):,} queries by {name}, {spent['calls']:,} calls ({per_query:,.1f} a query), "
        f"{spent['tokens']:,} tokens, {seconds:.1f} s"
    )
    console.emit(data, text)
    odd = {name: spent[name] for name in ("failed", "repaired", "truncated", "stopped") if spent[name]}
    if unasked := sum(1 for each in reranked if each.trace.stopped and not each.trace.calls):
        odd["unasked"] = unasked
    if places := sum(each.added_places for each in reranked):
        odd["places"] = places
    said = {
        "places": "queries had places from the schedule, not scores; what --weight adds up are places",
        "failed": "calls had no answer and count as ties",
        "repaired": "answers were repaired",
        "truncated": "passages were longer than the judge reads",
        "stopped": "queries were ended by the budget",
        "unasked": "of them were not asked about at all: their first question costs more than the budget",
    }
    for kind, count in odd.items():
        console.warn(f"{count:,} {said[kind]}")

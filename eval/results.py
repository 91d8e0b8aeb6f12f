"""From an evaluation to what stands in its results folder (`results_format.py`); `results_folder.py` puts it there."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from spaniel.retrieval.protocols import PassageStore, Stored
from spaniel.retrieval.types import Passage

from .card import machine, now, versions
from .outcome import Outcome, Settings
from .report.write import FORMATS, write_report
from .results_folder import write_folder
from .results_format import (
    PER_QUERY,
    RESULTS,
    CollectionFacts,
    CollectionResults,
    ComparisonFigures,
    Cost,
    IndexFigures,
    Latency,
    LostDocument,
    Machine,
    MacroResults,
    PipelineResults,
    PublishedFigure,
    QueryPipeline,
    QueryResults,
    ShownAnswer,
    ShownCitation,
    Throughput,
    TopHit,
    Waterfall,
    WaterfallStage,
    encode_query,
    encode_results,
    part_folder,
    run_file,
)
from .run import Run
from .run_files import write_jsonl, write_trec
from .scoring import measure_figures

if TYPE_CHECKING:
    from .collections import Collection, Published
    from .evaluation import Evaluation

__all__ = [
    "collection_results",
    "machine_figures",
    "published_figures",
    "query_results",
    "save_all",
    "version",
]

_TOP, _TEXT_CHARS = 10, 200


def collection_results(
    collection: "Collection",
    outcomes: Sequence[Outcome],
    compared: Sequence[ComparisonFigures],
    settings: Settings,
    command: list[str],
) -> CollectionResults:
    """`results.json`."""
    return CollectionResults(
        spaniel=version(),
        created=now(),
        command=command,
        machine=machine_figures(),
        collection=_facts(collection),
        measures=list(outcomes[0].scores.values),
        pipelines=[_pipeline(each, settings) for each in outcomes],
        comparisons=list(compared),
        confidence=settings.confidence,
        warnings=list(collection.warnings),
    )


def version() -> str:
    """Of this package."""
    return str(versions()["spaniel"] or "")


def machine_figures() -> Machine:
    """This machine."""
    return msgspec.convert(machine(), Machine)


def published_figures(figures: "Iterable[Published]") -> list[PublishedFigure]:
    """As they stand in results.json."""
    return [
        PublishedFigure(system=system, measure=measure, value=value, source=source)
        for system, measure, value, source in figures
    ]


def _facts(collection: "Collection") -> CollectionFacts:
    counts, info = collection.counts, collection.info
    relevant = [sum(grade >= info.relevance for grade in grades.values()) for grades in collection.qrels.values()]
    return CollectionFacts(
        name=collection.name,
        split=collection.split,
        documents=counts.get("documents"),
        queries=len(collection.qrels),
        judgements=counts.get("judgements"),
        relevant_per_query=sum(relevant) / len(relevant) if relevant else None,
        sha256=dict(collection.sha256),
        official_measure=info.official_measure,
        drop_self=info.drop_self,
        relevance=info.relevance,
        counts=dict(counts),
        published=published_figures(info.published),
    )


def _cut(usage: Mapping[str, int]) -> str | None:
    """What is said of texts that a model did not read whole; nothing else would show it."""
    n = usage.get("truncated", 0)
    return f"{n:,} {'text was' if n == 1 else 'texts were'} longer than its model reads: ends were cut" if n else None


def _pipeline(each: Outcome, settings: Settings) -> PipelineResults:
    executed, latency = each.executed, each.latency
    usage = executed.usage if executed else {}
    losses = each.losses
    return PipelineResults(
        name=each.name,
        stages=list(each.run.stages),
        measures=measure_figures(each.scores, confidence=settings.confidence, seed=settings.seed),
        latency_ms=msgspec.convert(latency.to_dict(), Latency) if latency else None,
        throughput=Throughput(queries_per_s=executed.queries_per_s, threads=executed.threads) if executed else None,
        index=_index(each),
        cost=_cost(each, usage),
        abstention=each.abstention,
        peak_rss_bytes=executed.peak_rss_bytes if executed else None,
        waterfall=Waterfall(
            depth=settings.depth,
            relevant=len(losses.documents),
            stages=[
                WaterfallStage(name=name, kept=n, searches=searches, lost=lost)
                for (name, n), searches, lost in zip(
                    losses.counts(), losses.sources.tolist(), losses.dropped(), strict=True
                )
            ],
        ),
        card=dict(each.run.card),
        warnings=[*each.scores.warnings, *filter(None, [no_trec(each.run), _cut(usage)])],
    )


def _cost(each: Outcome, usage: Mapping[str, int]) -> Cost:
    """Totals, and for answers the means for each question."""
    means = {}
    if each.answers:
        kinds = ("searches", "passages", "tokens")
        means = {f"{kind}_per_query": usage.get(kind, 0) / len(each.answers) for kind in kinds}
    return Cost(model_calls=usage.get("model_calls"), tokens=usage.get("tokens"), **means)


def _shown_answer(each: Outcome, query_id: str) -> ShownAnswer | None:
    if each.answers is None:
        return None
    answer = each.answers[query_id]
    return ShownAnswer(
        text=answer.text,
        abstained=answer.abstained,
        reason=answer.reason,
        confidence=answer.confidence,
        citations=[
            ShownCitation(id=one.passage_id, start=one.source_span[0], end=one.source_span[1], text=one.text)
            for one in answer.citations
        ],
        costs=dict(answer.usage),
        error=each.errors.get(query_id, ""),
    )


def _index(each: Outcome) -> IndexFigures | None:
    """What the index takes, as far as its store says."""
    if each.system is None:
        return None
    store, build_s = each.system.pipeline.passages, each.system.build_s
    if not isinstance(store, Stored):
        return IndexFigures(build_s=build_s)
    n, size_bytes = len(store), dict(store.size_bytes)
    return IndexFigures(
        bytes=size_bytes,
        passages=n,
        bytes_per_passage=sum(size_bytes.values()) / n if n else None,
        build_s=build_s,
    )


def query_results(collection: "Collection", outcomes: Sequence[Outcome]) -> Iterator[QueryResults]:
    """One record for each judged query, in the order of the judgements."""
    lost = [each.losses.lost() for each in outcomes]
    for place, query_id in enumerate(outcomes[0].scores.query_ids):
        grades = collection.qrels[query_id]
        yield QueryResults(
            query_id=query_id,
            text=collection.queries.get(query_id, ""),
            relevant=sum(grade >= collection.info.relevance for grade in grades.values()),
            gold=list(outcomes[0].gold.get(query_id, ())),
            pipelines={
                each.name: QueryPipeline(
                    measures={name: float(values[place]) for name, values in each.scores.values.items()},
                    ms=_ms(each, query_id),
                    top=_top(each, query_id, grades),
                    lost=[LostDocument(id=id_, stage=stage) for id_, stage in dropped.get(query_id, [])],
                    answer=_shown_answer(each, query_id),
                )
                for each, dropped in zip(outcomes, lost, strict=True)
            },
        )


def _ms(each: Outcome, query_id: str) -> float | None:
    place = each.run.place(query_id)
    if place is None or each.run.ms is None:
        return None
    ms = float(each.run.ms[place])
    return ms if ms == ms else None  # NaN: this one was not timed


def _top(each: Outcome, query_id: str, grades: Mapping[str, int]) -> list[TopHit]:
    """The first results with the beginning of their texts, where there is a store to read them from."""
    hits = each.run.ranking(query_id)[:_TOP]
    passages: list[Passage | None] = [None] * len(hits)
    place, ordinals = each.run.place(query_id), each.ordinals
    store = each.system.pipeline.passages if each.system else None
    if place is not None and ordinals is not None and isinstance(store, PassageStore):
        first = each.run.final.rows(place).start
        passages = [*store.get(ordinals[first : first + len(hits)])]
    return [
        TopHit(
            id=hit.id,
            score=hit.score,
            grade=grades.get(hit.id),
            title=passage.title if passage else "",
            text=passage.text[:_TEXT_CHARS] if passage else "",
        )
        for hit, passage in zip(hits, passages, strict=True)
    ]


def no_trec(run: Run) -> str:
    """Why a run cannot stand in a TREC file, in words; "" when it can. All of it stands in the JSON lines."""
    final = run.final
    places = np.unique(final.ids).tolist()
    found = np.flatnonzero(np.diff(final.offsets)).tolist()  # a query without results leaves no line
    for ids in ([run.query_ids[place] for place in found], [run.document_ids[place] for place in places]):
        if " ".join(ids).split() != ids:
            wrong = next(id_ for id_ in ids if id_.split() != [id_])
            return f"no TREC run was written: the id {wrong!r} is empty or holds a blank; runs/*.jsonl.gz holds it all"
    return ""


OnSaving = Callable[[str, int, int], None]
"""Told what is being written, how much of it is done, and of how much."""


def _write(folder: Path, evaluation: "Evaluation", tell: OnSaving) -> None:
    """One collection's figures, queries and runs into an empty folder; results.json comes last."""
    total = len(evaluation.outcomes[0].scores.query_ids)
    with (folder / PER_QUERY).open("wb") as out:
        for done, each in enumerate(evaluation.per_query()):
            tell("writing queries", done, total)
            out.write(encode_query(each))
    (folder / "runs").mkdir()
    _write_runs(folder, evaluation.runs, tell)
    (folder / RESULTS).write_bytes(encode_results(evaluation.results))


def _write_runs(folder: Path, runs: Mapping[str, Run], tell: OnSaving) -> None:
    """Every run's files; an interrupt ends them all between two queries."""
    stopped = Event()

    def look() -> None:
        if stopped.is_set():
            raise CancelledError

    with ThreadPoolExecutor(2) as pool:  # compressing is most of the work, and does not hold the interpreter's lock
        carried = [(name, run) for name, run in runs.items() if not no_trec(run)]
        waiting = [pool.submit(write_trec, run, run_file(folder, name), look=look) for name, run in carried]
        waiting += [
            pool.submit(write_jsonl, run, run_file(folder, name, "jsonl"), look=look) for name, run in runs.items()
        ]
        try:
            tell("writing runs", 0, len(waiting))
            for done, each_file in enumerate(as_completed(waiting), 1):
                each_file.result()
                tell("writing runs", done, len(waiting))
        except BaseException:
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def save_all(
    folder: Path,
    evaluations: "Sequence[Evaluation]",
    macro: MacroResults | None = None,
    *,
    on_progress: OnSaving | None = None,
) -> Path:
    """The results folder of one evaluation, or of several with the macro mean over them; see `write_folder`."""

    def tell(what: str, done: int, total: int) -> None:
        if on_progress is not None:
            on_progress(what, done, total)

    def fill(pending: Path) -> None:
        if macro is None:
            _write(pending, evaluations[0], tell)
        else:
            for each in evaluations:
                part = part_folder(pending, each.collection.name)
                part.mkdir()
                _write(part, each, tell)
            (pending / RESULTS).write_bytes(encode_results(macro))
        for done, format in enumerate(FORMATS):
            tell("writing reports", done, len(FORMATS))
            write_report(pending, format)

    return write_folder(folder, fill)

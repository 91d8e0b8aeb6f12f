"""Results folders as an evaluation writes them, from drawn ranks of relevant documents.

Measures are computed from the drawn ranks and the means from the measures, so that everything in a folder agrees.
"""

import gzip
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spaniel.eval import results_format as fmt
from spaniel.retrieval.trec import format_run

__all__ = ["MEASURES", "PIPELINES", "Pipeline", "make_folder", "make_macro"]

MEASURES = ("nDCG@10", "RR@10", "R@100")
DEPTH = 100
_PROSE = """protein binding growth factor receptor cell lung cancer risk mortality vaccine response gene expression
treatment patients trial control bone density insulin signalling pathway membrane infection antibody naïve Größe
免疫 応答 العربية 🧬"""
_WORDS = _PROSE.split()


class Pipeline(NamedTuple):
    """How good a drawn pipeline is: the median rank of relevant documents, and how many are never found."""

    name: str
    stages: tuple[str, ...]
    median_rank: float
    missed: float = 0.08
    p50_ms: float | None = 0.3


PIPELINES = (
    Pipeline("bm25", ("bm25",), 6.0),
    Pipeline("bm25+rm3", ("bm25", "rm3"), 5.0, 0.07, 2.1),
    Pipeline("hybrid", ("rrf(bm25, dense)", "cross-encoder", "adaptive-k"), 2.2, 0.04, 48.0),
    Pipeline("dense", ("dense",), 5.5, 0.12, None),
)


def make_folder(
    path: Path,
    *,
    seed: int = 0,
    n_queries: int = 60,
    pipelines: Sequence[Pipeline] = PIPELINES,
    name: str = "scifact",
    hostile: bool = False,
    warnings: Iterable[str] = (),
    texts: bool = True,
) -> fmt.CollectionResults:
    """Write a results folder and return what its `results.json` says.

    Args:
        hostile: ids, names and texts full of markup, quotes, control characters and right-to-left marks.
        texts: False leaves out `per-query.jsonl`.
    """
    rng = np.random.default_rng(seed)
    (path / "runs").mkdir(parents=True)
    lines = _queries(rng, n_queries, pipelines, hostile)
    measured = [_pipeline(pipeline, lines, rng) for pipeline in pipelines]
    results = fmt.CollectionResults(
        spaniel="0.1.0",
        created="2026-11-21T14:00:00+00:00",
        command=["spaniel", "eval", "run", name, *(f"--pipeline={p.name}" for p in pipelines), "--out", "out dir"],
        machine=fmt.Machine(cpu="CPU @ 2.5 GHz", cores=2, memory_bytes=24 << 30, python="3.11.7", platform="Linux"),
        collection=_facts(name, lines, hostile),
        measures=list(MEASURES),
        pipelines=measured,
        comparisons=[
            _comparison(pipelines[0].name, p.name, measure, lines) for p in pipelines[1:] for measure in MEASURES
        ],
        confidence=0.95,
        warnings=list(warnings),
    )
    if texts:
        (path / fmt.PER_QUERY).write_bytes(b"".join(map(fmt.encode_query, lines)))
    for pipeline in pipelines:
        _write_run(path, pipeline.name, lines)
    (path / fmt.RESULTS).write_bytes(fmt.encode_results(results))
    return results


def make_macro(path: Path, names: Sequence[str] = ("android", "gis"), *, seed: int = 0) -> fmt.MacroResults:
    """Write several collections below one folder; the macro mean is the mean of their means."""
    parts = [
        make_folder(fmt.part_folder(path, name), seed=seed + place, n_queries=20 + 10 * place, name=name)
        for place, name in enumerate(names)
    ]
    macro = fmt.MacroFigures(
        pipelines=[fmt.MacroPipeline(name=p.name, measures=_macro(parts, place)) for place, p in enumerate(PIPELINES)],
        comparisons=[part.comparisons[0] for part in parts[:1]],
    )
    results = fmt.MacroResults(
        spaniel="0.1.0", created=parts[0].created, command=parts[0].command, machine=parts[0].machine,
        collections=list(names), measures=list(MEASURES), macro=macro, confidence=0.95,
    )  # fmt: skip
    (path / fmt.RESULTS).write_bytes(fmt.encode_results(results))
    return results


def _macro(parts: Sequence[fmt.CollectionResults], place: int) -> dict[str, fmt.MeasureFigure]:
    found = {}
    for measure in MEASURES:
        figures = [part.pipelines[place].measures[measure] for part in parts]
        means = np.mean([[f.mean, f.low or 0, f.high or 0] for f in figures], axis=0).tolist()
        n = sum(figure.n for figure in figures)
        found[measure] = fmt.MeasureFigure(mean=means[0], low=means[1], high=means[2], n=n, method="macro")
    return found


def _queries(rng: np.random.Generator, n: int, pipelines: Sequence[Pipeline], hostile: bool) -> list[fmt.QueryResults]:
    lines = []
    for place in range(n):
        relevant = [f"d{place}-{i}" + ('"><script>alert(1)</script>' * hostile) for i in range(rng.integers(1, 6))]
        grades = {id_: int(rng.integers(1, 3)) for id_ in relevant}
        ease = rng.lognormal(0, 1.0)
        text = _text(rng, 9) + ("?</style><img src=x onerror=alert(1)> \u202e\x1b[31m & \ud7ff 'q'" * hostile)
        lines.append(
            fmt.QueryResults(
                query_id=f"q{place}" + ("<b>&amp;" * hostile),
                text=text,
                relevant=len(relevant),
                pipelines={p.name: _answer(rng, p, grades, ease, hostile) for p in pipelines},
            )
        )
    return lines


def _answer(
    rng: np.random.Generator, pipeline: Pipeline, grades: dict[str, int], ease: float, hostile: bool
) -> fmt.QueryPipeline:
    """One pipeline on one query: ranks of the relevant documents, and the stage that loses each of the others."""
    top: list[str | None] = [None] * DEPTH
    lost = []
    for id_ in grades:
        rank = int(pipeline.median_rank * ease * rng.lognormal(0, 1.1))
        if rng.random() < pipeline.missed or (rank >= DEPTH and len(pipeline.stages) == 1):
            lost.append(fmt.LostDocument(id=id_, stage="retrieval"))
        elif rank >= DEPTH:
            lost.append(fmt.LostDocument(id=id_, stage=str(rng.choice(pipeline.stages[1:]))))
        else:
            free = next(place for place in (*range(rank, DEPTH), *range(rank)) if top[place] is None)
            top[free] = id_
    ids = [id_ or f"x{rng.integers(10**6)}-{place}" for place, id_ in enumerate(top)]
    hits = [
        fmt.TopHit(
            id=id_,
            score=round(30.0 - 0.25 * place, 4),
            grade=grades.get(id_) or (0 if rng.random() < 0.3 else None),
            title=_text(rng, 4) + ("<script>alert(2)</script>" * hostile),
            text=_text(rng, 28)[:200],
        )
        for place, id_ in enumerate(ids[:10])
    ]
    gains = np.array([grades.get(id_, 0) for id_ in ids])
    ms = None if pipeline.p50_ms is None else float(pipeline.p50_ms * rng.lognormal(0, 0.3))
    return fmt.QueryPipeline(measures=_measures(gains, list(grades.values())), ms=ms, top=hits, lost=lost)


def _measures(gains: NDArray[np.int64], grades: list[int]) -> dict[str, float]:
    discount = 1 / np.log2(np.arange(2, 12))
    ideal = np.sort(grades)[::-1][:10]
    first = np.flatnonzero(gains[:10])
    return {
        "nDCG@10": float(gains[:10] @ discount / (ideal @ discount[: len(ideal)])),
        "RR@10": 1 / (int(first[0]) + 1) if len(first) else 0.0,
        "R@100": float(np.count_nonzero(gains[:100]) / len(grades)),
    }


def values(lines: Sequence[fmt.QueryResults], pipeline: str, measure: str) -> NDArray[np.float64]:
    """A measure of every query, in order."""
    return np.array([line.pipelines[pipeline].measures[measure] for line in lines])


def _figure(found: NDArray[np.float64]) -> fmt.MeasureFigure:
    mean, half = float(found.mean()), 1.96 * float(found.std(ddof=1)) / math.sqrt(len(found))
    return fmt.MeasureFigure(mean=mean, low=mean - half, high=min(mean + half, 1.0), n=len(found), method="t")


def _pipeline(pipeline: Pipeline, lines: list[fmt.QueryResults], rng: np.random.Generator) -> fmt.PipelineResults:
    times = [ms for line in lines if (ms := line.pipelines[pipeline.name].ms) is not None]
    p50, p95, p99 = np.percentile(times, [50, 95, 99]).tolist() if times else (0, 0, 0)
    lost = [document.stage for line in lines for document in line.pipelines[pipeline.name].lost]
    relevant = sum(line.relevant for line in lines)
    kept, stages = relevant, []
    for place, stage in enumerate(pipeline.stages):
        kept -= lost.count(stage) + (lost.count("retrieval") if place == 0 else 0)
        stages.append(fmt.WaterfallStage(name=stage, kept=kept))
    reranks = len(pipeline.stages) > 2
    return fmt.PipelineResults(
        name=pipeline.name,
        stages=list(pipeline.stages),
        measures={measure: _figure(values(lines, pipeline.name, measure)) for measure in MEASURES},
        latency_ms=fmt.Latency(p50=p50, p95=p95, p99=p99, n=len(times)) if times else None,
        throughput=fmt.Throughput(queries_per_s=1900 / p50, threads=2) if times else None,
        index=fmt.IndexFigures(
            bytes={"passages": 5_500_000, "sparse": 2_400_000, **({"dense": 996_000} if reranks else {})},
            passages=5183, bytes_per_passage=1524.2, build_s=round(float(rng.uniform(1, 9)), 2),
        ),
        cost=fmt.Cost(model_calls=50 * len(lines), tokens=9000 * len(lines)) if reranks else None,
        peak_rss_bytes=int(rng.integers(60, 900)) << 20,
        waterfall=fmt.Waterfall(depth=DEPTH, relevant=relevant, stages=stages),
        card={"index": {"sha256": "ab" * 32}, "pipeline": {"name": pipeline.name, "k1": 0.9}, "seed": 0},
        warnings=["3 queries found nothing"] if pipeline.missed > 0.1 else [],
    )  # fmt: skip


def _facts(name: str, lines: list[fmt.QueryResults], hostile: bool) -> fmt.CollectionFacts:
    relevant = sum(line.relevant for line in lines)
    return fmt.CollectionFacts(
        name=name + ("<script>alert(0)</script>" * hostile),
        split="test",
        documents=5183,
        queries=len(lines),
        judgements=relevant,
        relevant_per_query=relevant / len(lines),
        sha256={part: letter * 64 for part, letter in (("corpus", "a"), ("queries", "b"), ("qrels", "c"))},
        official_measure="nDCG@10",
        counts={"absent_documents_judged": 2},
        published=[
            fmt.PublishedFigure(system="BM25 (flat)", measure="nDCG@10", value=0.679, source="Pyserini <2cr>"),
            fmt.PublishedFigure(system="BM25 (flat)", measure="R@100", value=0.925, source="Pyserini <2cr>"),
            fmt.PublishedFigure(system="SPLADE-v3", measure="nDCG@10", value=0.714, source="Anserini & co"),
        ],
    )


def _comparison(baseline: str, system: str, measure: str, lines: list[fmt.QueryResults]) -> fmt.ComparisonFigures:
    changes = values(lines, system, measure) - values(lines, baseline, measure)
    mean, error = float(changes.mean()), float(changes.std(ddof=1)) / math.sqrt(len(changes))
    p = 2 * (1 - NormalDist().cdf(abs(mean) / error)) if error else 1.0
    return fmt.ComparisonFigures(
        baseline=baseline, system=system, measure=measure,
        difference=mean, low=mean - 1.96 * error, high=mean + 1.96 * error,
        p=p, p_adjusted=min(3 * p, 1.0), correction="holm", significant=3 * p < 0.05,
        wins=int((changes > 0).sum()), ties=int((changes == 0).sum()), losses=int((changes < 0).sum()),
        mde=2.8 * error, resamples=10_000, seed=0,
    )  # fmt: skip


def _write_run(path: Path, pipeline: str, lines: list[fmt.QueryResults]) -> None:
    with gzip.open(fmt.run_file(path, pipeline), "wt", encoding="utf-8") as out:
        for line in lines:
            top = line.pipelines[pipeline].top
            ids = [hit.id.replace(" ", "_") for hit in top]
            out.write(format_run(line.query_id, ids, np.array([hit.score for hit in top], np.float32), tag="x"))


def _text(rng: np.random.Generator, n: int) -> str:
    return " ".join(rng.choice(_WORDS, n))

"""The results folder: what `spaniel eval run --out DIR` writes and what reports, comparisons and gates read.

    DIR/results.json          CollectionResults: figures, intervals, comparisons, costs; written last
    DIR/per-query.jsonl       one QueryResults a line: every judged query, in the order of the judgements
    DIR/runs/NAME.trec.gz     final ranking of each pipeline;  DIR/runs/NAME.jsonl.gz: every stage
    DIR/NAME/...              for several collections: one folder each, and DIR/results.json is MacroResults

One set of msgspec structs is both writer and reader, so that the two cannot drift apart. Measures are plain fractions
(0.6789, not 67.89); what was not measured is null. Unknown fields are ignored: a later release of the same format may
add some. `results_reader` reads and checks.
"""

import hashlib
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import Meta, Struct

__all__ = [
    "FORMAT",
    "PER_QUERY",
    "RESULTS",
    "AbstentionFigures",
    "CollectionFacts",
    "CollectionResults",
    "ComparisonFigures",
    "Cost",
    "IndexFigures",
    "Latency",
    "LostDocument",
    "Machine",
    "MacroFigures",
    "MacroPipeline",
    "MacroResults",
    "MeasureFigure",
    "PipelineResults",
    "PublishedFigure",
    "QueryPipeline",
    "QueryResults",
    "ShownAnswer",
    "ShownCitation",
    "Throughput",
    "TopHit",
    "Waterfall",
    "WaterfallStage",
    "encode_query",
    "encode_results",
    "part_folder",
    "run_file",
]

FORMAT = 1
_MAX_FILE_NAME = 180  # of 255 bytes: endings and the marks of temporary files come on top
RESULTS, PER_QUERY = "results.json", "per-query.jsonl"

Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]


class MeasureFigure(Struct, frozen=True, kw_only=True):
    """The mean of one measure over n queries, and its interval; `method` says how the interval was made."""

    mean: float
    low: float | None = None
    high: float | None = None
    n: Count
    method: str | None = None


class Latency(Struct, frozen=True, kw_only=True):
    """Milliseconds of single queries on one thread, after a warm-up; n of them."""

    p50: Amount
    p95: Amount
    p99: Amount
    n: Count


class Throughput(Struct, frozen=True, kw_only=True):
    """Queries answered in a batch."""

    queries_per_s: Amount
    threads: Count


class IndexFigures(Struct, frozen=True, kw_only=True):
    """What the index takes; `bytes` is by part."""

    bytes: dict[str, Count] = {}
    passages: Count | None = None
    bytes_per_passage: Amount | None = None
    build_s: Amount | None = None
    encode_per_s: Amount | None = None


class Cost(Struct, frozen=True, kw_only=True):
    """Calls of rerankers and generators over all queries, and tokens read and written by them.

    Of answers also the means for each question: searches, passages read, tokens.
    """

    model_calls: Count | None = None
    tokens: Count | None = None
    searches_per_query: Amount | None = None
    passages_per_query: Amount | None = None
    tokens_per_query: Amount | None = None


class WaterfallStage(Struct, frozen=True, kw_only=True):
    """Relevant passages that a stage's rankings hold.

    `searches`: it is a source, and stands beside the other sources, not after them. `lost`: those that it did not find
    when it searches, else those that it was the one to drop; null when only `kept` is known.
    """

    name: str
    kept: Count
    searches: bool = False
    lost: Count | None = None


class Waterfall(Struct, frozen=True, kw_only=True):
    """Where relevant passages are lost: of `relevant` ones, those in the first `depth` after each stage."""

    depth: Count
    relevant: Count
    stages: list[WaterfallStage]


class AbstentionFigures(Struct, frozen=True, kw_only=True):
    """How well confidence tells good answers from bad ones; see `answering/abstention.py`.

    `answered` of `n` were; `risk` is the mean loss of those. `aurc` is the area under the risk-coverage curve (lower is
    better) with its interval, `excess` what it lies above that of the best confidences for the same losses, `random`
    that of confidences without meaning. `silence` is the F1 of never answering. `curve` holds points (coverage, risk).
    """

    n: Count
    answered: Count
    risk: float | None = None
    aurc: float
    low: float
    high: float
    excess: float
    random: float
    silence: float = 0.0
    curve: list[tuple[float, float]] = []


class PipelineResults(Struct, frozen=True, kw_only=True):
    """One pipeline on one collection."""

    name: str
    stages: list[str] = []
    measures: dict[str, MeasureFigure]
    latency_ms: Latency | None = None
    throughput: Throughput | None = None
    index: IndexFigures | None = None
    cost: Cost | None = None
    peak_rss_bytes: Count | None = None
    waterfall: Waterfall | None = None
    abstention: AbstentionFigures | None = None
    card: dict[str, Any] = {}
    warnings: list[str] = []


class PublishedFigure(Struct, frozen=True, kw_only=True):
    """What somebody else reports for a measure on this collection, as a fraction."""

    system: str
    measure: str
    value: float
    source: str


class CollectionFacts(Struct, frozen=True, kw_only=True):
    """What was evaluated on; `sha256` is of the uncompressed corpus, queries and qrels.

    `relevance`: the grade from which binary measures (AP, R, RR, P) count a document as relevant.
    """

    name: str
    split: str = ""
    documents: Count | None = None
    queries: Count | None = None
    judgements: Count | None = None
    relevant_per_query: Amount | None = None
    sha256: dict[str, str] = {}
    official_measure: str | None = None
    drop_self: bool = False
    relevance: int = 1
    counts: dict[str, int] = {}
    published: list[PublishedFigure] = []


class Machine(Struct, frozen=True, kw_only=True):
    """Where it ran."""

    cpu: str | None = None
    cores: Count | None = None
    memory_bytes: Count | None = None
    python: str | None = None
    platform: str | None = None


class ComparisonFigures(Struct, frozen=True, kw_only=True):
    """A paired comparison of two pipelines on one measure; `difference` is mean(system - baseline)."""

    baseline: str
    system: str
    measure: str
    difference: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    correction: str | None = None
    significant: bool = False
    wins: Count | None = None
    ties: Count | None = None
    losses: Count | None = None
    mde: float | None = None
    alpha: float = 0.05
    resamples: Count | None = None
    seed: int | None = None


class CollectionResults(Struct, frozen=True, kw_only=True):
    """`results.json` of one collection; `confidence` is that of every interval in it, null where nobody said."""

    format: int = FORMAT
    spaniel: str = ""
    created: str = ""
    command: list[str] = []
    machine: Machine = Machine()
    collection: CollectionFacts
    measures: list[str]
    pipelines: list[PipelineResults]
    comparisons: list[ComparisonFigures] = []
    confidence: float | None = None
    warnings: list[str] = []


class MacroPipeline(Struct, frozen=True, kw_only=True):
    """One pipeline over several collections: the mean of the collections' means."""

    name: str
    measures: dict[str, MeasureFigure]


class MacroFigures(Struct, frozen=True, kw_only=True):
    """Macro means and their comparisons."""

    pipelines: list[MacroPipeline] = []
    comparisons: list[ComparisonFigures] = []


class MacroResults(Struct, frozen=True, kw_only=True):
    """`results.json` above several collections, each in a folder of its own (`part_folder`)."""

    format: int = FORMAT
    spaniel: str = ""
    created: str = ""
    command: list[str] = []
    machine: Machine = Machine()
    collections: list[str]
    measures: list[str] = []
    macro: MacroFigures = MacroFigures()
    confidence: float | None = None
    published: list[PublishedFigure] = []
    warnings: list[str] = []


class TopHit(Struct, frozen=True, kw_only=True):
    """A result as it is shown; `grade` is null where nobody judged it, `text` its first 200 characters."""

    id: str
    score: float
    grade: int | None = None
    title: str = ""
    text: str = ""


class LostDocument(Struct, frozen=True, kw_only=True):
    """A relevant document that is not in the final ranking, and the stage that lost it ("retrieval": never found)."""

    id: str
    stage: str


class ShownCitation(Struct, frozen=True, kw_only=True):
    """One citation of an answer: `text` stands at `start` to `end` of the document that the passage comes from."""

    id: str
    start: int
    end: int
    text: str = ""


class ShownAnswer(Struct, frozen=True, kw_only=True):
    """What was answered; `error` instead of an answer where the generator failed."""

    text: str = ""
    abstained: bool = False
    reason: str = ""
    confidence: float | None = None
    citations: list[ShownCitation] = []
    costs: dict[str, int] = {}
    error: str = ""


class QueryPipeline(Struct, frozen=True, kw_only=True):
    """One pipeline on one query."""

    measures: dict[str, float]
    ms: Amount | None = None
    top: list[TopHit] = []
    lost: list[LostDocument] = []
    answer: ShownAnswer | None = None


class QueryResults(Struct, frozen=True, kw_only=True):
    """One line of `per-query.jsonl`."""

    query_id: str
    text: str = ""
    relevant: Count = 0
    gold: list[str] = []
    pipelines: dict[str, QueryPipeline]


def encode_results(results: CollectionResults | MacroResults) -> bytes:
    """`results.json`: indented, so that it can be read and diffed, ending in a line feed."""
    return msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n"


def encode_query(query: QueryResults) -> bytes:
    """One line of `per-query.jsonl`, its line feed included."""
    return msgspec.json.encode(query) + b"\n"


def run_file(folder: str | Path, pipeline: str, kind: str = "trec") -> Path:
    """Where a pipeline's run lies: `runs/NAME.trec.gz`, or all stages in `runs/NAME.jsonl.gz` with kind="jsonl".

    A name that is no plain file name (`a/b`, `..`) is percent-encoded, so that no name leads out of the folder; a long
    one is cut, and ends in its hash.

    Example:
        >>> run_file("out", "bm25").as_posix(), run_file("out", "../x").name
        ('out/runs/bm25.trec.gz', '%2E.%2Fx.trec.gz')
    """
    return Path(folder) / "runs" / f"{_file_name(pipeline)}.{kind}.gz"


def part_folder(folder: str | Path, collection: str) -> Path:
    """The folder of one of several collections; the name is encoded as in `run_file`."""
    return Path(folder) / _file_name(collection)


def _file_name(name: str) -> str:
    quoted = quote(name, safe=" +@,=()")
    quoted = "%2E" + quoted[1:] if quoted.startswith(".") else quoted
    if len(quoted) <= _MAX_FILE_NAME:
        return quoted
    return f"{quoted[: _MAX_FILE_NAME - 17]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"

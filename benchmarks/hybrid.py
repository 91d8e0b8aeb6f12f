"""Hybrid search on judged collections: BM25, vectors, and the ways to fuse them.

    python -m benchmarks.hybrid ../shared/data/scifact ../shared/data/nfcorpus --cache CACHE [--out FILE.json]

For each collection, with all-MiniLM-L6-v2 and 200 passages from each side: nDCG@10 of the parts (vectors as float32,
and in 50 bytes with the best 100 scored again from int8), of every fusion of BM25 with the latter, and the interval of
the gain over the better part (95 %, paired, per query). Fitted weights are those of `fit_hybrid`, every query under
weights fitted without its fold. Then feedback and diversity: what they change. Vectors of passages and queries stay in
CACHE; what is not there is encoded, with `--precision int8` by the quantised model.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.collections import Collection, collection
from spaniel.eval.measures import score
from spaniel.eval.run import Run
from spaniel.eval.statistics import paired_difference
from spaniel.index.dense.embeddings import EmbeddingCache
from spaniel.index.dense.feedback import Feedback
from spaniel.index.dense.mmr import Mmr
from spaniel.index.index import Index
from spaniel.models.encoders.open import Precision, open_encoder
from spaniel.rag.pipelines.fit import fit_hybrid
from spaniel.rag.pipelines.indexes import cached_index
from spaniel.rag.pipelines.spec import IndexSpec
from spaniel.retrieval.calibration import calibrated
from spaniel.retrieval.pipeline import rrf
from spaniel.retrieval.protocols import NamedPassages, Retriever
from spaniel.retrieval.types import Query

MODEL, DEPTH = "minilm", 200
Values = dict[str, NDArray[np.float64]]
FUSED = ("hybrid", "z-scores", "min-max", "rrf 60", "rrf 10")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--queries", type=int, default=2000, help="at most so many, drawn with a fixed seed")
    parser.add_argument("--precision", choices=("fp32", "int8"), default="fp32", help="of the model")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results = []
    for name in options.collections:
        results.append(measured(collection(name), options.cache, options.queries, options.precision))
        show(results[-1])
        if options.out:
            options.out.write_text(json.dumps(results, indent=1))


def measured(judged: Collection, cache: Path, n_queries: int, precision: Precision) -> dict[str, Any]:
    """Everything about one collection, as plain JSON."""
    queries = encoded(judged, cache, n_queries, precision)
    plain = cached_index(judged, IndexSpec(dense=MODEL, store="float32", precision=precision), cache=cache)
    coded = cached_index(judged, IndexSpec(dense=MODEL, store="binary", precision=precision), cache=cache)
    with plain.index as exact, coded.index as kb:
        evaluate = evaluator(judged, queries)
        parts = {
            "bm25": evaluate(kb.bm25(DEPTH)),
            "dense": evaluate(exact.dense(None, DEPTH)),
            "binary": evaluate(kb.dense(None, DEPTH, candidates=2 * DEPTH)),
        }
        fused = {
            "hybrid": kb.hybrid(),
            "z-scores": kb.hybrid(fusion="convex"),
            "min-max": kb.hybrid(fusion="minmax"),
            "rrf 60": kb.hybrid(fusion="rrf"),
            "rrf 10": rrf(kb.bm25(DEPTH), kb.dense(None, DEPTH, candidates=2 * DEPTH), k=10),
        }
        values = parts | {name: evaluate(each) for name, each in fused.items()}
        values["hybrid, float32"] = evaluate(exact.hybrid())
        fit = fit_hybrid(kb, queries, judged.qrels)
        values["fitted"] = {"nDCG@10": fit.out_of_fold}
        near = further(kb, evaluate, values)
    better = max(("bm25", "binary"), key=lambda name: values[name]["nDCG@10"].mean())
    return {
        "collection": judged.name,
        "precision": precision,
        "queries": len(queries),
        "passages": judged.counts["documents"],
        "better_part": better,
        "means": {n: {m: float(v.mean()) for m, v in each.items()} for n, each in values.items()},
        "gain": {n: gain(values[n], values[better]) for n in (*FUSED, "fitted", "hybrid, float32")},
        "fitted_over_default": gain(values["fitted"], values["hybrid"]),
        "weights": {"fitted": fit.weights, "of_folds": fit.of_folds},
        "further": near,
    }


def further(kb: Index, evaluate: Callable[[Retriever], Values], values: dict[str, Values]) -> dict[str, Any]:
    """What feedback and diversity change: nDCG@10 and R@100 against the same without."""
    dense = kb.dense(None, DEPTH, candidates=2 * DEPTH)
    fed_by_hybrid = calibrated(kb.bm25(DEPTH), Feedback(dense, kb.hybrid()), name="hybrid")
    tried: dict[str, tuple[Retriever, str]] = {
        "feedback, no gate": (Feedback(dense, gate=0.0), "binary"),
        "feedback, gate": (Feedback(dense), "binary"),
        "hybrid feedback": (fed_by_hybrid, "hybrid"),
        "mmr .9": (kb.hybrid() >> Mmr(dense, weight=0.9), "hybrid"),
        "mmr .7": (kb.hybrid() >> Mmr(dense, weight=0.7), "hybrid"),
    }
    found: dict[str, Any] = {}
    for name, (retriever, base) in tried.items():
        scores = evaluate(retriever)
        found[name] = {measure: gain(scores, values[base], measure) for measure in scores}
    return found


def encoded(judged: Collection, cache: Path, most: int, precision: Precision) -> list[Query]:
    """The judged queries with their vectors, which are kept in the cache."""
    known = dict(judged.queries)
    ids = [id_ for id_, grades in judged.qrels.items() if grades and id_ in known]
    if len(ids) > most:
        ids = [ids[place] for place in np.sort(np.random.default_rng(0).choice(len(ids), most, replace=False))]
    with (
        open_encoder(MODEL, precision=precision) as encoder,
        EmbeddingCache(cache / "query-embeddings", encoder.card) as kept,
    ):
        rows = kept.rows_of([known[id_] for id_ in ids], lambda texts: encoder.encode(texts, kind="query"))
        vectors = kept.vectors()[rows]
    return [Query(id_, known[id_], vector=vector) for id_, vector in zip(ids, vectors, strict=True)]


def evaluator(judged: Collection, queries: Sequence[Query]) -> Callable[[Retriever], Values]:
    """A function from a retriever to measure -> float64 (n_queries,), in the order of the queries."""

    def evaluate(retriever: Retriever) -> Values:
        rankings = [r for start in range(0, len(queries), 256) for r in retriever.search(queries[start : start + 256])]
        ids = [query.id for query in queries]
        assert isinstance(retriever.passages, NamedPassages)
        run = Run.from_ordinals(ids, {"run": rankings}, retriever.passages.ids, name="run")
        scores = score(run, {id_: judged.qrels[id_] for id_ in ids}, ["nDCG@10", "R@100"])
        place = {id_: i for i, id_ in enumerate(scores.query_ids)}
        return {m: np.asarray(v)[[place[id_] for id_ in ids]] for m, v in scores.values.items()}

    return evaluate


def gain(ours: Values, theirs: Values, measure: str = "nDCG@10") -> dict[str, Any]:
    return asdict(paired_difference(ours[measure], theirs[measure]))


def show(result: dict[str, Any]) -> None:
    means, gains = result["means"], result["gain"]
    print(f"\n{result['collection']}: {result['queries']:,} queries, {result['passages']:,} passages")
    for name, each in means.items():
        over = ""
        if name in gains:
            over = f"  {gains[name]['low']:+.4f} .. {gains[name]['high']:+.4f} over {result['better_part']}"
        recall = f"{each['R@100']:.4f}" if "R@100" in each else "      "
        print(f"  {name:18} {each['nDCG@10']:.4f} {recall}{over}")
    print(f"  fitted weights {result['weights']['fitted']}; over the default {interval(result['fitted_over_default'])}")
    for name, each in result["further"].items():
        print(f"  {name:18} " + "  ".join(f"{measure} {interval(one)}" for measure, one in each.items()), flush=True)


def interval(one: dict[str, Any]) -> str:
    return f"{one['difference']:+.4f} ({one['low']:+.4f} .. {one['high']:+.4f})"


if __name__ == "__main__":
    main()

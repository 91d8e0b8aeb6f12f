"""Aggregators and their priors over the same answers: which one, and how much the first stage should say.

    python -m benchmarks.rerank_aggregators ../shared/data/scifact ../shared/data/nfcorpus [--model minilm] [--out DIR]

For each collection, design of questions and judge, the answers are gathered once, and every aggregator with several
weights of the prior makes an order of them: nDCG@10, the mean over queries and seeds. Designs: JointRank's
equi-replicate blocks of 20 (4 and 2 replicas) and sampled pairs (skip window, 30 % and 10 %, both orders). Judges: the
calibrated oracles of `rerank_schedules.py`, the last of them on a shuffled first stage, where a prior can only harm;
with `--model`, also an encoder's cosine, a judge whose errors are real. Its vectors are cached as an index's are.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import machine, markdown, write
from benchmarks.rerank_candidates import Candidates, candidates
from benchmarks.rerank_methods import SETTINGS, TOP, answerer
from benchmarks.rerank_schedules import sampled
from spaniel.eval.cache import cache_folder
from spaniel.eval.collections import collection
from spaniel.rag.pipelines.indexes import cached_index
from spaniel.rag.pipelines.spec import IndexSpec
from spaniel.rerank.aggregate.table import AGGREGATORS, aggregated
from spaniel.rerank.aggregate.wins import Wins, wins_of_orders, wins_of_pairs
from spaniel.rerank.asking import number_of
from spaniel.rerank.driver import run_schedule
from spaniel.rerank.questions import Answer, Order, Prefer, Question
from spaniel.rerank.schedules.table import read_schedule
from spaniel.retrieval.types import Query

DESIGNS = ("jointrank", "jointrank:replicas=2", "sampled", "sampled:rate=0.1")
PRIORS = (0.0, 0.3, 1.0, 2.0, 3.0, 10.0)
Answers = Callable[[Question], Answer]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+")
    parser.add_argument("--queries", type=int, default=150, help="of each collection at most, drawn with a fixed seed")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--designs", nargs="+", default=list(DESIGNS), help="schedules of depth 1")
    parser.add_argument("--model", help="an encoder, to judge by its cosine as well")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    options = parser.parse_args()
    results: list[dict[str, Any]] = []
    with ProcessPoolExecutor(options.processes) as pool:
        for path in options.collections:
            queries = sampled(candidates(path, cache=options.cache), options.queries)
            cosines = cosines_of(path, queries, options.model, options.cache) if options.model else {}
            judges = [setting.label for setting in SETTINGS] + (["cosine"] if cosines else [])
            parts = {
                (design, judge): pool.submit(measured, Path(path).name, queries, design, judge, cosines, options.seeds)
                for design in options.designs
                for judge in judges
            }
            for (design, judge), part in parts.items():
                results.append({"collection": Path(path).name, "design": design, "judge": judge} | part.result())
                if judge == judges[-1]:
                    print(table(results, Path(path).name, design), flush=True)
    text = "\n".join(table(results, Path(path).name, each) for path in options.collections for each in options.designs)
    write(options.out / "rerank_aggregators", {"machine": machine(), "results": results}, text)


def measured(
    name: str, queries: Sequence[Candidates], design: str, judge: str, cosines: dict[str, list[float]], seeds: int
) -> dict[str, Any]:
    """Aggregator -> prior -> mean nDCG@10, and that of the first stage as it was shown."""
    sums: dict[str, dict[float, float]] = {method: dict.fromkeys(PRIORS, 0.0) for method in AGGREGATORS}
    first, n = 0.0, 0
    for seed in range(1 if judge == "cosine" else seeds):
        for query in queries:
            shown, answers = judged(name, query, judge, cosines, seed)
            wins = wins_from(design, len(shown.ids), answers, seed=number_of(f"{seed} {query.query_id}"))
            first, n = first + shown.ndcg(range(len(shown.ids))), n + 1
            for method, at in sums.items():
                for prior in at:
                    at[prior] += shown.ndcg(aggregated(wins, method, prior=prior).order)
    return {"first_stage": first / n, "ndcg": {m: {str(p): v / n for p, v in at.items()} for m, at in sums.items()}}


def judged(
    name: str, query: Candidates, judge: str, cosines: dict[str, list[float]], seed: int
) -> tuple[Candidates, Answers]:
    """The query as it is shown, and what the judge says about it."""
    if judge == "cosine":
        return query, _by_scores(np.array(cosines[query.query_id]))
    setting = next(setting for setting in SETTINGS if setting.label == judge)
    shown = query.shuffled(seed) if setting.shuffled else query
    return shown, answerer(shown, setting.noise, name, seed=seed)


def _by_scores(scores: NDArray[np.float64]) -> Answers:
    def answer(question: Question) -> Answer:
        match question:
            case Prefer(first, second):
                return float(0.5 * (1 + np.sign(scores[first] - scores[second])))
            case Order(docs, _):
                return tuple(sorted(docs, key=lambda doc: -scores[doc]))
            case _:
                return float(scores[question.doc])

    return answer


def wins_from(design: str, n: int, answers: Answers, *, seed: int) -> Wins:
    """All that the judge says when the design is asked whole."""
    _, trace = run_schedule(read_schedule(design), n, answers, top=min(TOP, n), seed=seed, keep_log=True)
    orders = [asked.answer for asked in trace.log if isinstance(asked.answer, tuple)]
    if orders:
        return wins_of_orders(orders, n)
    pairs = [(a.question, a.answer) for a in trace.log if isinstance(a.question, Prefer)]
    places = [(question.first, question.second) for question, _ in pairs]
    return wins_of_pairs(places, [said for _, said in pairs if isinstance(said, float)], n)


def cosines_of(path: str, queries: Sequence[Candidates], model: str, cache: Path | None) -> dict[str, list[float]]:
    """The cosine of each query with its candidates."""
    judgements = collection(path)
    spec = IndexSpec(dense=model, store="float32")
    with cached_index(judgements, spec, cache=cache_folder(cache)).index as index:
        every = index.dense(None, len(index.passages))
        asked = [Query(query.query_id, judgements.queries[query.query_id]) for query in queries]
        found = every.search(asked, k=len(index.passages))
        scores = [dict(zip(index.passages.doc_ids(r.ids), r.scores.tolist(), strict=True)) for r in found]
    return {query.query_id: [of[each] for each in query.ids] for query, of in zip(queries, scores, strict=True)}


def table(results: Iterable[dict[str, Any]], name: str, design: str) -> str:
    """Aggregators and priors by judge."""
    columns = [result for result in results if result["collection"] == name and result["design"] == design]
    head = [f"{name}, {design}", "prior", *(column["judge"] for column in columns)]
    rows = [["BM25", "", *(f"{column['first_stage']:.3f}" for column in columns)]]
    for method in AGGREGATORS:
        for prior in PRIORS:
            rows.append([method, f"{prior:g}", *(f"{column['ndcg'][method][str(prior)]:.3f}" for column in columns)])
    return markdown(head, rows)


if __name__ == "__main__":
    main()

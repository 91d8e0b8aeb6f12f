"""Cutting after reranking, and first stage with reranker: what calibrated scores are good for.

    python -m benchmarks.selection ../shared/data/scifact ../shared/data/nfcorpus --cache CACHE [--out FILE.json]

The reranker is the cosine of all-MiniLM-L6-v2 over BM25's best `--depth` passages. Everything is out of fold: what is
said of a query comes from a calibration, or from weights, fitted on the other four fifths of the queries.

- calibration: cross entropy and expected calibration error of Platt's sigmoid of the score, and with the score's
  standing in its ranking (`within`); the error of the cosines themselves; whether temperature scaling is possible.
- selection: for each policy the mean number of passages kept, how many of them are relevant, and the share of the
  relevant ones among the candidates that are kept, next to both at a fixed number with the same mean, and the
  interval of the gain in recall (95 %, paired over queries).
- interpolation: nDCG@10 of BM25, of the cosine, and of both with equal and with fitted weights.

Vectors stay in CACHE. Encoding takes minutes; with `--seconds` it stops then, and the next run goes on.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.collections import Collection, collection
from spaniel.eval.statistics import paired_difference
from spaniel.index.dense.embeddings import EmbeddingCache
from spaniel.models.encoders.base import Encoder, Kind
from spaniel.models.encoders.open import open_encoder
from spaniel.models.text import passage_text
from spaniel.rag.pipelines.indexes import cached_index
from spaniel.rag.pipelines.spec import IndexSpec
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.fusion_weights import fit_weights
from spaniel.retrieval.interpolation import interpolated
from spaniel.retrieval.policies.cumulative import CumulativeProbability
from spaniel.retrieval.policies.fitting import calibration_error, fit_calibration, judged_scores
from spaniel.retrieval.policies.score_calibration import Calibration
from spaniel.retrieval.policies.threshold import Threshold
from spaniel.retrieval.protocols import CutoffPolicy
from spaniel.retrieval.types import Query, Ranking

FOLDS = 5
AT_ONCE = 256
LONGEST = 50
Grades = Mapping[int, int]

POLICIES: Mapping[str, Callable[[Calibration], CutoffPolicy]] = {
    **{
        f"threshold p >= {p:g}": lambda fitted, p=p: Threshold(min_probability=p, calibration=fitted)  # type: ignore[misc]
        for p in (0.5, 0.3, 0.2, 0.1, 0.05)
    },
    **{
        f"cumulative {mass:g}": lambda fitted, mass=mass: CumulativeProbability(mass, fitted)  # type: ignore[misc]
        for mass in (0.5, 0.7, 0.9)
    },
    **{
        f"any {mass:g}": lambda fitted, mass=mass: CumulativeProbability(mass, fitted, of="any")  # type: ignore[misc]
        for mass in (0.5, 0.7, 0.9)
    },
}


@dataclass(frozen=True)
class Candidates:
    """For each query BM25's ranking, the cosine's of the same passages, and grade by ordinal; what was not found has a
    negative number."""

    first: list[Ranking]
    again: list[Ranking]
    grades: list[Grades]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("collections", nargs="+")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--depth", type=int, default=50)
    parser.add_argument("--precision", choices=("fp32", "int8"), default="int8", help="of the model")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="for encoding")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    results = []
    for name in options.collections:
        found = candidates(collection(name), options.cache, options.depth, options.precision, until)
        results.append({"collection": Path(name).name, "depth": options.depth} | measured(found))
        show(results[-1])
    if options.out:
        options.out.write_text(json.dumps(results, indent=1))


def measured(found: Candidates) -> dict[str, Any]:
    """All figures of one collection, as plain JSON."""
    relevant = sum(grade > 0 for grades in found.grades for id_, grade in grades.items() if id_ >= 0)
    return {
        "queries": len(found.first),
        "relevant_share": relevant / sum(map(len, found.first)),
        "calibration": calibrations(found),
        "policies": policies(found),
        "interpolation": interpolation(found),
    }


def calibrations(found: Candidates) -> dict[str, Any]:
    judged = judged_scores(found.again, found.grades)
    platt, within = (
        fit_calibration(judged.scores, judged.relevant, queries=judged.queries, within=both) for both in (False, True)
    )
    try:
        temperature = fit_calibration(judged.scores, judged.relevant, queries=judged.queries, intercept=False)
    except InvalidInput:  # cosines lie above 0 for what is not relevant too
        temperature = None
    raw = calibration_error(np.clip(judged.scores, 0, 1), judged.relevant)
    return {
        "platt": asdict(platt) | {"cross_entropy": cross_entropy(found, within=False)},
        "within": asdict(within) | {"cross_entropy": cross_entropy(found, within=True)},
        "temperature": temperature and asdict(temperature),
        "cosine as it is": raw,
    }


def cross_entropy(found: Candidates, *, within: bool) -> float:
    """Of a passage, out of fold."""
    fold_of, fitted = by_fold(found, within)
    told = np.concatenate([fitted[fold].of(each) for fold, each in zip(fold_of, found.again, strict=True)])
    relevant = judged_scores(found.again, found.grades).relevant
    return float(-np.log(np.where(relevant, told, 1 - told)).mean())


def policies(found: Candidates) -> dict[str, Any]:
    """Of each policy, and of fixed numbers: passages kept, precision, and recall of what the candidates hold."""
    fixed = [kept_of(found, [k] * len(found.again)) for k in range(1, LONGEST + 1)]
    rows: dict[str, Any] = {f"first {k}": fixed[k - 1] for k in (1, 3, 5, 10, 20)}
    for within in (False, True):
        fold_of, fitted = by_fold(found, within)
        for name, make in POLICIES.items():
            cuts = [make(fitted[fold]).cut("", ranking) for fold, ranking in zip(fold_of, found.again, strict=True)]
            row = kept_of(found, cuts)
            means = [each["kept"] for each in fixed]
            row["precision_of_fixed"] = float(np.interp(row["kept"], means, [each["precision"] for each in fixed]))
            same = float(np.interp(row["kept"], means, range(1, LONGEST + 1)))
            row["recall_of_fixed"] = float(recalls(found, same).mean())
            row["gain"] = asdict(paired_difference(recalls(found, cuts), recalls(found, same)))
            rows[f"{name}, within" if within else name] = row
    return rows


def by_fold(found: Candidates, within: bool) -> tuple[NDArray[np.int64], list[Calibration]]:
    """The fold of each query, and for each fold what the other queries say."""
    fold_of = np.random.default_rng(0).permutation(len(found.again)) % FOLDS
    fitted = []
    for fold in range(FOLDS):
        places = np.flatnonzero(fold_of != fold).tolist()
        judged = judged_scores([found.again[i] for i in places], [found.grades[i] for i in places])
        fitted.append(fit_calibration(judged.scores, judged.relevant, queries=judged.queries, within=within))
    return fold_of, fitted


def recalls(found: Candidates, cuts: Sequence[int] | float) -> NDArray[np.float64]:
    """Of each query with something relevant among its candidates; a number between two whole ones is a mix of both."""
    values = []
    each_of = [cuts] * len(found.again) if isinstance(cuts, float) else cuts
    for ranking, grades, k in zip(found.again, found.grades, each_of, strict=True):
        hits = np.cumsum([0, *(grades.get(id_, 0) > 0 for id_ in ranking.ids.tolist())])
        if hits[-1]:
            values.append(float(np.interp(k, range(len(hits)), hits)) / int(hits[-1]))
    return np.array(values)


def kept_of(found: Candidates, cuts: Sequence[int]) -> dict[str, Any]:
    hits = 0
    for ranking, grades, k in zip(found.again, found.grades, cuts, strict=True):
        hits += sum(grades.get(id_, 0) > 0 for id_ in ranking.ids[:k].tolist())
    kept = [min(k, len(ranking)) for k, ranking in zip(cuts, found.again, strict=True)]
    spread = [float(each) for each in np.quantile(kept, [0.1, 0.9])]
    return {
        "kept": float(np.mean(kept)),
        "kept_p10_p90": spread,
        "precision": hits / max(sum(kept), 1),
        "recall": float(recalls(found, cuts).mean()),
    }


def interpolation(found: Candidates) -> dict[str, Any]:
    """nDCG@10 of both and of their sums; the gain is over the better one, with its interval (95 %, paired)."""
    rows = [list(pair) for pair in zip(found.first, found.again, strict=True)]
    fit = fit_weights(rows, found.grades, scale="convex")
    values = {
        "bm25": ndcg(found.first, found.grades),
        "cosine": ndcg(found.again, found.grades),
        "equal weights": ndcg([interpolated(row, 0.5) for row in rows], found.grades),
        "fitted": fit.out_of_fold,
    }
    better = max(("bm25", "cosine"), key=lambda name: float(values[name].mean()))
    gains = {name: asdict(paired_difference(values[name], values[better])) for name in ("equal weights", "fitted")}
    means = {name: float(each.mean()) for name, each in values.items()}
    return {"nDCG@10": means, "better": better, "gain": gains, "weight": fit.weights[1], "of_folds": fit.of_folds}


def ndcg(rankings: Sequence[Ranking], grades: Sequence[Grades]) -> NDArray[np.float64]:
    """nDCG@10 of each: linear gain, ideal over all judgements."""
    discounts = 1 / np.log2(np.arange(2, 12))
    values = []
    for ranking, known in zip(rankings, grades, strict=True):
        gains = np.array([max(known.get(id_, 0), 0) for id_ in ranking.ids[:10].tolist()], float)
        best = np.sort([max(grade, 0) for grade in known.values()])[::-1][:10]
        values.append(float(gains @ discounts[: len(gains)]) / float(best @ discounts[: len(best)]))
    return np.array(values)


def candidates(judged: Collection, cache: Path, depth: int, precision: Any, until: float) -> Candidates:
    """What BM25 finds for each query that has something relevant, and the cosines of that."""
    asked = [
        Query(id_, text)
        for id_, text in judged.queries.items()
        if any(grade > 0 for grade in judged.qrels.get(id_, {}).values())
    ]
    with (
        cached_index(judged, IndexSpec(), cache=cache).index as index,
        open_encoder("minilm", precision=precision, threads=1) as encoder,
    ):
        rankings = index.bm25(depth).search(asked, k=depth)
        found = [(query, ranking) for query, ranking in zip(asked, rankings, strict=True) if len(ranking)]
        ordinals = np.unique(np.concatenate([ranking.ids for _, ranking in found]))
        texts = [passage_text(passage.title, passage.text) for passage in index.passages.get(ordinals)]
        vectors = encoded(encoder, texts, "passage", cache, until)
        queries = encoded(encoder, [query.text for query, _ in found], "query", cache, until)
        documents = dict(zip(ordinals.tolist(), index.passages.doc_ids(ordinals), strict=True))
    again, grades = [], []
    for (query, ranking), vector in zip(found, queries, strict=True):
        again.append(Ranking.sorted(ranking.ids, vectors[np.searchsorted(ordinals, ranking.ids)] @ vector))
        left = dict(judged.qrels[query.id])
        here = {id_: left.pop(documents[id_], 0) for id_ in ranking.ids.tolist()}
        grades.append(here | {-1 - place: grade for place, grade in enumerate(left.values())})
    return Candidates([ranking for _, ranking in found], again, grades)


def encoded(encoder: Encoder, texts: list[str], kind: Kind, cache: Path, until: float) -> NDArray[np.float32]:
    """float32 (len(texts), d), from the cache as far as they are there."""
    rows = np.empty(len(texts), np.int64)
    with EmbeddingCache(cache / f"{kind}-embeddings", encoder.card) as kept:
        for start in range(0, len(texts), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            rows[some] = kept.rows_of(texts[some], lambda new: encoder.encode(new, kind=kind))
            if time.monotonic() > until:
                raise SystemExit(f"{start + AT_ONCE:,} of {len(texts):,} are encoded; run it again")
        return kept.vectors()[rows].copy()


def show(result: dict[str, Any]) -> None:
    print(f"\n{result['collection']}: {result['queries']} queries, {result['relevant_share']:.3f} relevant")
    both = result["calibration"]
    for name in ("platt", "within"):
        one = both[name]
        weights = f"a {one['a']:.2f} b {one['b']:.2f} c {one['c']:.2f}"
        print(f"  {name:16} {weights}  cross entropy {one['cross_entropy']:.4f} ECE {one['ece']:.4f}")
    print(f"  temperature      {'possible' if both['temperature'] else 'refused'}")
    print(f"  cosine as it is  ECE {both['cosine as it is']:.4f}")
    print(f"  {'':26} kept (p10, p90)     precision, fixed   recall, fixed")
    for name, row in result["policies"].items():
        low, high = row["kept_p10_p90"]
        fixed = [f"{row[key]:.3f}" if key in row else "     " for key in ("precision_of_fixed", "recall_of_fixed")]
        kept = f"{row['kept']:5.1f} ({low:.0f}, {high:.0f})"
        figures = f"{row['precision']:.3f} {fixed[0]}        {row['recall']:.3f} {fixed[1]}"
        gain = f"{row['gain']['low']:+.3f} .. {row['gain']['high']:+.3f}" if "gain" in row else ""
        print(f"  {name:26} {kept:19} {figures}  {gain}")
    print("  " + ", ".join(f"{name} {value:.4f}" for name, value in result["interpolation"]["nDCG@10"].items()))
    for name, gain in result["interpolation"]["gain"].items():
        span = f"{gain['difference']:+.4f} ({gain['low']:+.4f} .. {gain['high']:+.4f})"
        print(f"  {name} over {result['interpolation']['better']}: {span}")
    print(f"  weight of the cosine {result['interpolation']['weight']}", flush=True)


if __name__ == "__main__":
    main()

"""What a conformal cut misses on queries that it was not fitted on, beside the alpha that was asked for.

    python -m benchmarks.cutoff_risk ../shared/data --cache CACHE [--only hotpotqa-mini] [--retrievers bm25]

Halves as in `cutoffs.py`. Of the fitting half every other query fits the values (`PricedCut`), the rest the level. The
loss is the share of the relevant passages among the first 50 that are cut off; intervals are 95 %, over queries.
"""

import argparse
from pathlib import Path

import numpy as np

from spaniel.eval.statistics import mean_interval
from spaniel.retrieval.policies.conformal import ConformalCut
from spaniel.retrieval.policies.priced import PricedCut

from .cutoff_lists import RETRIEVERS, Lists
from .cutoff_policies import MOST
from .cutoffs import SPLITS, halves, hits

ALPHAS = (0.2, 0.1, 0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the collections")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=tuple(SPLITS), default=list(SPLITS))
    parser.add_argument("--retrievers", nargs="+", choices=RETRIEVERS, default=["bm25"])
    parser.add_argument("--queries", type=int, default=1000, help="of each half, at most")
    options = parser.parse_args()
    for name in options.only:
        fit, shown = halves(options.data / name, options.cache, options.queries)
        for retriever in options.retrievers:
            print(f"{name}, {retriever}: {len(shown[retriever].queries)} queries", flush=True)
            for alpha in ALPHAS:
                print("  " + measured(fit[retriever], shown[retriever], alpha), flush=True)


def measured(fit: Lists, shown: Lists, alpha: float) -> str:
    """One line: alpha, the mean loss with its interval, passages kept."""
    rows = np.arange(len(fit.queries))
    values, level = fit.some(rows[::2]), fit.some(rows[1::2])
    priced = PricedCut.fit(values.rankings(), values.judgements(missing=True), price=0.01, window=MOST)
    cut = ConformalCut.fit(level.rankings(), level.judgements(missing=True), alpha=alpha, window=MOST, priced=priced)
    kept = np.array([cut.cut(text, ranking) for text, ranking in zip(shown.queries, shown.rankings(), strict=True)])
    there = hits(shown, np.full(len(kept), MOST))
    lost = np.where(there > 0, 1 - hits(shown, kept) / np.maximum(there, 1), 0.0)
    told = mean_interval(lost)
    return f"alpha {alpha}: loss {told.mean:.3f} ({told.low:.3f} .. {told.high:.3f}), {kept.mean():.1f} passages"


if __name__ == "__main__":
    main()

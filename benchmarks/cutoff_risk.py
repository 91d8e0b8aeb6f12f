"""What a conformal cut misses on queries that it was not fitted on, beside the alpha that was asked for.

    python -m benchmarks.cutoff_risk ../shared/data --cache CACHE [--only hotpotqa-mini] [--retrievers bm25]

A third of a collection's queries, drawn at random, fits the values (`PricedCut`), a third the level, and the rest is
shown; the mean over many such draws is what the guarantee speaks of. Behind it the collection's own halves, as in
`cutoffs.py`, as one draw more: of the fitting half every other query fits the values, the rest the level. The loss is
the share of the relevant passages among the first 50 that are cut off.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.statistics import mean_interval
from spaniel.retrieval.policies.conformal import ConformalCut
from spaniel.retrieval.policies.priced import PricedCut

from .cutoff_lists import RETRIEVERS, Lists, joined
from .cutoff_policies import MOST
from .cutoffs import SPLITS, halves, hits

ALPHAS = (0.2, 0.1, 0.05)
Floats = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the collections")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=tuple(SPLITS), default=list(SPLITS))
    parser.add_argument("--retrievers", nargs="+", choices=RETRIEVERS, default=["bm25"])
    parser.add_argument("--queries", type=int, default=1000, help="of each half, at most")
    parser.add_argument("--draws", type=int, default=40)
    options = parser.parse_args()
    for name in options.only:
        fit, shown = halves(options.data / name, options.cache, options.queries)
        for retriever in options.retrievers:
            every = joined(fit[retriever], shown[retriever])
            own = measured(*every_other(fit[retriever]), shown[retriever])
            draws = [measured(*thirds(every, seed)) for seed in range(options.draws)]
            print(f"{name}, {retriever}: {len(every.queries)} queries, {options.draws} draws", flush=True)
            for place, alpha in enumerate(ALPHAS):
                print(f"  alpha {alpha}: {told([draw[place] for draw in draws])}; {told([own[place]])}", flush=True)


def every_other(lists: Lists) -> tuple[Lists, Lists]:
    rows = np.arange(len(lists.queries))
    return lists.some(rows[::2]), lists.some(rows[1::2])


def thirds(lists: Lists, seed: int) -> tuple[Lists, Lists, Lists]:
    """Queries dealt at random."""
    one, two, three = np.array_split(np.random.default_rng(seed).permutation(len(lists.queries)), 3)
    return lists.some(one), lists.some(two), lists.some(three)


def measured(values: Lists, level: Lists, shown: Lists) -> list[tuple[Floats, float]]:
    """For each alpha (loss of each query, passages kept on average)."""
    priced = PricedCut.fit(values.rankings(), values.judgements(missing=True), price=0.01, window=MOST)
    found = []
    there = hits(shown, np.full(len(shown.queries), MOST))
    for alpha in ALPHAS:
        cut = ConformalCut.fit(
            level.rankings(), level.judgements(missing=True), alpha=alpha, window=MOST, priced=priced
        )
        kept = np.array([cut.cut(text, ranking) for text, ranking in zip(shown.queries, shown.rankings(), strict=True)])
        lost = np.where(there > 0, 1 - hits(shown, kept) / np.maximum(there, 1), 0.0)
        found.append((lost, float(kept.mean())))
    return found


def told(draws: Sequence[tuple[Floats, float]]) -> str:
    """The mean loss: of one draw with its 95 % interval over queries, of several with its standard error and range."""
    means = [float(lost.mean()) for lost, _ in draws]
    kept = np.mean([k for _, k in draws])
    if len(draws) > 1:
        error = np.std(means, ddof=1) / np.sqrt(len(means))
        return f"loss {np.mean(means):.3f} +- {error:.3f} [{min(means):.3f}, {max(means):.3f}], {kept:.1f} passages"
    one = mean_interval(draws[0][0])
    return f"own halves {one.mean:.3f} ({one.low:.3f} .. {one.high:.3f}), {kept:.1f}"


if __name__ == "__main__":
    main()

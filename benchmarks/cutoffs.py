"""Cut-off policies against fixed numbers: passages read for the same evidence, on queries that nothing was fitted on.

    python -m benchmarks.cutoffs ../shared/data --cache CACHE [--only hotpotqa-mini] [--out FILE.json] [--svg FILE.svg]

Every family of `cutoff_policies.py` over BM25, vectors, binary codes and both together (`cutoff_lists.py`). Of each
collection one half of the queries is for fitting: another split where there is one, else half of the documents'
queries. There the setting is chosen: the one that reads least while evidence recall (the mean share of a query's
relevant passages that are kept) is that of a fixed k; between two settings queries are dealt to both at random (what
is shown is the mean over dealings), so that no family suffers from how far apart its settings are. The other half shows
what it reads, finds and misses, beside the fixed k: intervals are 95 %, paired over queries. `oracle` knows for each
query the shortest head that holds what the fixed k finds. hotpotqa-mini and squad-v1.1-dev are also shown together:
models are fitted for each, the setting is one for both, and each counts the same.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.eval.statistics import macro_difference

from .cutoff_lists import RETRIEVERS, Lists, found_lists
from .cutoff_policies import FAMILIES, Cuts, families
from .plot import log_x

SPLITS: Mapping[str, tuple[str, str]] = {  # for fitting, and for showing
    "hotpotqa-mini": ("train", "test"),
    "squad-v1.1-dev": ("test", "test"),
    "scifact": ("train", "test"),
    "nfcorpus": ("dev", "test"),
    "cosqa": ("dev", "test"),
}
BAR = ("hotpotqa-mini", "squad-v1.1-dev")
Floats = NDArray[np.float64]
Kept = NDArray[np.int64]
Mix = Sequence[tuple[float, Kept]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the collections")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=tuple(SPLITS), default=list(SPLITS))
    parser.add_argument("--retrievers", nargs="+", choices=RETRIEVERS, default=list(RETRIEVERS))
    parser.add_argument("--fixed", nargs="+", type=int, default=[3, 5, 10, 20])
    parser.add_argument("--queries", type=int, default=1000, help="of each half, at most")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--svg", type=Path, help="of the two collections of the bar, BM25")
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    options = parser.parse_args()
    results: list[dict[str, Any]] = []
    cuts: dict[tuple[str, str], Halves] = {}
    for name in options.only:
        start = time.monotonic()
        fit, shown = halves(options.data / name, options.cache, options.queries)
        for retriever in options.retrievers:
            cuts[name, retriever] = Halves(fit[retriever], shown[retriever], options.families)
            results.append(
                {"collections": [name], "retriever": retriever, **compared([cuts[name, retriever]], options.fixed)}
            )
            show(results[-1])
        print(f"({time.monotonic() - start:.0f} s)", flush=True)
    if set(BAR) <= set(options.only):
        for retriever in options.retrievers:
            both = [cuts[name, retriever] for name in BAR]
            results.append({"collections": list(BAR), "retriever": retriever, **compared(both, options.fixed)})
            show(results[-1])
        if options.svg:
            options.svg.write_text(plotted([cuts[name, "bm25"] for name in BAR]))
    if options.out:
        options.out.write_text(json.dumps(results, indent=1))


class Halves:
    """One collection under one retriever: what every setting of some families keeps, on both halves."""

    def __init__(self, fit: Lists, shown: Lists, names: Sequence[str] = FAMILIES) -> None:
        self.fit, self.shown = fit, shown
        made = families(fit)
        self.cuts: dict[str, tuple[Cuts, Cuts]] = {name: (made[name](fit), made[name](shown)) for name in names}


def halves(path: Path, cache: Path, most: int) -> tuple[dict[str, Lists], dict[str, Lists]]:
    """For each retriever the lists to fit on and those to show."""
    first, second = SPLITS[path.name]
    rng = np.random.default_rng(0)
    one = found_lists(str(path), first, cache)
    if first != second:
        return tuple(
            {each.retriever: drawn(each, np.arange(len(each.queries)), most) for each in lists}  # type: ignore[return-value]
            for lists in (one, found_lists(str(path), second, cache))
        )
    groups = sorted(set(one[0].groups))
    chosen = set(rng.permutation(groups)[: len(groups) // 2].tolist())
    inside = np.array([group in chosen for group in one[0].groups])
    return tuple(
        {each.retriever: drawn(each, np.flatnonzero(side), most) for each in one} for side in (inside, ~inside)
    )  # type: ignore[return-value]


def drawn(lists: Lists, rows: Kept, most: int) -> Lists:
    """At most so many of the rows, the same for every retriever."""
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(1).choice(rows, most, replace=False))
    return lists.some(rows)


def compared(parts: Sequence[Halves], fixed: Sequence[int]) -> dict[str, Any]:
    """Every family beside every fixed k: the setting chosen on the first halves, figures of the second."""
    rows: dict[str, Any] = {}
    for k in fixed:
        base = [np.minimum(k, found_of(part.shown)) for part in parts]
        target = macro([recall(part.fit, np.minimum(k, found_of(part.fit))) for part in parts])
        row = {"recall": macro([recall(p.shown, b) for p, b in zip(parts, base, strict=True)]), "families": {}}
        for name in parts[0].cuts:
            mix = cheapest([part.cuts[name][0] for part in parts], parts, target)
            if mix is not None:
                kept = [[(weight, part.cuts[name][1][place]) for place, weight in mix.items()] for part in parts]
                row["families"][name] = figures(parts, kept, base) | {"settings": mix}
        known = [oracle(part.shown, b) for part, b in zip(parts, base, strict=True)]
        row["families"]["oracle"] = figures(parts, [[(1.0, each)] for each in known], base)
        rows[str(k)] = row
    return {"queries": [len(part.shown.queries) for part in parts], "fixed": rows}


def cheapest(settings: Sequence[Cuts], parts: Sequence[Halves], target: float) -> dict[int, float] | None:
    """The setting, or two with the weight of each, that reads least and finds enough; None where none does."""
    places = range(min(map(len, settings)))
    read = [macro([each[place].astype(float) for each in settings]) for place in places]
    found = [macro([recall(p.fit, each[place]) for p, each in zip(parts, settings, strict=True)]) for place in places]
    mixes = [(read[place], {place: 1.0}) for place in places if found[place] >= target - 1e-9]
    for more in places:
        for less in places:
            if found[less] < target < found[more]:
                weight = (target - found[less]) / (found[more] - found[less])
                mixes.append((weight * read[more] + (1 - weight) * read[less], {less: 1 - weight, more: weight}))
    return min(mixes, key=lambda mix: mix[0])[1] if mixes else None


def figures(parts: Sequence[Halves], kept: Sequence[Mix], base: Sequence[Kept]) -> dict[str, Any]:
    """Means over collections, and differences from the fixed k with intervals."""

    def both(values: Callable[[Lists, Kept], Floats]) -> tuple[list[Floats], list[Floats]]:
        rows = list(zip([part.shown for part in parts], kept, base, strict=True))
        mixed: list[Floats] = [np.sum([w * values(lists, k) for w, k in mix], axis=0) for lists, mix, _ in rows]
        return mixed, [values(lists, k) for lists, _, k in rows]

    read, read_base = both(lambda lists, k: k.astype(float))
    tokens, tokens_base = both(tokens_read)
    found = macro_difference(*both(recall), method="t")
    less = macro_difference(read_base, read, method="t")
    one = macro(read_base)
    return {
        "passages": macro(read),
        "of_each": [float(each.mean()) for each in read],
        "p10_p90": [float(each) for each in np.quantile(np.concatenate(read), [0.1, 0.9])],
        "fewer": {"share": less.difference / one, "low": less.low / one, "high": less.high / one},
        "fewer_tokens": 1 - macro(tokens) / macro(tokens_base),
        "recall": asdict(found),
        "f1": macro_difference(*both(f1), method="t").difference,
        "ndcg": macro_difference(*both(ndcg), method="t").difference,
    }


def found_of(lists: Lists) -> Kept:
    """How many passages each query found."""
    return np.isfinite(lists.scores).sum(axis=1)


def hits(lists: Lists, kept: Kept) -> Floats:
    """Relevant passages among those kept, of each query."""
    sums = np.concatenate([np.zeros((len(kept), 1)), np.cumsum(lists.grades > 0, axis=1)], axis=1)
    counted: Floats = sums[np.arange(len(kept)), kept]
    return counted


def recall(lists: Lists, kept: Kept) -> Floats:
    return hits(lists, kept) / lists.n_relevant


def f1(lists: Lists, kept: Kept) -> Floats:
    """Harmonic mean of precision and recall of what is kept."""
    return 2 * hits(lists, kept) / (kept + lists.n_relevant)


def ndcg(lists: Lists, kept: Kept) -> Floats:
    """nDCG@10 of what is kept: linear gain, the ideal over all judgements."""
    discounts = 1 / np.log2(np.arange(2, 12))
    gains = lists.grades[:, :10] * (np.arange(10) < kept[:, None])
    told: Floats = (gains @ discounts) / (lists.ideal @ discounts)
    return told


def tokens_read(lists: Lists, kept: Kept) -> Floats:
    sums = np.concatenate([np.zeros((len(kept), 1)), np.cumsum(lists.tokens, axis=1)], axis=1)
    told: Floats = sums[np.arange(len(kept)), kept]
    return told


def oracle(lists: Lists, base: Kept) -> Kept:
    """The shortest head that holds what the first `base` hold, and one passage at least."""
    inside = (lists.grades > 0) & (np.arange(lists.grades.shape[1]) < base[:, None])
    last = inside.shape[1] - np.argmax(inside[:, ::-1], axis=1)
    return np.minimum(np.where(inside.any(axis=1), last, 1), base)


def macro(values: Sequence[Floats]) -> float:
    """The mean of the collections' means."""
    return float(np.mean([each.mean() for each in values]))


def plotted(parts: Sequence[Halves]) -> str:
    """Evidence recall against passages read, on the second halves."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for name in (
        "fixed-k",
        "adaptive-k",
        "share of the top",
        "top-p",
        "ordinal",
        "cumulative, calibrated",
        "conformal",
        "priced",
    ):
        if name not in parts[0].cuts:
            continue
        points = sorted(
            (
                macro([p.cuts[name][1][i].astype(float) for p in parts]),
                macro([recall(p.shown, p.cuts[name][1][i]) for p in parts]),
            )
            for i in range(min(len(p.cuts[name][1]) for p in parts))
        )
        lines[name] = thinned([point for point in points if point[0] <= 30])
    fixed = range(1, 31)
    known = [[oracle(p.shown, np.minimum(k, found_of(p.shown))) for p in parts] for k in fixed]
    lines["oracle (what a fixed k finds)"] = [
        (macro([k.astype(float) for k in row]), macro([recall(p.shown, k) for p, k in zip(parts, row, strict=True)]))
        for row in known
    ]
    return log_x(lines, x="passages read for a query", y="evidence recall")


def thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Of points from left to right those that stand apart on a logarithmic axis."""
    kept = list(points[:1])
    for point in points[1:]:
        if point[0] >= 1.15 * kept[-1][0]:
            kept.append(point)
    return kept


def show(result: dict[str, Any]) -> None:
    print(f"\n{' + '.join(result['collections'])}, {result['retriever']}: {result['queries']} queries shown")
    for k, row in result["fixed"].items():
        print(f"  fixed {k}: evidence recall {row['recall']:.4f}")
        for name, one in row["families"].items():
            fewer, found = one["fewer"], one["recall"]
            each = " ".join(f"{mean:.1f}" for mean in one["of_each"])
            print(
                f"    {name:26} {one['passages']:6.2f} ({each}) passages, {fewer['share']:+6.1%}"
                f" ({fewer['low']:+.1%} .. {fewer['high']:+.1%}) fewer, tokens {one['fewer_tokens']:+.1%};"
                f" recall {found['difference']:+.4f} ({found['low']:+.4f} .. {found['high']:+.4f})"
                f" F1 {one['f1']:+.3f} nDCG {one['ndcg']:+.3f}"
            )


if __name__ == "__main__":
    main()

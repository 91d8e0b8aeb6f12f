"""What `rerank_schedules.py` has measured, as tables, and held to the bars."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.report import markdown
from benchmarks.rerank_methods import SETTINGS, Method
from spaniel.eval.statistics import paired_difference
from spaniel.eval.statistics.values import Paired

__all__ = ["ahead", "bars", "curve_table", "cut_table", "difference_table", "main_table", "pareto", "show"]

OURS, PAPERS = "JointRank", "JointRank, PageRank (the paper)"


def show(result: Mapping[str, Any]) -> str:
    """Everything about one collection, as Markdown."""
    head = (
        f"### {result['collection']}: {result['queries']} queries, {result['passages']:.0f} passages each, "
        f"{result['seeds']} seeds\n\nBM25 {result['first_stage']:.3f}, ceiling {result['ceiling']:.3f}\n"
    )
    bars_met = "\n".join(f"- {name}: {value}" for name, value in result["bars"].items())
    sweeps = [curve_table(result["curve"]), cut_table(result["cuts"])] if result["cuts"] else []
    return "\n".join([head, main_table(result), difference_table(result), *sweeps, bars_met])


def main_table(result: Mapping[str, Any]) -> str:
    """Methods by cost and settings; under the realistic oracle with the half-width of the interval."""
    rows = []
    for label, row in result["rows"].items():
        cells = [label, _count(row["calls"]), _count(row["docs"]), _count(row["depth"])]
        for setting in SETTINGS:
            at = row["ndcg"][setting.label]
            half = f" ± {(at['high'] - at['low']) / 2:.3f}" if setting.label == "realistic" else ""
            cells.append(f"{at['mean']:.3f}{half}")
        rows.append(cells)
    return markdown(["method", "calls", "docs read", "depth", *(setting.label for setting in SETTINGS)], rows)


def difference_table(result: Mapping[str, Any]) -> str:
    """How many points each row is behind the default JointRank, with paired 95 % intervals; depth 1 first."""
    rows = result["rows"]
    if OURS not in rows:
        return ""
    table = []
    for label in sorted(rows, key=lambda label: (rows[label]["depth"] > 1, rows[label]["calls"])):
        cells = [_points(ahead(rows, label, setting.label)) for setting in SETTINGS]
        table.append([label, _count(rows[label]["calls"]), _count(rows[label]["depth"]), *cells])
    return markdown(
        ["points that JointRank is before", "calls", "depth", *(setting.label for setting in SETTINGS)], table
    )


def ahead(rows: Mapping[str, Any], label: str, setting: str) -> Paired:
    """The default JointRank against a method, in points of nDCG@10."""
    ours, others = (100 * np.array(rows[each]["ndcg"][setting]["values"]) for each in (OURS, label))
    return paired_difference(ours, others, method="t")


def _points(found: Paired) -> str:
    return f"{found.difference:+.1f} ± {(found.high - found.low) / 2:.1f}"


def curve_table(curve: Mapping[str, Any]) -> str:
    """nDCG@10 by calls, as far as a method goes."""
    budgets = sorted({budget for points in curve.values() for budget, *_ in points})
    rows = []
    for label, points in curve.items():
        reached = {budget: ndcg for budget, ndcg, _ in points}
        rows.append([label, *(f"{reached[budget]:.3f}" if budget in reached else "" for budget in budgets)])
    first = next(iter(curve.values()))[0][2]
    return markdown([f"cut after so many calls (BM25 {first:.3f})", *(f"{budget:.0f}" for budget in budgets)], rows)


def cut_table(cuts: Mapping[str, Any]) -> str:
    """The worst cut of each method."""
    rows = []
    for label, at in cuts.items():
        worst = f"{at['worst']:+.3f} ± {2 * at['error']:.3f}"
        rows.append([label, str(at["passages"]), f"{at['cuts']:,}", worst, f"{at['at']:,}", f"{at['end']:+.3f}"])
    head = [
        "cut at every call",
        "passages",
        "cuts",
        "lowest mean change from BM25 ± 2 s.e.",
        "after calls",
        "at the end",
    ]
    return markdown(head, rows)


def bars(result: Mapping[str, Any], methods: Sequence[Method]) -> dict[str, Any]:
    """What the issue asks for, and what was measured."""
    rows = result["rows"]
    exact = {m.label: rows[m.label]["ndcg"]["exact"]["misses"] for m in methods if m.exact}
    missed = [f"{label} ({n} queries)" for label, n in exact.items() if n]
    fallen = [label for label, at in result["cuts"].items() if at["worst"] < -2 * at["error"] - 1e-12]
    met: dict[str, Any] = {"perfect oracle, below the ceiling": ", ".join(missed) or "none"}
    if result["cuts"]:
        met["cut at every call, below BM25 by more than noise"] = ", ".join(fallen) or "none"
    if OURS not in rows or PAPERS not in rows:
        return met
    for setting in ("strong", "realistic", "biased", "shuffled"):
        met[f"points before the paper's PageRank, {setting}"] = _points(ahead(rows, PAPERS, setting))
        front = pareto(rows, setting)
        met[f"Pareto front of depth 1 by calls, {setting}"] = ", ".join(front)
    return met


def pareto(rows: Mapping[str, Any], setting: str) -> list[str]:
    """Methods of depth 1 (0 for one passage) that no other beats at no more calls, cheapest first."""
    flat = [(row["calls"], -row["ndcg"][setting]["mean"], label) for label, row in rows.items() if row["depth"] <= 1]
    front: list[str] = []
    best = np.inf
    for _, loss, label in sorted(flat):
        if loss < best:
            front.append(label)
            best = loss
    return front


def _count(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 or value == round(value) else f"{value:.1f}"

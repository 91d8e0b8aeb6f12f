"""Tables, files and plots of the benchmarks; no engine in here."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["latency_table", "machine", "markdown", "write"]


def machine() -> dict[str, Any]:
    """Processor, cores, memory, kernel, Python and how busy the machine was, for the head of every table."""
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(pages * size / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
    }


def latency_table(name: str, n: int, results: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: mean / p50 / p99 microseconds for each k, the ratio of means to the first row, build, bytes, memory."""
    ks = sorted({k for result in results for k in result["us"]})
    head = ["engine", *[f"k={k} mean / p50 / p99 us" for k in ks], *[f"k={k} ratio mean (p99)" for k in ks]]
    head += ["build s (cpu)", "index MB", "build RSS MB", "search RSS MB", "kept"]
    rows = []
    for result in results:
        us = result["us"]
        row = [result["engine"]]
        row += [f"{us[k]['mean']:,.0f} / {us[k]['p50']:,.0f} / {us[k]['p99']:,.0f}" for k in ks]
        row += [_ratio(us[k], results[0]["us"][k]) for k in ks]
        row += [
            f"{result['build']['seconds']:.1f} ({result['build']['cpu']:.1f})",
            f"{result['build']['bytes'] / 1e6:,.0f}",
        ]
        row += [f"{result['build']['rss'] / 1e6:,.0f}", f"{result['rss'] / 1e6:,.0f}", f"{result['kept']:.4f}"]
        rows.append(row)
    return f"\n### {name}: {n:,} passages\n\n" + markdown(head, rows)


def _ratio(theirs: Mapping[str, float], ours: Mapping[str, float]) -> str:
    return f"{theirs['mean'] / ours['mean']:.1f} ({theirs['p99'] / ours['p99']:.1f})"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, all but the first column right-aligned."""
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def write(stem: Path, figures: Mapping[str, Any], text: str) -> None:
    """`stem`.json with the figures, `stem`.md with the machine and `text`."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".json").write_text(json.dumps(figures, indent=1, default=float))
    head = "".join(f"{key}: {value}  \n" for key, value in figures.get("machine", {}).items())
    stem.with_suffix(".md").write_text(head + "\n" + text)

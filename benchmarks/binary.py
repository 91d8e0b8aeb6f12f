"""Codes of a few dozen bytes a passage side by side: quality on real collections, and latency over a million vectors.

    python -m benchmarks.binary encode  --embeddings DIR                 # vectors of the collections, if DIR has none
    python -m benchmarks.binary prepare --embeddings DIR --work WORK     # a million vectors, every index over them
    python -m benchmarks.binary quality --embeddings DIR --work WORK --seeds 3
    python -m benchmarks.binary latency --embeddings DIR --work WORK
    python -m benchmarks.binary table   --work WORK [--out docs/binary]

Every stage keeps what it has in WORK and, run again, goes on where it stopped; `--seconds S` begins nothing new after S
seconds. Disk: 4 GB, memory below 5 GB. DIR holds a folder for each collection with corpus.npy, queries.npy (float32,
normalised), corpus.ids.json, queries.ids.json and an empty file `done`.

Quality is nDCG@10 in percent of that of the float vectors, and the share of the float vectors' first 100 passages that
is among the codes' first 100, as a mean over the collections, then over the seeds. The million vectors are modelled on
the real ones: a passage is moved by a random share towards one of its 16 nearest neighbours, then by .3 of the
difference of two others of them. Queries are real. One thread; every method answers one query at a time, all in turn,
in one process, twice over; run again, further rounds are added. Of all the quietest one counts, whole.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from . import binary_million, binary_quality
from .binary_methods import METHODS
from .plot import log_log
from .report import machine, markdown, write
from .vectors import read

SETS = ("nfcorpus", "scifact", "squad-v1.1-dev", "cosqa")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=["encode", "prepare", "quality", "latency", "table"])
    parser.add_argument("--embeddings", type=Path, help="folder of vectors, one folder a collection")
    parser.add_argument("--work", type=Path, default=Path("binary-work"))
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin nothing new after so long")
    parser.add_argument("--seeds", type=int, default=1, help="of quality: 0, 1, ...")
    parser.add_argument("--sets", nargs="+", default=SETS, help="of encode and quality: some of the collections")
    parser.add_argument("--n", type=int, default=1_000_000, help="of prepare and latency")
    parser.add_argument("--queries", type=int, default=200, help="of latency")
    parser.add_argument("--rounds", type=int, default=2, help="of latency")
    parser.add_argument("--out", type=Path, help="of table: stem of the plot (.svg); the table itself goes to WORK")
    args = parser.parse_args()
    if args.stage != "table" and args.embeddings is None:
        parser.error("--embeddings is needed")
    args.work.mkdir(parents=True, exist_ok=True)
    STAGES[args.stage](args)


def encode(args: argparse.Namespace) -> None:
    for name in args.sets:
        binary_quality.encode(name, args.embeddings)


def prepare(args: argparse.Namespace) -> None:
    _until(args.seconds, binary_million.prepare(args.embeddings, args.work, args.n))


def quality(args: argparse.Namespace) -> None:
    def steps() -> Iterator[str]:
        for name in args.sets:
            path = args.work / f"quality-{name}.json"
            known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
            for done in binary_quality.quality(name, args.embeddings, args.work / f"scratch-{name}", args.seeds, known):
                path.write_text(json.dumps(known, indent=1))
                yield done

    _until(args.seconds, steps())


def latency(args: argparse.Namespace) -> None:
    queries = np.concatenate([read(args.embeddings / name)[1][:50] for name in SETS])
    queries = queries[np.random.default_rng(0).permutation(len(queries))[: args.queries]]
    path = args.work / "latency.json"
    before = json.loads(path.read_text())["rounds"] if path.exists() else []
    measured = [*before, *binary_million.latency(queries, args.work, args.n, args.rounds)]
    figures = {"machine": machine(), "n": args.n, "rounds": measured, "figures": binary_million.quieter(measured)}
    path.write_text(json.dumps(figures, indent=1))


def table(args: argparse.Namespace) -> None:
    timings = json.loads((args.work / "latency.json").read_text())
    judged = {name: json.loads((args.work / f"quality-{name}.json").read_text()) for name in SETS}
    timed, rows = timings["figures"], rows_of(judged)
    text = quality_table(rows, timed) + "\n" + latency_table(timed) + "\n" + front(rows, timed)
    print(text)
    write(args.work / "binary", {"machine": timings["machine"], "quality": judged, "latency": timings}, text)
    if args.out:
        args.out.with_suffix(".svg").write_text(plot(rows, timed))


STAGES = {"encode": encode, "prepare": prepare, "quality": quality, "latency": latency, "table": table}


def rows_of(figures: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """method -> its means over seeds: `ndcg` by collection, `mean` of those, `recall`, and `of_seeds`, each one's."""
    rows: dict[str, dict[str, Any]] = {}
    for label in METHODS:
        by_set = {name: figures[name][label] for name in SETS}
        seeds = sorted(by_set[SETS[0]])
        ndcg = {name: float(np.mean([each["ndcg"] for each in of.values()])) for name, of in by_set.items()}
        recall = float(np.mean([each["recall"] for of in by_set.values() for each in of.values()]))
        of_seeds = [float(np.mean([by_set[name][seed]["ndcg"] for name in SETS])) for seed in seeds]
        rows[label] = {
            "ndcg": ndcg,
            "mean": float(np.mean(list(ndcg.values()))),
            "recall": recall,
            "of_seeds": of_seeds,
        }
    return rows


def quality_table(rows: dict[str, dict[str, Any]], timed: binary_million.Latency) -> str:
    head = ["method", "bytes", *SETS, "mean", "seeds", "R@100 of float", "p50 ms", "p99 ms"]
    lines = []
    for label, row in rows.items():
        seeds = ", ".join(f"{each:.1f}" for each in row["of_seeds"]) if len(row["of_seeds"]) > 1 else ""
        ms = [f"{timed[label][q]:.2f}" if label in timed else "" for q in ("p50", "p99")]
        figures = [f"{row['ndcg'][name]:.1f}" for name in SETS] + [f"{row['mean']:.1f}", seeds, f"{row['recall']:.3f}"]
        lines.append([label, str(METHODS[label].bytes), *figures, *ms])
    return markdown(head, lines)


def latency_table(timed: binary_million.Latency) -> str:
    """Everything that was timed, and how many times as long as the default it took."""
    ours = timed[binary_million.DEFAULT]["p50"]
    lines = [
        [name, f"{ms['p50']:.3f}", f"{ms['p99']:.3f}", f"{ms['p50'] / ours:.2f}"]
        + [f"{ms[share]:.3f}" if share in ms else "" for share in ("recall@10", "recall@100")]
        for name, ms in timed.items()
    ]
    head = ["one query", "p50 ms", "p99 ms", "of the default's", "recall@10 of the whole scan", "recall@100"]
    return markdown(head, lines)


def is_small(label: str) -> bool:
    return label in METHODS and METHODS[label].bytes <= 56


def front(rows: dict[str, dict[str, Any]], timed: binary_million.Latency) -> str:
    """Of the methods of 56 bytes and less, those that no other one beats in quality and in latency."""
    small = {label: (rows[label]["mean"], timed[label]["p50"]) for label in timed if is_small(label)}
    best = [
        label
        for label, (mean, ms) in small.items()
        if not any(m >= mean and t <= ms and (m, t) != (mean, ms) for m, t in small.values())
    ]
    return "Pareto front, 56 bytes at most: " + "; ".join(best) + "\n"


def plot(rows: dict[str, dict[str, Any]], timed: binary_million.Latency) -> str:
    """SVG: loss of nDCG@10 in percent against latency, a point a method of 48 to 56 bytes."""
    points = {
        f"{label}, {METHODS[label].bytes} bytes": [(timed[label]["p50"], max(100 - row["mean"], 0.1))]
        for label, row in rows.items()
        if label in timed and is_small(label)
    }
    x, y = "p50 of one query over a million vectors, ms", "nDCG@10 lost, percent of float"
    return log_log(points, x=x, y=y, numbered=True)


def _until(seconds: float, steps: Iterator[str]) -> None:
    """Run steps, printing each, until there are no more or the time is over."""
    began = time.monotonic()
    for done in steps:
        print(done, flush=True)
        if time.monotonic() - began > seconds:
            print("stopped; run it again to go on")
            return
    print("all done")


if __name__ == "__main__":
    main()

"""A whole BM25 evaluation with bm25s and pytrec_eval: a BEIR folder in, measures out as one line of JSON.

    python -P whole_bm25s.py FOLDER THREADS

What a careful user of the two writes: title and text joined, English stop words, Porter, k1 0.9 and b 0.4, 1,000
results a query on all threads, pytrec_eval over the judged queries, queries without results counted as 0. The NumPy
backend: for a collection of this size compiling Numba's would take longer than everything else.
"""

import csv
import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import bm25s
import pytrec_eval
import Stemmer


def opened(path: Path) -> TextIO:
    """The file, or the one of this name with .gz behind it."""
    if path.exists():
        return path.open(encoding="utf-8", newline="")
    return gzip.open(f"{path}.gz", "rt", encoding="utf-8", newline="")


def records(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Lines of a file of the folder."""
    with opened(folder / f"{name}.jsonl") as lines:
        yield from map(json.loads, lines)


def judgements(folder: Path) -> dict[str, dict[str, int]]:
    """Query -> document -> grade."""
    found: dict[str, dict[str, int]] = {}
    with opened(folder / "qrels" / "test.tsv") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            found.setdefault(row["query-id"], {})[row["corpus-id"]] = int(row["score"])
    return found


def main(folder: Path, n_threads: int) -> None:
    """Index, search, score."""
    qrels = judgements(folder)
    ids, texts = [], []
    for row in records(folder, "corpus"):
        ids.append(row["_id"])
        texts.append(f"{row.get('title', '')} {row['text']}".strip())
    stemmer = Stemmer.Stemmer("porter")
    engine = bm25s.BM25(k1=0.9, b=0.4, method="lucene")
    engine.index(bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False), show_progress=False)
    asked = {row["_id"]: row["text"] for row in records(folder, "queries") if row["_id"] in qrels}
    tokens = bm25s.tokenize(list(asked.values()), stopwords="en", stemmer=stemmer, show_progress=False)
    found, scores = engine.retrieve(tokens, k=min(1000, len(ids)), show_progress=False, n_threads=n_threads)
    run = {
        query: {ids[place]: float(score) for place, score in zip(places, row, strict=True) if score > 0}
        for query, places, row in zip(asked, found, scores, strict=True)
    }
    wanted = {"ndcg_cut_10": "nDCG@10", "recall_100": "R@100", "recip_rank": "RR", "map": "AP"}
    each = pytrec_eval.RelevanceEvaluator(qrels, set(wanted)).evaluate(run)
    means = {
        name: sum(measures[measure] for measures in each.values()) / len(qrels) for measure, name in wanted.items()
    }
    print(json.dumps(means))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

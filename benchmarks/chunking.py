"""Which size of passages finds answers with the fewest tokens read: `python -m benchmarks.chunking [--data FOLDER]`.

The paragraphs of each article of squad-v1.1-dev are joined to one document, cut by the chunker, and indexed with BM25.
A question is answered within a budget of tokens if one of its answers stands, whole, in the part of the gold paragraph
that the best passages show; passages are read from the best on as long as they fit the budget. Differences to the first
setting are paired by question; intervals are from a bootstrap over articles, since questions of one share its passages.
"""

import argparse
import gzip
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import spaniel as sp
from spaniel.index.chunking.settings import ChunkSettings
from spaniel.models.counting import token_counter
from spaniel.retrieval.types import Document

SETTINGS = [
    ChunkSettings(target, overlap_sentences=overlap, records=True)
    for target, overlap in ((128, 0), (64, 0), (256, 0), (512, 0), (1024, 0), (128, 1), (128, 2), (256, 1), (256, 2))
]
BUDGETS = (256, 512, 1024, 2048)


class Question(NamedTuple):
    """A question; `places` are (document, start, end) of its answers in the gold paragraph."""

    text: str
    document: str
    places: list[tuple[int, int]]


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def articles(folder: Path) -> tuple[list[Document], list[Question]]:
    """Whole articles, and the questions whose answers were found in them."""
    texts: dict[str, str] = {}
    starts: dict[str, tuple[str, int, int]] = {}
    for record in lines(folder / "corpus.jsonl.gz"):
        before = texts.get(record["title"], "")
        start = len(before) + 2 if before else 0
        texts[record["title"]] = f"{before}\n\n{record['text']}" if before else record["text"]
        starts[record["_id"]] = (record["title"], start, start + len(record["text"]))
    asked = {record["_id"]: record["text"] for record in lines(folder / "queries.jsonl.gz")}
    questions = []
    for record in lines(folder / "answers.jsonl.gz"):
        title, start, end = starts[record["context_id"]]
        places = [
            (at, at + len(answer)) for answer in record["answers"] for at in found(texts[title], answer, start, end)
        ]
        if places:
            questions.append(Question(asked[record["_id"]], title, places))
    return [Document(title, text, title.replace("_", " ")) for title, text in texts.items()], questions


def found(text: str, answer: str, start: int, end: int) -> Iterator[int]:
    """Where an answer stands in a paragraph."""
    at = text.find(answer, start, end)
    while answer and at >= 0:
        yield at
        at = text.find(answer, at + 1, end)


def answered(index: sp.Index, questions: list[Question], tokens: dict[str, int]) -> NDArray[np.bool_]:
    """bool (questions, budgets): whether the passages read within a budget hold an answer."""
    hits = np.zeros((len(questions), len(BUDGETS)), dtype=bool)
    rankings = index.bm25(k=60).search([question.text for question in questions])
    for row, (question, ranking) in enumerate(zip(questions, rankings, strict=True)):
        read, answered_at = 0, None
        for passage in index.passages.get(ranking.ids):
            read += tokens[passage.id]
            if read > BUDGETS[-1]:
                break
            inside = passage.doc_id == question.document
            if inside and any(passage.start <= start and end <= passage.end for start, end in question.places):
                answered_at = read
                break
        hits[row] = [answered_at is not None and answered_at <= budget for budget in BUDGETS]
    return hits


def interval(differences: NDArray[np.float64], groups: NDArray[np.intp], seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean difference, by 2,000 draws of articles."""
    n = int(groups.max()) + 1
    sums, counts = np.bincount(groups, differences, n), np.bincount(groups, minlength=n)
    drawn = np.random.default_rng(seed).integers(0, n, (2000, n))
    low, high = np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/squad-v1.1-dev"))
    parser.add_argument("--counter", default="minilm", help="what counts the tokens that are read")
    options = parser.parse_args()
    documents, questions = articles(options.data)
    groups = np.unique([question.document for question in questions], return_inverse=True)[1]
    count = token_counter(options.counter)
    size = sum(len(document.text) for document in documents)
    print(f"{len(documents)} articles, {size / 1e6:.2f} million characters, {len(questions)} questions")
    print("target overlap passages tokens MB/s  " + "  ".join(f"answered within {budget}" for budget in BUDGETS))
    base = None
    for settings in SETTINGS:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            with sp.build(documents, Path(folder) / "kb", chunks=settings) as index:
                seconds = time.perf_counter() - start
                passages = index.passages.get(np.arange(len(index)))
                tokens = {passage.id: count(passage.text) for passage in passages}
                hits = answered(index, questions, tokens)
        base = hits if base is None else base
        cells = []
        for column in range(len(BUDGETS)):
            low, high = interval((hits[:, column] * 1.0 - base[:, column]), groups)
            cells.append(f"{hits[:, column].mean():.3f} [{low:+.3f}, {high:+.3f}]")
        mean = np.mean(list(tokens.values()))
        print(f"{settings.target_tokens:6} {settings.overlap_sentences:7} {len(tokens):8} {mean:6.0f} "
              f"{size / 1e6 / seconds:4.1f}  " + "  ".join(cells), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()

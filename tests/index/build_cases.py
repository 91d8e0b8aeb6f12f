"""Documents, files and answers shared by the tests of builds, interrupted ones and others."""

import json
import random
from pathlib import Path
from typing import Any

from spaniel.index.index import Index
from spaniel.index.input import InputOptions
from spaniel.retrieval.types import Document

__all__ = ["QUERIES", "SMALL", "WORDS", "answers", "documents", "written"]

WORDS = ["dog", "cat", "zebra", "running", "naïve", "x1", "the", "quick"]
QUERIES = ["dog", "running zebra", "number7 cat"]
SMALL = InputOptions(batch_records=5)


def documents(n: int, seed: int = 0) -> list[Document]:
    generator = random.Random(seed)
    return [
        Document(
            f"d{i}",
            f"number{i} " + " ".join(generator.choices(WORDS, k=generator.randrange(12))),
            f"title {i % 3}",
            {"n": i},
        )
        for i in range(n)
    ]


def written(path: Path, some: list[Document]) -> Path:
    records = ({"_id": d.id, "title": d.title, "text": d.text, **d.meta} for d in some)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def answers(index: Index) -> list[Any]:
    """Everything a search shows, to the bit."""
    found = []
    for query in QUERIES:
        [ranking] = index.bm25().search([query], k=1000)
        found.append((ranking.ids.tolist(), ranking.scores.tolist(), [p.id for p in index.passages.get(ranking.ids)]))
    return found

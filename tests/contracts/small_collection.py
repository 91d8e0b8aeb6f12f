"""A collection small enough to work out by hand, as a BEIR folder."""

import json
from pathlib import Path

DOCUMENTS = {
    "d1": ("Dogs", "Dogs bark at the moon."),
    "d2": ("Cats", "Cats do not bark, they purr."),
    "d3": ("Moon", "The moon is far away from dogs and cats."),
    "d4": ("Stars", "Stars are farther than the moon."),
    "d5": ("", "Planets circle stars."),
    "q5": ("", "purr"),
}
QUERIES = {"q1": "barking dogs", "q2": "moon", "q3": "purr cats", "q4": "nothing of the kind", "q5": "purr"}
QRELS = {"q1": {"d1": 2, "d2": 0}, "q2": {"d3": 1, "d4": 1}, "q3": {"d2": 1, "gone": 1}, "q4": {"d5": 1}}


def write(folder: Path, *, qrels: dict[str, dict[str, int]] = QRELS) -> Path:
    """Write it into a folder that is made."""
    (folder / "qrels").mkdir(parents=True)
    rows = [{"_id": id_, "title": title, "text": text} for id_, (title, text) in DOCUMENTS.items()]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    asked = [{"_id": id_, "text": text} for id_, text in QUERIES.items()]
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked), encoding="utf-8")
    lines = [f"{query}\t{id_}\t{grade}\n" for query, grades in qrels.items() for id_, grade in grades.items()]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines), encoding="utf-8")
    return folder

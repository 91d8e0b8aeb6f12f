"""A collection of three documents and four questions with answers, one of which has none."""

import json
from pathlib import Path

__all__ = ["DOCUMENTS", "QUESTIONS", "write_pets"]

DOCUMENTS = {"d0": "Dogs bark.", "d1": "Cats purr.", "d2": "Birds sing."}
QUESTIONS = {
    "q0": ("What do dogs do?", ["bark"], "d0"),
    "q1": ("What do cats do?", ["purr"], "d1"),
    "q2": ("What do birds do?", ["sing", "fly"], "d2"),
    "q3": ("What do fish do?", None, None),
}


def write_pets(folder: Path) -> Path:
    """Write it in BEIR's form; the folder."""
    (folder / "qrels").mkdir(parents=True)
    lines = [json.dumps({"_id": id_, "title": "", "text": text}) for id_, text in DOCUMENTS.items()]
    (folder / "corpus.jsonl").write_text("\n".join(lines))
    queries = [json.dumps({"_id": id_, "text": text}) for id_, (text, _, _) in QUESTIONS.items()]
    (folder / "queries.jsonl").write_text("\n".join(queries))
    answers = [
        {"_id": id_, "answers": right or [], "answerable": right is not None}
        for id_, (_, right, _) in QUESTIONS.items()
    ]
    (folder / "answers.jsonl").write_text("\n".join(json.dumps(each) for each in answers))
    judged = [f"{id_}\t{doc}\t1" for id_, (_, _, doc) in QUESTIONS.items() if doc]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *judged]))
    return folder

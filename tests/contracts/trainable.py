"""A collection of random words that a small BERT can be trained on, in seconds: documents, questions, judgements."""

import json
from pathlib import Path

import numpy as np

__all__ = ["trainable_collection", "trainable_questions"]

_N_DOCUMENTS = 60


def trainable_collection(folder: Path, *, seed: int = 0, n_train: int = 48, n_dev: int = 16, n_test: int = 16) -> Path:
    """A folder in the form of BEIR: 60 documents of twelve of the words w0 to w59, each question three words of one.

    Splits: train, dev and test; those with no questions are left out.
    """
    rng = np.random.default_rng(seed)
    texts = [[f"w{word}" for word in rng.choice(60, 12, replace=False)] for _ in range(_N_DOCUMENTS)]
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "corpus.jsonl", [{"_id": f"d{n}", "title": "", "text": " ".join(t)} for n, t in enumerate(texts)])
    questions, asked = [], set[str]()
    (folder / "qrels").mkdir(exist_ok=True)
    for split, n_questions in (("train", n_train), ("dev", n_dev), ("test", n_test)):
        rows = []
        while len(rows) < n_questions:
            document = int(rng.integers(_N_DOCUMENTS))
            text = " ".join(rng.choice(texts[document], 3, replace=False))
            if text in asked:
                continue
            asked.add(text)
            questions.append({"_id": f"{split}{len(rows)}", "text": text})
            rows.append(f"{split}{len(rows)}\td{document}\t1\n")
        if rows:
            (folder / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(rows))
    _write(folder / "queries.jsonl", questions)
    return folder


def trainable_questions(collection: Path, path: Path) -> Path:
    """The questions of its train split as JSON lines with ids of documents, as a log of clicks may give them."""
    texts = {}
    for line in (collection / "queries.jsonl").read_text("utf-8").splitlines():
        question = json.loads(line)
        texts[question["_id"]] = question["text"]
    rows = [line.split("\t") for line in (collection / "qrels" / "train.tsv").read_text("utf-8").splitlines()[1:]]
    _write(path, [{"query": texts[query], "positive": document} for query, document, _ in rows])
    return path


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

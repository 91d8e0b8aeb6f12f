"""Small collections to read, each file as the bytes a test wants."""

import gzip
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

CORPUS = {"d1": "red fox", "d2": "brown fox", "d3": "blue whale"}
QUERIES = {"q1": "fox", "q2": "whale"}
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t2\nq2\td3\t1\n"


def jsonl(texts: Mapping[str, str], **more: object) -> str:
    """BEIR's lines."""
    return "".join(json.dumps({"_id": id_, "title": "", "text": text, **more}) + "\n" for id_, text in texts.items())


def make(folder: Path, files: Mapping[str, str | bytes] | None = None) -> Path:
    """A collection of three documents and two queries, with other files in place of its own or beside them.

    Names that end in .gz are compressed, and take the place of the plain file; "" as content leaves a file out.
    """
    defaults = {"corpus.jsonl": jsonl(CORPUS), "queries.jsonl": jsonl(QUERIES), "qrels/test.tsv": QRELS}
    for name, content in {**defaults, **(files or {})}.items():
        if not content or f"{name}.gz" in (files or {}):
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    return folder


def zipped(path: Path, top: str = "", files: Mapping[str, str] | None = None) -> Path:
    """A zip of a small collection, below one folder `top` unless that is empty."""
    content = files or {"corpus.jsonl": jsonl(CORPUS), "queries.jsonl": jsonl(QUERIES), "qrels/test.tsv": QRELS}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, text in content.items():
            out.writestr(f"{top}/{name}" if top else name, text)
    return path

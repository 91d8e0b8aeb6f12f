"""Make the golden index of this release's format: `python tests/golden/make.py tests/golden/v1`.

Run once for each format version, when it is final, and commit what it makes; never again afterwards. The index is as
small as one can be that has everything: rare, medium and dense terms, two segments, the first of them reordered,
tombstones, a column. `expected.json` is what this release reads from it.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from spaniel.index.build import add, build
from spaniel.index.edit import delete
from spaniel.index.index import Index, open_index
from spaniel.index.manifest import Manifest
from spaniel.index.optimize import optimize
from spaniel.index.store import MANIFEST_NAME, read_manifest
from spaniel.retrieval.types import Document

QUERIES = ["common", "even common", "third word42", "word7 word11 rare", "später", "nothing of this", "seventh fifth"]
FILTER = {"year": {"$gte": 2010}}
N_FIRST, N_SECOND = 2100, 30


def documents(first: int, count: int) -> list[Document]:
    """Short documents whose terms have every frequency from 1 to all."""
    made = []
    for n in range(first, first + count):
        words = ["common", f"word{n % 60}"]
        words += [name for step, name in ((2, "even"), (3, "third"), (5, "fifth"), (7, "seventh")) if n % step == 0]
        words += ["common"] * (n % 4) + (["rare", "später"] if n % 500 == 0 else [])
        made.append(Document(f"d{n}", " ".join(words), meta={"year": 2000 + n % 20} if n % 3 else {}))
    return made


def make(path: Path) -> None:
    build(documents(0, N_FIRST), path, columns={"year": "integer"}).close()
    delete(path, [f"d{n}" for n in range(0, N_FIRST, 400)])
    optimize(path, reorder=True)
    add(documents(N_FIRST, N_SECOND), path).close()
    delete(path, ["d7", "d1000", f"d{N_FIRST + 1}"])


def observed(index: Index) -> dict[str, object]:
    """What a reader sees: counts, some passages, results with and without a filter."""
    ids = ["d1", "d500", f"d{N_FIRST}"]
    return {
        "passages": len(index),
        "deleted": ["d7" in index, "d400" in index],
        "stored": {name: [index.get(name).text, dict(index.get(name).meta)] for name in ids},
        "results": [[[hit.id, hit.score] for hit in index.search(query, k=12)] for query in QUERIES],
        "filtered": [[[hit.id, hit.score] for hit in index.search(query, k=12, where=FILTER)] for query in QUERIES],
    }


def main() -> None:
    target = Path(sys.argv[1])
    target.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        make(path)
        manifest: Manifest = read_manifest(path)
        (target / "index").mkdir()
        for name in [MANIFEST_NAME, *(entry.name for entry in manifest.entries())]:
            shutil.copy(path / name, target / "index" / name)
    with open_index(target / "index") as index:
        text = json.dumps(observed(index), ensure_ascii=False, indent=1)
    (target / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()

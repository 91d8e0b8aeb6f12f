"""Make the golden index of this release's format: `PYTHONPATH=tests python tests/golden/make.py tests/golden/v4`.

Run once for each format version, when it is final, and commit what it makes; never again afterwards. The index is as
small as one can be that has everything: rare, medium and dense terms, two segments, the first of them reordered,
tombstones, a column; since version 2 dense parts, made before and after there were two segments; since version 3
documents of several passages, one of them whole, of one a passage deleted; since version 4 a query model.
`expected.json` is what this release reads from it.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from contracts.toy_encoder import ToyEncoder, ToyTowers

from spaniel.index.build import add, build
from spaniel.index.chunking.settings import ChunkSettings
from spaniel.index.dense.add_dense import add_dense
from spaniel.index.dense.settings import StoreSettings
from spaniel.index.edit import delete
from spaniel.index.index import Index, open_index
from spaniel.index.manifest import Manifest
from spaniel.index.optimize import optimize
from spaniel.index.query_model import set_query_model
from spaniel.index.store import MANIFEST_NAME, read_manifest
from spaniel.retrieval.results import Hit, Results
from spaniel.retrieval.types import Document

QUERIES = ["common", "even common", "third word42", "word7 word11 rare", "später", "nothing of this", "seventh fifth"]
FILTER = {"year": {"$gte": 2010}}
N_FIRST, N_SECOND = 2100, 30
ENCODER, TOWERS = ToyEncoder(8), ToyTowers(7, 8)
LONG = "A common word of a long document. \n" * 12


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
    codes, halves = StoreSettings("binary", factor=True, rescore="int8"), StoreSettings("float16")
    build(
        [*documents(0, N_FIRST), Document("long", LONG, "Long")],
        path,
        columns={"year": "integer"},
        chunks=ChunkSettings(16, overlap_sentences=1, records=True),
        dense=ENCODER,
        dense_name="codes",
        store=codes,
    ).close()
    delete(path, [f"d{n}" for n in range(0, N_FIRST, 400)])
    optimize(path, reorder=True)
    add([*documents(N_FIRST, N_SECOND), Document("longer", LONG * 2, "Longer")], path, encoder=ENCODER).close()
    add_dense(path, ENCODER, name="halves", store=halves).close()
    delete(path, ["d7", "d1000", f"d{N_FIRST + 1}", "longer#2"])
    set_query_model(path, TOWERS, name="halves")


def observed(index: Index) -> dict[str, object]:
    """What a reader sees: counts, some passages, results with and without a filter."""
    ids = ["d1", "d500", f"d{N_FIRST}"]
    dense = {name: index.dense(name, 12, encoder=ENCODER).search(QUERIES) for name in index.dense_names}
    for name, card in index.query_models.items():
        assert card == TOWERS.card
        dense[f"{name} asked"] = index.dense(name, 12, encoder=TOWERS).search(QUERIES)
    several: dict[str, object] = {}
    if index.settings.chunks is not None:
        texts: dict[str, object] = {name: index.document_text(name) for name in ("long", "longer", "d1")}
        several = {"documents": index.info()["documents"], "texts": texts}
    return {
        **several,
        "passages": len(index),
        "deleted": ["d7" in index, "d400" in index],
        "stored": {name: [index.get(name).text, dict(index.get(name).meta)] for name in ids},
        "results": [[[hit.id, hit.score] for hit in _words(index, query)] for query in QUERIES],
        "filtered": [[[hit.id, hit.score] for hit in _words(index, query, where=FILTER)] for query in QUERIES],
        **{
            f"dense {name}": [
                [[id_, score] for id_, score in zip(index.passages.ids(r.ids), r.scores.tolist(), strict=True)]
                for r in rankings
            ]
            for name, rankings in dense.items()
        },
    }


def _words(index: Index, query: str, **options: Any) -> list[Hit]:
    """Found by BM25."""
    ranking = index.bm25().search([query], k=12, **options)[0]
    return list(Results.fetch(query, ranking, index.passages))


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

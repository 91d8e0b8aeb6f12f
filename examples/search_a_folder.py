"""An index from a folder: search it, filter it, see what happened."""

import tempfile
from pathlib import Path

import spaniel as sp

DOCS = Path(__file__).resolve().parent.parent / "docs"

with tempfile.TemporaryDirectory() as folder:
    with sp.build(DOCS, Path(folder) / "kb") as kb:
        results = kb.search("what happens when the power fails during a commit?", k=3)
        for hit in results:
            print(f"{hit.rank}. {hit.score:.2f} {hit.id} ({hit.title}): {' '.join(hit.text.split())[:70]}")
        print()
        print(results.explain())

    # Records with metadata can be filtered; readers keep what they have opened while others write.
    records = [
        sp.Document("a", "Keys are rotated every day.", "Keys", {"year": 2023}),
        sp.Document("b", "Keys are rotated every week.", "Keys", {"year": 2025}),
    ]
    with sp.build(records, Path(folder) / "records") as kb:
        [found] = kb.search("rotate keys", where={"year": {"$gte": 2024}})
        print(f"\nsince 2024: {found.text}")

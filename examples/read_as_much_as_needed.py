"""How many passages a generator reads, decided for each question by the scores: Adaptive-k beside a fixed number."""

import tempfile
from pathlib import Path

import spaniel as sp

DOCS = Path(__file__).resolve().parent.parent / "docs"
QUESTIONS = ["what does IndexLocked mean?", "BM25", "how is the format of an index versioned?"]

with tempfile.TemporaryDirectory() as folder, sp.build(DOCS, Path(folder) / "kb") as kb:
    adaptive = kb.bm25(k=100) >> sp.AdaptiveK(max_k=20, buffer=2)
    for question in QUESTIONS:
        found = adaptive(question)
        print(f"{question}: {len(found)} passages read")
    print()
    print(found.explain())  # the stages, and the numbers that led to this k

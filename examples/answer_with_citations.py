"""Questions answered in the words of the documents, without an LLM; what is cited stands in its source."""

import tempfile
from pathlib import Path

import spaniel as sp

DOCS = Path(__file__).resolve().parent.parent / "docs"
QUESTIONS = [
    "When are the passages of a deleted document removed from disk?",
    "What is a generation?",
    "Where do penguins nest?",
]

with tempfile.TemporaryDirectory() as folder, sp.build(DOCS, Path(folder) / "kb") as kb:
    engine = sp.Engine(kb)
    for question in QUESTIONS:
        answer = engine.ask(question)
        print(f"\n{question}")
        if answer.abstained:
            print(f"  no answer: {answer.reason}")
            continue
        print(f"  {' '.join(answer.text.split())}")
        for citation in answer.citations:
            start, end = citation.source_span
            print(f"  [{citation.passage_id}, characters {start} to {end}]")
    print(f"\n{answer.explain()}")

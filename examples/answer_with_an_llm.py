"""Answers written by a model behind any OpenAI-compatible URL (vLLM, llama.cpp, Ollama...), their citations verified.

    LLM_URL=http://localhost:11434/v1 LLM_MODEL=qwen3 python examples/answer_with_an_llm.py "what is a generation?"

A key, where the server wants one, comes from SPANIEL_LLM_KEY.
"""

import os
import sys
import tempfile
from pathlib import Path

import spaniel as sp

DOCS = Path(__file__).resolve().parent.parent / "docs"
URL = os.environ.get("LLM_URL") or sys.exit(
    "set LLM_URL to an OpenAI-compatible server, such as http://localhost:8080/v1"
)
QUESTION = " ".join(sys.argv[1:]) or "what must be true of an index after a crash?"

with tempfile.TemporaryDirectory() as folder, sp.build(DOCS, Path(folder) / "kb") as kb:
    llm = sp.OpenAI(URL, os.environ.get("LLM_MODEL", "default"))
    # Where the model fails, the embedded generator answers, and the answer says so.
    engine = sp.Engine(kb, generator=llm, fallback="extractive", budget_tokens=1500)

    sent = engine.dry_run(QUESTION)  # nothing is asked yet
    print(f"{sent.prompt_tokens} tokens would be sent\n")

    answer = engine.ask(QUESTION)
    print(answer.text or f"no answer: {answer.reason}")
    for citation in answer.citations:
        print(f"  [{citation.passage_id}] {' '.join(citation.text.split())[:100]!r}")
    print(f"\ndropped, for they could not be verified: {dict(answer.dropped)}; {dict(answer.usage)}")
    for note in answer.notes:
        print(note)

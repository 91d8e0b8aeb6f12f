"""Every example runs as a reader would run it, in an empty folder, without warnings, and prints what it says."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from contracts.llm_simulator import LlmSimulator, simulating
from contracts.small_model import WORDS, small_bert

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SAYS = {
    "answer_with_citations.py": ["characters", "no answer:", "citations:"],
    "evaluate_answers.py": ["citation-P", "AURC", "report.html"],
    "langchain_chain.py": ["context", "Cats purr."],
    "learn_a_route.py": ["always words", "as if from"],
    "read_as_much_as_needed.py": ["passages read", "adaptive-k"],
    "search_a_folder.py": ["bm25", "since 2024: Keys are rotated every week."],
}


def run(name: str, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert not list(folder.iterdir())
    return done.stdout


def test_the_example_of_an_llm_runs_against_the_simulator(tmp_path: Path) -> None:
    with simulating(LlmSimulator()) as server:
        printed = run("answer_with_an_llm.py", tmp_path, LLM_URL=server.url)
    for said in ("tokens would be sent", "[1", "dropped", "'model_calls': 1"):
        assert said in printed


def test_the_example_of_an_llm_falls_back_where_the_server_fails(tmp_path: Path) -> None:
    with simulating(LlmSimulator(modes=["401"])) as server:
        printed = run("answer_with_an_llm.py", tmp_path, LLM_URL=server.url)
    assert "the answer is extractive's" in printed


def test_the_example_of_training_runs_with_a_small_model(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason="the extra train is not installed")
    text = " ".join(page.read_text("utf-8") for page in sorted((EXAMPLES.parent / "docs").glob("*.md")))
    words = [word for word, _ in Counter(re.findall(r"\w+", text)).most_common(2000) if word not in WORDS]
    start = small_bert(tmp_path / "start", max_length=32, words=words)
    (tmp_path / "run").mkdir()
    printed = run(
        "train_on_your_questions.py", tmp_path / "run", MODEL=str(start), SPANIEL_CACHE=str(tmp_path / "cache")
    )
    for said in ("questions held out: nDCG@10", "before:", "after:"):
        assert said in printed


@pytest.mark.parametrize("name", SAYS)
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    printed = run(name, tmp_path)
    for said in SAYS[name]:
        assert said in printed


def test_every_example_is_tested_and_listed() -> None:
    written = {path.name for path in EXAMPLES.glob("*.py")}
    assert written == {*SAYS, "answer_with_an_llm.py", "train_on_your_questions.py"}
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in listed for name in written)

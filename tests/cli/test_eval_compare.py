"""`spaniel eval compare`: words, exit codes, JSON."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.results_folder import make_folder

Run = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_folder(tmp_path / "out", n_queries=60)
    return tmp_path / "out"


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    (tmp_path / "qrels.txt").write_text("q1 0 a 1\nq2 0 b 2\n", encoding="utf-8")
    texts = ["q1 Q0 a 1 2 x\nq1 Q0 c 2 1 x\nq2 Q0 b 1 1 x\n", "q1 Q0 c 1 2 x\nq1 Q0 a 2 1 x\nq2 Q0 b 1 1 x\n"]
    files = [tmp_path / "a.trec", tmp_path / "b.trec"]
    for file, text in zip(files, texts, strict=True):
        file.write_text(text, encoding="utf-8")
    return [*files, tmp_path / "qrels.txt"]


def test_two_pipelines_of_a_folder(spaniel: Run, folder: Path) -> None:
    done = spaniel("eval", "compare", folder, folder, "--pipeline", "bm25", "--pipeline", "hybrid")
    assert done.code == 0, done.err
    assert done.out.startswith(f"A: bm25 ({folder})\nB: hybrid ({folder})\n60 queries\n")
    for words in ("B − A", "MDE", "in common", "lost by retrieval", "Queries that gained most, nDCG@10:",
                  "Queries that lost most, nDCG@10:"):  # fmt: skip
        assert words in done.out
    few = spaniel("eval", "compare", folder, folder, "--pipeline", "bm25", "--pipeline", "hybrid",
                  "--measure", "R@100", "--changes", "1", "--json")  # fmt: skip
    assert list(few.data["measures"]) == ["R@100"]
    assert len(few.data["gained"]) == 1


def test_two_run_files(spaniel: Run, runs: list[Path]) -> None:
    done = spaniel("eval", "compare", runs[0], runs[1], "--qrels", runs[2], "--measure", "RR@10", "--json")
    assert done.code == 0, done.err
    found = done.data["measures"]["RR@10"]
    assert (found["a"], found["b"], found["losses"]) == (1.0, 0.75, 1)
    assert [one["query_id"] for one in done.data["lost"]] == ["q1"]


def test_run_files_of_a_collection(spaniel: Run, tmp_path: Path, runs: list[Path]) -> None:
    beir = tmp_path / "toy"
    (beir / "qrels").mkdir(parents=True)
    (beir / "corpus.jsonl").write_text('{"_id": "a", "text": "x"}\n{"_id": "b", "text": "y"}\n', encoding="utf-8")
    (beir / "queries.jsonl").write_text('{"_id": "q1", "text": "the x?"}\n', encoding="utf-8")
    (beir / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\ta\t1\n", encoding="utf-8")
    done = spaniel("eval", "compare", runs[0], runs[1], "--collection", beir, "--measure", "RR@10")
    assert done.code == 0, done.err
    assert "−0.5000  1.0000 → 0.5000  q1: the x?" in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["out", "a.trec"], "two results folders, or two run files"),
        (["a.trec", "b.trec"], "run files need judgements"),
        (["a.trec", "b.trec", "--qrels", "qrels.txt", "--collection", "x"], "exclude each other"),
        (["a.trec", "b.trec", "--qrels", "qrels.txt", "--pipeline", "x"], "--pipeline belongs to results folders"),
        (["out", "out", "--qrels", "qrels.txt"], "belong to run files"),
        (["out", "out"], "holds several pipelines"),
        (["out", "out", *["--pipeline", "bm25"] * 3], "once, or twice"),
        (["a.trec", "b.trec", "--qrels", "qrels.txt", "--measure", "nDGC@10"], "nDGC@10"),
        (["none.trec", "b.trec", "--qrels", "qrels.txt"], "none.trec"),
        (["a.trec", "b.trec", "--qrels", "a.trec"], "a.trec:1"),
    ],
)
def test_wrong_words(
    spaniel: Run, folder: Path, runs: list[Path], words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    done = spaniel("eval", "compare", *words, "--json")
    assert done.code == 2
    assert done.out == ""
    assert said in done.error["message"]


def test_what_is_missing_or_too_much_is_named(spaniel: Run, tmp_path: Path) -> None:
    (tmp_path / "a.trec").write_text("q1 Q0 a 1 1.0 t\n", encoding="utf-8")
    done = spaniel("eval", "compare", tmp_path / "a.trec", tmp_path / "nowhere")
    assert done.code == 2 and f"{tmp_path / 'nowhere'}: No such file" in done.err
    both = ("--qrels", tmp_path / "a.trec", "--collection", "scifact")
    done = spaniel("eval", "compare", tmp_path / "a.trec", tmp_path / "a.trec", *both)
    assert done.code == 2 and "--collection and --qrels exclude each other" in done.err

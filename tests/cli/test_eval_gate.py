"""`spaniel eval gate` and `spaniel eval report`: words, exit codes, files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.results_folder import make_folder, make_macro

Run = Callable[..., Any]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    make_folder(tmp_path / "old", n_queries=30)
    return tmp_path / "old"


def worse(folder: Path) -> None:
    """Take twenty points from the mean of the first figure; values of queries are no longer known."""
    (folder / "per-query.jsonl").unlink()
    file = folder / "results.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    data["pipelines"][0]["measures"]["nDCG@10"]["mean"] -= 0.2
    file.write_text(json.dumps(data), encoding="utf-8")


def test_gate_passes_and_fails(spaniel: Run, old: Path, tmp_path: Path) -> None:
    make_folder(tmp_path / "new", n_queries=30)
    done = spaniel("eval", "gate", tmp_path / "new", "--baseline", old)
    assert done.code == 0
    assert done.out.endswith("passed: 12\n")
    worse(tmp_path / "new")
    done = spaniel("eval", "gate", tmp_path / "new", "--baseline", old / "results.json")
    assert done.code == 1
    assert "FAIL  bm25      nDCG@10" in done.out
    assert "fell by 20.00 points, more than 0.5" in done.out
    assert done.out.endswith("failed: 1 of 12\n")
    told = spaniel("eval", "gate", tmp_path / "new", "--baseline", old, "--json")
    assert told.code == 1
    assert [row["ok"] for row in told.data["rows"]].count(False) == 1
    lenient = spaniel("eval", "gate", tmp_path / "new", "--baseline", old, "--max-drop", "25")
    assert lenient.code == 0
    chosen = spaniel("eval", "gate", tmp_path / "new", "--baseline", old, "--measure", "R@100", "--pipeline", "bm25")
    assert chosen.out.endswith("passed: 1\n")


@pytest.mark.parametrize(
    "words", [["none"], ["old", "--measure", "AP"], ["old", "--alpha", "2"], ["old", "--max-drop", "-1"]]
)
def test_what_cannot_be_judged_is_2(spaniel: Run, old: Path, tmp_path: Path, words: list[str]) -> None:
    done = spaniel("eval", "gate", old, "--baseline", tmp_path / words[0], *words[1:], "--json")
    assert done.code == 2
    assert done.out == ""
    assert done.error["message"]


@pytest.mark.parametrize("side", ["new", "old"])
def test_an_empty_file_of_queries_is_2(spaniel: Run, old: Path, tmp_path: Path, side: str) -> None:
    make_folder(tmp_path / "new", n_queries=30)
    (tmp_path / side / "per-query.jsonl").write_bytes(b"")
    done = spaniel("eval", "gate", tmp_path / "new", "--baseline", old, "--json")
    assert done.code == 2
    assert f"{side}/per-query.jsonl" in done.error["message"]


def test_update_makes_the_baseline(spaniel: Run, old: Path, tmp_path: Path) -> None:
    done = spaniel("eval", "gate", old, "--baseline", tmp_path / "accepted", "--update", "--json")
    assert done.code == 0
    assert [Path(file).name for file in done.data["updated"]] == ["per-query.jsonl", "results.json"]
    assert spaniel("eval", "gate", old, "--baseline", tmp_path / "accepted").code == 0


def test_report_writes_files_and_opens_nothing(spaniel: Run, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.launch", lambda url: pytest.fail("a browser"))
    done = spaniel("eval", "report", old)
    assert done.out == f"{old}/report.html\n"
    done = spaniel("eval", "report", old, "--format", "md", "--format", "tex", "--open", "no", "--json")
    assert done.data == {"files": [f"{old}/report.md", f"{old}/report.tex"]}
    assert all((old / f"report.{kind}").stat().st_size > 1000 for kind in ("html", "md", "tex"))


def test_report_of_several_collections(spaniel: Run, tmp_path: Path) -> None:
    make_macro(tmp_path / "out")
    files = spaniel("eval", "report", tmp_path / "out", "--json").data["files"]
    assert [Path(file).parent.name for file in files] == ["out", "android", "gis"]


def test_report_of_nothing(spaniel: Run, tmp_path: Path) -> None:
    done = spaniel("eval", "report", tmp_path, "--json")
    assert done.code == 2
    assert done.error["hint"] == "`spaniel eval run COLLECTION --out DIR` writes such a folder"
    assert list(tmp_path.iterdir()) == []


def test_tables_keep_within_the_terminal(
    spaniel: Run, old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_folder(tmp_path / "new", n_queries=30)
    worse(tmp_path / "new")
    compare = ("compare", old, old, "--pipeline", "bm25", "--pipeline", "bm25+rm3")
    for words in (("gate", tmp_path / "new", "--baseline", old), compare, ("pipelines",)):
        monkeypatch.delenv("COLUMNS", raising=False)
        piped = spaniel("eval", *words).out
        monkeypatch.setenv("COLUMNS", "80")
        narrow = spaniel("eval", *words).out
        tables = [line for line in narrow.splitlines() if str(old) not in line]
        assert max(map(len, piped.splitlines())) > 80 >= max(map(len, tables)), words
        assert set(piped.split()) - {line for line in piped.split() if "─" in line} <= set(narrow.split())


def test_update_leaves_no_mixture(spaniel: Run, old: Path, tmp_path: Path) -> None:
    make_folder(tmp_path / "new", n_queries=30, seed=1)
    before = (old / "results.json").read_bytes()
    done = spaniel("eval", "gate", tmp_path / "new", "--baseline", old, "--update")
    assert done.code == 2 and "holds runs" in done.err and "name another folder" in done.err
    assert (old / "results.json").read_bytes() == before
    file = tmp_path / "a.trec"
    file.write_text("", encoding="utf-8")
    done = spaniel("eval", "gate", tmp_path / "new", "--baseline", file, "--update")
    assert done.code == 2 and "is a file that does not end in .json" in done.err
    for _ in range(2):
        assert spaniel("eval", "gate", tmp_path / "new", "--baseline", tmp_path / "accepted", "--update").code == 0


def test_other_depths_do_not_compare(spaniel: Run, old: Path, tmp_path: Path) -> None:
    make_folder(tmp_path / "new", n_queries=30)
    for folder, depth in ((old, 1000), (tmp_path / "new", 10)):
        data = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        for pipeline in data["pipelines"]:
            pipeline["card"] = {**pipeline["card"], "depth": depth}
        (folder / "results.json").write_text(json.dumps(data), encoding="utf-8")
    done = spaniel("eval", "gate", tmp_path / "new", "--baseline", old)
    assert done.code == 2
    assert "'bm25' are 10 deep, the baseline's 1000" in done.err and "--depth 1000" in done.err

"""The page of figures is that of its data, and the figures come out."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reproduce", ROOT / "tools" / "reproduce.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    sys.modules["reproduce"] = tool  # dataclasses look their module up
    spec.loader.exec_module(tool)
    return tool


TOOL = load_tool()
TEXT = TOOL.DATA.read_text(encoding="utf-8")


def test_page_is_up_to_date() -> None:
    written = TOOL.PAGE.read_text(encoding="utf-8")
    assert TOOL.page(written, TOOL.read_runs(TEXT)) == written, "run: python tools/reproduce.py --page"


def test_bars_are_met_by_the_figures_on_the_page() -> None:
    """Anserini's flat BM25, within 0.002."""
    expected = {run.collection: run.expected for run in TOOL.read_runs(TEXT) if not run.group}
    assert expected["scifact"]["bm25"]["nDCG@10"] == pytest.approx(0.6789, abs=0.002)
    assert expected["nfcorpus"]["bm25"]["nDCG@10"] == pytest.approx(0.3218, abs=0.002)


def test_bars_of_vectors_are_met_by_the_figures_on_the_page() -> None:
    """all-MiniLM-L6-v2 within 0.002 of MTEB's figures; hybrid search above what the two parts reach elsewhere."""
    expected = {run.collection: run.expected for run in TOOL.read_runs(TEXT) if run.group == "dense"}
    assert expected["scifact"]["dense"]["nDCG@10"] == pytest.approx(0.645, abs=0.002)
    assert expected["nfcorpus"]["dense"]["nDCG@10"] == pytest.approx(0.316, abs=0.002)
    assert expected["scifact"]["hybrid"]["nDCG@10"] >= 0.730
    assert expected["nfcorpus"]["hybrid"]["nDCG@10"] >= 0.357


def test_a_group_runs_when_it_is_asked_for() -> None:
    runs = TOOL.read_runs(TEXT)
    assert not [run for run in runs if run.group and (run.asked_for([]) or run.asked_for(["scifact"]))]
    assert [run.title for run in runs if run.asked_for(["dense"])] == ["scifact, dense", "nfcorpus, dense"]
    assert [run.title for run in runs if run.asked_for(["scifact"])] == ["scifact"]


def test_every_figure_is_there() -> None:
    for run in TOOL.read_runs(TEXT):
        assert run.expected
        for figures in run.expected.values():
            assert set(figures) == set(run.measures)
            assert all(0 < value <= 1 for value in figures.values())


def test_a_figure_that_moved_or_is_gone_does_not_hold() -> None:
    (run, *_) = TOOL.read_runs(TEXT)
    same = {name: dict(figures) for name, figures in run.expected.items()}
    assert all(each.holds for each in TOOL.compared(run, same))
    pipeline, measure = next((name, next(iter(figures))) for name, figures in same.items())
    same[pipeline][measure] += 0.0003
    assert [(each.pipeline, each.measure) for each in TOOL.compared(run, same) if not each.holds] == [
        (pipeline, measure)
    ]
    del same[pipeline]
    assert {each.pipeline for each in TOOL.compared(run, same) if not each.holds} == {pipeline}


@pytest.mark.slow
def test_cranfield_comes_out(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPANIEL_TEST_DATA", str(shared_data))
    assert TOOL.main(["cranfield"]) == 0
    assert "4 figures, 0 moved" in capsys.readouterr().out


@pytest.mark.slow
def test_a_moved_figure_fails(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPANIEL_TEST_DATA", str(shared_data))
    run = next(run for run in TOOL.read_runs(TEXT) if run.collection == "cranfield")
    right = f'"nDCG@10" = {run.expected["bm25"]["nDCG@10"]:.4f}'
    before, name, after = TEXT.partition('collection = "cranfield"')
    assert right in after
    (tmp_path / "moved.toml").write_text(
        before + name + after.replace(right, '"nDCG@10" = 0.9999', 1), encoding="utf-8"
    )
    assert TOOL.main(["cranfield", "--figures", str(tmp_path / "moved.toml")]) == 1
    out = capsys.readouterr().out
    assert "0.9999" in out
    assert "MOVED" in out
    assert "4 figures, 1 moved" in out


def test_nothing_to_run_is_not_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANIEL_TEST_DATA", str(tmp_path))
    assert TOOL.main([]) == 2
    with pytest.raises(SystemExit):
        TOOL.main(["no-such-collection"])

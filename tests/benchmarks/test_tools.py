"""The benchmarks' own parts that a wrong figure could come from: the generators and the plot."""

import importlib.util
import itertools
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from contracts import small_collection

from spaniel.eval.measures import score_lists


def load(name: str) -> ModuleType:
    """A module of `benchmarks/`, which is not installed."""
    path = Path(__file__).parents[2] / "benchmarks" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"_benchmarks_{name}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


synthetic, plot = load("synthetic"), load("plot")


def test_sampler_draws_its_distribution() -> None:
    p = np.array([0.5, 0.2, 0.0, 0.05, 0.25])
    drawn = synthetic.Sampler(p).draw(np.random.default_rng(1), 200_000)
    assert np.abs(np.bincount(drawn, minlength=5) / 200_000 - p).max() < 0.005


def test_text_is_the_same_for_the_same_seed_and_has_its_shape() -> None:
    passages, queries = synthetic.bm25_like(3000, n_queries=50)
    again, _ = synthetic.bm25_like(3000, n_queries=50)
    other, _ = synthetic.bm25_like(3000, n_queries=50, seed=1)
    assert passages.terms.tolist() == again.terms.tolist() != other.terms.tolist()
    assert len(passages) == 3000
    assert abs(np.diff(passages.ptr).mean() - 55) < 2
    assert len(queries) == 50
    for i in range(50):
        row = queries.row(i)
        assert 3 <= len(row) <= 8
        assert len(set(row.tolist())) == len(row)


def test_vectors_are_distinct_ascending_and_weighted() -> None:
    passages, queries = synthetic.learned_like(500, n_queries=20)
    assert abs(np.diff(passages.ptr).mean() - 120) < 5
    for i in range(500):
        assert np.all(np.diff(passages.row(i).astype(int)) > 0)
    assert passages.weights.min() >= 1
    for i in range(20):
        row = queries.row(i).tolist()
        weights = queries.weights[queries.ptr[i] : queries.ptr[i + 1]]
        assert len(set(row)) == len(row)
        assert weights.max() == 32
        assert weights.min() >= 1


def test_plot_is_whole_svg_with_points_in_order() -> None:
    text = plot.log_log({"a <b>": [(1e3, 10), (1e4, 20), (1e6, 400)]}, x="n", y="us")
    root = ET.fromstring(text)
    space = {"s": "http://www.w3.org/2000/svg"}
    circles = root.findall("s:circle", space)
    xs = [float(c.attrib["cx"]) for c in circles]
    ys = [float(c.attrib["cy"]) for c in circles]
    assert len(circles) == 3
    assert xs == sorted(xs)
    assert ys == sorted(ys, reverse=True)
    # Equal ratios are equal distances: 1e3 to 1e4 is half of 1e4 to 1e6.
    assert abs((xs[2] - xs[1]) - 2 * (xs[1] - xs[0])) < 0.3
    assert "a <b>" in [t.text for t in root.findall("s:text", space)]


def test_engines_of_another_kind_are_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty table would say nothing."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    sparse = importlib.import_module("benchmarks.sparse")
    assert sparse.engines_of("learned", ["bmp", "seismic"]) == ["seismic"]
    assert "bmp searches text corpora, this one is learned" in capsys.readouterr().err
    assert sparse.engines_of("text", ["seismic"]) == []
    with pytest.raises(SystemExit, match="no engine nothing"):
        sparse.engines_of("text", ["nothing"])


def test_ndcg_of_candidates_is_the_measure(tmp_path: Path) -> None:
    """`rerank_candidates` computes nDCG@10 by itself, thousands of times; the same value as `eval.measures`."""
    found = load("rerank_candidates")
    queries = found.candidates(str(small_collection.write(tmp_path / "small")), depth=3, cache=tmp_path / "cache")
    assert [query.query_id for query in queries] == ["q1", "q2", "q3"]
    for query in queries:
        for order in itertools.permutations(range(len(query.ids))):
            ids = [query.ids[place] for place in order]
            columns = ([query.query_id] * len(ids), ids, np.arange(len(ids), 0, -1.0))
            scores = score_lists(*columns, {query.query_id: small_collection.QRELS[query.query_id]}, ["nDCG@10"])
            assert query.ndcg(order) == pytest.approx(scores.values["nDCG@10"][0])
            assert query.ndcg(order) <= query.ceiling


def test_a_linear_axis_has_round_ticks_inside() -> None:
    svg = plot.log_x({"a": [(1, 0.31), (100, 0.52)], "b": [(10, 0.4)]}, x="calls", y="nDCG")
    texts = [each.text for each in ET.fromstring(svg).iter() if each.tag.endswith("text")]
    assert {"0.35", "0.4", "0.45", "0.5", "1  a", "2  b"} <= set(texts)


def test_numbers_of_a_plot_do_not_cover_each_other() -> None:
    """34 methods, many at nearly the same calls and quality; and no two lines look the same."""
    rng = np.random.default_rng(3)
    ends = {f"method {i}": [(10 * rng.lognormal(), 0.4 + 0.02 * rng.random())] for i in range(34)}
    texts = [each for each in ET.fromstring(plot.log_x(ends, x="calls", y="nDCG")).iter() if each.tag.endswith("text")]
    numbers = [each for each in texts if (each.text or "").isdecimal() and each.attrib["fill"] != "#333"]
    assert len(numbers) == 34
    for one, two in itertools.combinations(numbers, 2):
        apart = [abs(float(one.attrib[name]) - float(two.attrib[name])) for name in ("x", "y")]
        assert apart[0] >= 7 or apart[1] >= 10, (one.text, two.text)
    curves = plot.log_x({f"{i}": [(1, i), (9, i + 1)] for i in range(12)}, x="calls", y="nDCG")
    looks = [(each.attrib["stroke"], each.attrib.get("stroke-dasharray")) for each in ET.fromstring(curves).iter()
             if each.tag.endswith("polyline")]  # fmt: skip
    assert len(set(looks)) == 12


def test_skipped_queries_are_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What settings were chosen on and what they are held to share no query; another first stage is another key."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    schedules = importlib.import_module("benchmarks.rerank_schedules")
    found = importlib.import_module("benchmarks.rerank_candidates")
    queries = [found.Candidates(str(i), (f"d{i}",), np.ones(1), 1.0) for i in range(40)]
    chosen, others = schedules.sampled(queries, 15), schedules.sampled(queries, None, skip=15)
    assert sorted([*chosen, *others], key=queries.index) == queries
    late = schedules.sampled(queries, None, skip=15, after=30)
    assert late == [query for query in others if queries.index(query) >= 30] != []
    assert schedules.fingerprint(chosen) == schedules.fingerprint(list(chosen))
    changed = [*chosen[1:], replace(chosen[0], ids=("another",))]
    assert len({schedules.fingerprint(each) for each in (chosen, others, late, changed)}) == 4


def test_differences_to_the_default_are_paired(monkeypatch: pytest.MonkeyPatch) -> None:
    """A constant gap is known exactly however much the queries differ; tables without sweeps are whole."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    tables = importlib.import_module("benchmarks.rerank_tables")
    values = np.random.default_rng(0).random(30)

    def row(calls: float, change: float) -> dict[str, object]:
        at = {"values": (values - change).tolist(), "mean": 0.5 - change, "low": 0.4, "high": 0.6, "misses": 0}
        return {"calls": calls, "docs": 400, "depth": 1, "ndcg": {each.label: at for each in tables.SETTINGS}}

    rows = {tables.OURS: row(20, 0.0), tables.PAPERS: row(20, 0.05)}
    gap = tables.ahead(rows, tables.PAPERS, "realistic")
    assert gap.difference == pytest.approx(5)
    assert gap.high - gap.low == pytest.approx(0, abs=1e-9)
    result = {"collection": "c", "queries": 30, "passages": 100.0, "seeds": 3, "first_stage": 0.1, "ceiling": 1.0,
              "rows": rows, "curve": {}, "cuts": {}}  # fmt: skip
    shown = tables.show(result | {"bars": tables.bars(result, [])})
    assert "points before the paper's PageRank, biased: +5.0 ± 0.0" in shown
    assert "| JointRank, PageRank (the paper) | 20 | 1 | +5.0 ± 0.0 |" in shown


def test_the_benchmark_of_schedules_runs_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every method under every setting, curves, cuts, tables and plots, of three queries with three passages each."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
    schedules = importlib.import_module("benchmarks.rerank_schedules")
    monkeypatch.setattr("benchmarks.journal.ProcessPoolExecutor", ThreadPoolExecutor)
    folder = small_collection.write(tmp_path / "scifact")  # the oracle is calibrated by name
    options = [str(folder), "--quick", "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    monkeypatch.setattr(sys, "argv", ["rerank_schedules", *options])
    schedules.main()
    text = (tmp_path / "out" / "rerank_schedules.md").read_text()
    assert "perfect oracle, below the ceiling: none" in text
    assert "cut at every call, below BM25 by more than noise" in text
    names = {path.name for path in (tmp_path / "out").glob("*.svg")}
    assert names == {"rerank_schedules_scifact.svg", "rerank_budget_scifact.svg"}


def test_a_journal_goes_on_where_it_was(tmp_path: Path) -> None:
    """What is done is not run again; a line that a kill cut off is."""
    path, journals = tmp_path / "parts.jsonl", load("journal")
    jobs = {"8": (pow, 2, 3), "9": (pow, 3, 2)}

    def done(stop_s: float, jobs: dict[str, tuple[object, ...]]) -> dict[str, int]:
        with journals.Journal(path, 1, stop_s) as journal:
            journal.pool = ThreadPoolExecutor(1)
            found: dict[str, int] = journal.done(jobs)
        return found

    with pytest.raises(SystemExit, match="2 parts to go"):
        done(0, jobs)
    assert done(60, jobs) == {"8": 8, "9": 9}
    path.write_text(path.read_text()[:-4])
    assert done(60, {"8": (divmod, 1, 0), "9": (pow, 3, 2)}) == {"8": 8, "9": 9}


def test_a_journal_does_not_go_on_from_other_code(tmp_path: Path) -> None:
    """Results of the code as it was are of use to nobody else; they come back with it."""
    journals, source = load("journal"), tmp_path / "code" / "schedule.py"
    source.parent.mkdir()

    def known(code: str, result: int) -> int:
        source.write_text(code)
        with journals.Journal(tmp_path / "parts.jsonl", 1, 60, sources=[source.parent]) as journal:
            journal.pool = ThreadPoolExecutor(1)
            found: dict[str, int] = journal.done({"row": (int, result)})
        return found["row"]

    assert [known("old", 1), known("old", 2), known("new", 3), known("new", 4), known("old", 5)] == [1, 1, 3, 3, 1]
    assert any(each.name == "rerank" for each in journals.SOURCES)
    assert len({journals.version_of([each]) for each in journals.SOURCES}) == 2

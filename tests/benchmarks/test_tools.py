"""The benchmarks' own parts that a wrong figure could come from: the generators and the plot."""

import importlib.util
import itertools
import sys
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
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

"""Comparisons of two pipelines: known cases, and what is refused."""

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from contracts.results_folder import MEASURES, PIPELINES, make_folder, values

from spaniel.eval.compare import Transition, compare_folders, compare_runs
from spaniel.eval.results_format import PER_QUERY, RESULTS, CollectionResults, run_file
from spaniel.eval.results_reader import read_queries, read_results
from spaniel.eval.run import Run
from spaniel.eval.statistics import paired_difference
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Ranking

QRELS = {"q1": {"a": 1, "b": 1}, "q2": {"c": 2}, "q3": {"d": 1, "z": 0}}


def write_run(path: Path, rankings: dict[str, str]) -> Path:
    """A TREC run; a ranking is a word whose letters are documents, best first."""
    lines = (
        f"{query} Q0 {id_} {rank} {100 - rank} x\n"
        for query, ids in rankings.items()
        for rank, id_ in enumerate(ids, 1)
    )
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    return (
        write_run(tmp_path / "a.trec", {"q1": "abx", "q2": "xyc", "q3": "d"}),
        write_run(tmp_path / "b.trec", {"q1": "xay", "q2": "cxy", "q3": "d", "q9": "x"}),
    )


def test_run_files_by_hand(runs: tuple[Path, Path]) -> None:
    found = compare_runs(*runs, QRELS, measures=["RR@10", "R@100"], texts={"q2": "what is c?"})
    assert (found.a, found.b, found.n_queries, found.main) == ("a.trec", "b.trec", 3, "RR@10")
    a, b, paired, _ = found.measures["RR@10"]
    assert (a, b) == (pytest.approx((1 + 1 / 3 + 1) / 3), pytest.approx((1 / 2 + 1 + 1) / 3))
    assert paired.difference == pytest.approx(b - a)
    assert (paired.wins, paired.ties, paired.losses) == (1, 1, 1)
    (gained,), (lost,) = found.gained, found.lost
    assert (gained.query_id, gained.text, gained.a, gained.b) == ("q2", "what is c?", pytest.approx(1 / 3), 1.0)
    assert (lost.query_id, lost.difference) == ("q1", -0.5)
    assert (lost.lost_by_a, lost.lost_by_b) == ({}, {"b": "retrieval"})
    assert found.transitions == (Transition("kept", "retrieval", 1),)
    assert [(one.k, one.identical) for one in found.overlap] == [(1, 1), (10, 1)]
    assert found.overlap[0].share == pytest.approx(1 / 3)
    assert found.overlap[1].share == pytest.approx((2 / 3 + 1 + 1) / 3)


def test_stages_of_a_run_say_where_a_document_was_lost(tmp_path: Path) -> None:
    names = ["a", "b", "x"]
    stages = {
        "bm25": [Ranking.of([0, 1, 2], [3.0, 2.0, 1.0])],
        "rerank": [Ranking.of([1, 0], [2.0, 1.0])],
        "cut": [Ranking.of([1], [2.0])],
    }
    run = Run.from_ordinals(["q1"], stages, lambda ordinals: [names[i] for i in ordinals], name="ours")
    run.to_jsonl(tmp_path / "ours.jsonl.gz")
    other = write_run(tmp_path / "b.trec", {"q1": "x"})
    found = compare_runs(tmp_path / "ours.jsonl.gz", other, {"q1": {"a": 1, "b": 1, "n": 1}}, measures=["R@10"])
    assert set(found.transitions) == {
        Transition("cut", "retrieval", 1),
        Transition("kept", "retrieval", 1),
        Transition("retrieval", "retrieval", 1),
    }


def test_a_query_that_the_run_lacks_counts_zero(tmp_path: Path, runs: tuple[Path, Path]) -> None:
    empty = write_run(tmp_path / "c.trec", {"q1": "ab"})
    found = compare_runs(runs[0], empty, QRELS, measures=["R@10"])
    a, b, _, _ = found.measures["R@10"]
    assert (a, b) == (1.0, pytest.approx(1 / 3))
    assert any("c.trec" in warning for warning in found.warnings)


def test_binary_measures_follow_the_relevance_of_the_collection(runs: tuple[Path, Path]) -> None:
    found = compare_runs(*runs, QRELS, measures=["R@10"], relevance=2)
    assert found.measures["R@10"][0] == pytest.approx(1 / 3)
    assert found.transitions == ()


def test_self_retrieval_is_dropped(tmp_path: Path) -> None:
    one = write_run(tmp_path / "a.trec", {"a": "ab"})
    qrels = {"a": {"b": 1}}
    assert compare_runs(one, one, qrels, measures=["RR@10"]).measures["RR@10"][0] == 0.5
    assert compare_runs(one, one, qrels, measures=["RR@10"], drop_self=True).measures["RR@10"][0] == 1.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compare") / "out"
    make_folder(path, n_queries=80)
    return path


def test_folders_agree_with_their_values(folder: Path) -> None:
    found = compare_folders(folder, folder, pipeline_a="bm25", pipeline_b="hybrid")
    results = read_results(folder)
    assert isinstance(results, CollectionResults)
    queries = list(read_queries(folder, results))
    assert list(found.measures) == list(MEASURES)
    assert found.main == "nDCG@10"
    for measure, (a, b, paired, p) in found.measures.items():
        old, new = (values(queries, name, measure) for name in ("bm25", "hybrid"))
        assert (a, b) == (pytest.approx(old.mean()), pytest.approx(new.mean()))
        assert paired == paired_difference(new, old, seed=0)
        assert p >= paired.p
    changes = values(queries, "hybrid", "nDCG@10") - values(queries, "bm25", "nDCG@10")
    assert [one.difference for one in found.gained] == pytest.approx(np.sort(changes)[::-1][:20].tolist())
    assert [one.difference for one in found.lost] == pytest.approx(np.sort(changes)[: len(found.lost)].tolist())
    assert len(found.gained) == 20
    n_lost = sum(one.n for one in found.transitions)
    assert n_lost == len(
        {(q.query_id, d.id) for q in queries for name in ("bm25", "hybrid") for d in q.pipelines[name].lost}
    )
    assert found.overlap[1].k == 10
    top = [[{hit.id for hit in q.pipelines[name].top} for name in ("bm25", "hybrid")] for q in queries]
    assert found.overlap[1].share == pytest.approx(np.mean([len(x & y) / 10 for x, y in top]))


def test_a_folder_with_itself(folder: Path) -> None:
    found = compare_folders(folder, folder, pipeline_a="bm25", pipeline_b="bm25")
    assert (found.gained, found.lost) == ((), ())
    assert {one.share for one in found.overlap} == {1.0}
    assert {one.identical for one in found.overlap} == {80}
    assert all(one.a == one.b for one in found.transitions)
    assert all(paired.p == 1 for _, _, paired, _ in found.measures.values())


def test_the_order_of_queries_does_not_matter(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "turned")
    file = tmp_path / "turned" / PER_QUERY
    file.write_bytes(b"".join(reversed(file.read_bytes().splitlines(keepends=True))))
    found = compare_folders(folder, tmp_path / "turned", pipeline_a="bm25", pipeline_b="bm25")
    assert all(paired.ties == 80 for _, _, paired, _ in found.measures.values())


def test_without_runs_the_first_results_are_compared(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "bare")
    shutil.rmtree(tmp_path / "bare" / "runs")
    with_runs, without = (
        compare_folders(path, path, pipeline_a="bm25", pipeline_b="dense") for path in (folder, tmp_path / "bare")
    )
    assert with_runs.overlap == without.overlap


def test_what_cannot_be_compared_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="holds several pipelines") as caught:
        compare_folders(folder, folder)
    assert caught.value.hint == "choose with --pipeline: bm25, bm25+rm3, hybrid, dense"
    with pytest.raises(InvalidInput, match="has no pipeline 'x'"):
        compare_folders(folder, folder, pipeline_a="x")
    with pytest.raises(InvalidInput, match="AP is not in both folders; there is nDCG@10, RR@10, R@100"):
        compare_folders(folder, folder, pipeline_a="bm25", pipeline_b="bm25", measures=["AP"])
    one = PIPELINES[:1]
    make_folder(tmp_path / "other", pipelines=one)
    with pytest.raises(InvalidInput, match="other judged queries; only one has 'q6"):
        compare_folders(folder, tmp_path / "other", pipeline_a="bm25", pipeline_b="bm25")
    file = tmp_path / "other" / RESULTS
    data = json.loads(file.read_text(encoding="utf-8"))
    data["collection"]["sha256"]["corpus"] = "e" * 64
    file.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"another collection: corpus .*aaaaaaaaaaaa… and eeeeeeeeeeee…"):
        compare_folders(folder, tmp_path / "other", pipeline_a="bm25")
    make_folder(tmp_path / "bare", pipelines=one, texts=False)
    with pytest.raises(InvalidInput, match=r"has no per-query\.jsonl"):
        compare_folders(tmp_path / "bare", tmp_path / "bare")


def test_a_damaged_run_is_named(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "out")
    file = run_file(tmp_path / "out", "bm25")
    with gzip.open(file, "wt", encoding="utf-8") as out:
        out.write("not a run\n")
    with pytest.raises(InvalidInput, match=r"bm25\.trec\.gz"):
        compare_folders(tmp_path / "out", tmp_path / "out", pipeline_a="bm25", pipeline_b="dense")


def test_comparisons_are_plain_values(runs: tuple[Path, Path]) -> None:
    same = compare_runs(runs[0], runs[0], QRELS, measures=["R@10"]).to_dict()
    assert json.loads(json.dumps(same)) == same
    assert same["measures"]["R@10"]["mde"] is None, "no NaN in JSON"
    assert same["measures"]["R@10"].keys() >= {"a", "b", "difference", "low", "high", "p", "p_adjusted", "wins"}


def test_runs_of_other_queries_are_refused(tmp_path: Path, runs: tuple[Path, Path]) -> None:
    with pytest.raises(InvalidInput, match=r"none of its .* queries"):
        compare_runs(*runs, {"zz": {"d1": 1}})

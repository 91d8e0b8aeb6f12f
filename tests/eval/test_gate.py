"""The gate: what stands, what fails, and what it refuses to judge."""

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from contracts.results_folder import MEASURES, PIPELINES, make_folder, make_macro

from spaniel.eval.accept import accept
from spaniel.eval.gate import GateRow, gate
from spaniel.eval.results_format import PER_QUERY, RESULTS
from spaniel.retrieval.errors import InvalidInput


def change(folder: Path, **changes: Any) -> None:
    """Rewrite fields of a folder's results.json."""
    file = folder / RESULTS
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def shift(folder: Path, points: float, *, noise: float = 0.0, pipeline: str = "bm25", measure: str = "nDCG@10") -> None:
    """Lower a measure of every query by so many points, give or take; the mean follows."""
    file = folder / PER_QUERY
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for place, line in enumerate(lines):
        line["pipelines"][pipeline]["measures"][measure] -= points / 100 + (noise if place % 2 else -noise)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    data = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    figure = next(one for one in data["pipelines"] if one["name"] == pipeline)["measures"][measure]
    for bound in ("mean", "low", "high"):
        figure[bound] -= points / 100
    change(folder, pipelines=data["pipelines"])


@pytest.fixture
def old(tmp_path: Path) -> Path:
    make_folder(tmp_path / "old", n_queries=60)
    return tmp_path / "old"


@pytest.fixture
def new(tmp_path: Path, old: Path) -> Path:
    shutil.copytree(old, tmp_path / "new")
    return tmp_path / "new"


def row_of(new: Path, old: Path, **options: Any) -> GateRow:
    """The row of bm25 by nDCG@10, gated alone."""
    (row,) = gate(new, old, measures=["nDCG@10"], pipelines=["bm25"], **options).rows
    return row


def test_the_same_results_pass(old: Path, new: Path) -> None:
    verdict = gate(new, old)
    assert verdict.ok
    assert len(verdict.rows) == len(PIPELINES) * len(MEASURES)
    assert {(row.test, row.reason, row.drop, row.p) for row in verdict.rows} == {("paired", "the same", 0.0, 1.0)}


@pytest.mark.parametrize(
    ("points", "noise", "paired", "ok", "said"),
    [
        (-3.0, 0.0, True, True, "rose by 3.00 points"),
        (0.3, 0.2, True, True, "fell by 0.30 points, within 0.5, not significant (adjusted p ="),
        (0.3, 0.0, True, False, "fell by 0.30 points, within 0.5, significant (adjusted p = 0.0001)"),
        (0.5, 0.2, True, True, "fell by 0.50 points, within 0.5, not significant"),
        (0.6, 0.2, True, False, "fell by 0.60 points, more than 0.5, not significant"),
        (2.0, 0.0, True, False, "fell by 2.00 points, more than 0.5, significant"),
        (0.3, 0.0, False, True, "fell by 0.30 points, within 0.5, not significant (by intervals: they overlap)"),
        (0.6, 0.0, False, False, "fell by 0.60 points, more than 0.5, not significant (by intervals: they overlap)"),
        (40.0, 0.0, False, False, "more than 0.5, significant (by intervals: they do not touch)"),
        (-3.0, 0.0, False, True, "rose by 3.00 points"),
    ],
)
def test_decisions(old: Path, new: Path, points: float, noise: float, paired: bool, ok: bool, said: str) -> None:
    shift(new, points, noise=noise)
    if not paired:
        (old / PER_QUERY).unlink()
    row = row_of(new, old)
    assert (row.ok, row.test) == (ok, "paired" if paired else "intervals")
    assert said in row.reason
    assert row.drop == pytest.approx(points)


def test_a_drop_that_is_only_significant_needs_no_tolerance(old: Path, new: Path) -> None:
    shift(new, 0.3)
    assert not row_of(new, old, max_drop=50).ok
    assert row_of(new, old, alpha=0.00001).ok


def test_intervals_apart_are_significant_within_the_tolerance(old: Path, new: Path) -> None:
    shift(new, 40)
    (new / PER_QUERY).unlink()
    assert not row_of(new, old, max_drop=50).ok


def test_holm_counts_everything_that_is_gated(old: Path, new: Path) -> None:
    shift(new, 0.3, noise=0.008)
    alone, among = row_of(new, old), gate(new, old).rows[0]
    assert alone.p is not None
    assert 0.0001 < alone.p < 0.5
    assert among.p == alone.p == alone.p_adjusted
    assert among.p_adjusted == pytest.approx(min(1, alone.p * len(PIPELINES) * len(MEASURES)))


def test_without_intervals_only_the_tolerance_counts(old: Path, new: Path) -> None:
    for folder in (old, new):
        (folder / PER_QUERY).unlink()
        data = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
        data["pipelines"][0]["measures"]["nDCG@10"] |= {"low": None, "high": None}
        change(folder, pipelines=data["pipelines"])
    row = row_of(new, old)
    assert (row.test, row.ok) == ("none", True)


def test_a_file_is_a_baseline_too(old: Path, new: Path, tmp_path: Path) -> None:
    shutil.copy(old / RESULTS, tmp_path / "accepted.json")
    assert {row.test for row in gate(new, tmp_path / "accepted.json").rows} == {"intervals"}
    assert {row.test for row in gate(new, old / RESULTS).rows} == {"paired"}, "its per-query.jsonl lies beside it"


def test_other_collections_are_refused(old: Path, new: Path) -> None:
    data = json.loads((new / RESULTS).read_text(encoding="utf-8"))
    data["collection"]["sha256"]["qrels"] = "d" * 64
    change(new, collection=data["collection"])
    with pytest.raises(
        InvalidInput, match=r"another collection: qrels of 'scifact' and 'scifact' have different SHA-256"
    ):
        gate(new, old)


def test_without_hashes_the_names_count(old: Path, new: Path) -> None:
    data = json.loads((new / RESULTS).read_text(encoding="utf-8"))
    change(new, collection=data["collection"] | {"sha256": {}, "split": "dev"})
    with pytest.raises(InvalidInput, match=r"another collection: 'scifact' 'test' and 'scifact' 'dev'"):
        gate(new, old)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"measures": ["AP"]}, "'bm25' has no AP; it has nDCG@10, RR@10, R@100"),
        ({"pipelines": ["bm26"]}, "the baseline has no pipeline 'bm26'; there is bm25"),
        ({"max_drop": -1.0}, "max_drop is -1.0"),
        ({"max_drop": float("nan")}, "max_drop is nan"),
        ({"alpha": 0.0}, "alpha 0.0"),
    ],
)
def test_what_cannot_be_gated_is_said(old: Path, new: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        gate(new, old, **options)
    assert said in str(caught.value)


def test_what_is_no_longer_measured_does_not_pass(tmp_path: Path, old: Path) -> None:
    make_folder(tmp_path / "fewer", n_queries=60, pipelines=PIPELINES[:2])
    with pytest.raises(InvalidInput, match="the results have no pipeline 'hybrid'"):
        gate(tmp_path / "fewer", old)
    verdict = gate(old, tmp_path / "fewer")
    assert verdict.notes == ("scifact: hybrid is new and not gated", "scifact: dense is new and not gated")


def test_other_queries_are_refused(old: Path, new: Path) -> None:
    file = new / PER_QUERY
    file.write_text(file.read_text(encoding="utf-8").replace('"query_id":"q0"', '"query_id":"q00"'), encoding="utf-8")
    with pytest.raises(InvalidInput, match="other judged queries than the baseline's"):
        gate(new, old)


@pytest.mark.parametrize("side", ["new", "old"])
@pytest.mark.parametrize("kept", [0, 59])
def test_a_short_file_of_queries_does_not_weaken_the_test(
    tmp_path: Path, old: Path, new: Path, side: str, kept: int
) -> None:
    file = tmp_path / side / PER_QUERY
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:kept]))
    with pytest.raises(
        InvalidInput, match=rf"{side}/per-query.jsonl.*holds {kept} queries; results.json has .* over 60"
    ):
        gate(new, old)


@pytest.mark.parametrize("side", ["new", "old"])
def test_figures_that_are_not_those_of_the_queries_do_not_pass(tmp_path: Path, old: Path, new: Path, side: str) -> None:
    before = (tmp_path / side / RESULTS).read_bytes()
    shift(tmp_path / side, 20)
    (tmp_path / side / RESULTS).write_bytes(before)
    with pytest.raises(InvalidInput, match=rf"{side}/per-query.jsonl.*its mean nDCG@10 of 'bm25' is"):
        gate(new, old)


def test_a_p_value_at_alpha_is_significant(old: Path, new: Path) -> None:
    shift(new, 0.3, noise=0.008)
    p = row_of(new, old).p_adjusted
    assert p is not None
    assert [row_of(new, old, alpha=alpha).ok for alpha in (p, p * 0.999)] == [False, True]


def test_other_rules_of_relevance_are_refused(old: Path, new: Path) -> None:
    data = json.loads((new / RESULTS).read_text(encoding="utf-8"))
    change(new, collection=data["collection"] | {"relevance": 2})
    with pytest.raises(InvalidInput, match="grade 1 or more in one of the two and 2 or more in the other"):
        gate(new, old)


def test_several_collections(tmp_path: Path) -> None:
    make_macro(tmp_path / "old")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    shift(tmp_path / "new" / "gis", 5)
    failed = [row for row in gate(tmp_path / "new", tmp_path / "old").rows if not row.ok]
    assert [(row.collection, row.pipeline, row.measure) for row in failed] == [("gis", "bm25", "nDCG@10")]


@pytest.mark.parametrize("macro", [False, True])
def test_accepted_results_are_a_small_baseline_that_pairs(tmp_path: Path, macro: bool) -> None:
    (make_macro if macro else make_folder)(tmp_path / "new")
    written = accept(tmp_path / "new", tmp_path / "accepted")
    assert written[-1] == tmp_path / "accepted" / RESULTS
    assert {row.test for row in gate(tmp_path / "new", tmp_path / "accepted").rows} == {"paired"}
    sizes = [sum(f.stat().st_size for f in (tmp_path / name).rglob(PER_QUERY)) for name in ("accepted", "new")]
    assert sizes[0] < sizes[1] / 10
    assert accept(tmp_path / "new", tmp_path / "accepted") == written, "again over what is there"


def test_a_json_file_takes_means_and_intervals(tmp_path: Path) -> None:
    make_folder(tmp_path / "new")
    assert accept(tmp_path / "new", tmp_path / "accepted.json") == [tmp_path / "accepted.json"]
    assert gate(tmp_path / "new", tmp_path / "accepted.json").ok
    make_macro(tmp_path / "several")
    with pytest.raises(InvalidInput, match="one file cannot hold several collections"):
        accept(tmp_path / "several", tmp_path / "x.json")


def test_verdicts_are_plain_values(old: Path, new: Path) -> None:
    data = json.loads(msgspec.json.encode(gate(new, old).to_dict()))
    assert data["ok"] is True
    assert data["rows"][0].keys() >= {"pipeline", "measure", "baseline", "figure", "drop", "p", "test", "ok", "reason"}

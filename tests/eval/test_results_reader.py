"""The results folder: what is written is read back, and what does not fit together is refused by name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from contracts.results_folder import make_folder, make_macro, values

from spaniel.eval import results_format as fmt
from spaniel.eval.results_reader import read_parts, read_queries, read_results
from spaniel.retrieval.errors import InvalidInput


@pytest.mark.parametrize("hostile", [False, True])
def test_written_is_read_back(tmp_path: Path, hostile: bool) -> None:
    made = make_folder(tmp_path / "out", hostile=hostile)
    assert read_results(tmp_path / "out") == read_results(tmp_path / "out" / "results.json") == made
    queries = list(read_queries(tmp_path / "out", made))
    assert len(queries) == 60
    for pipeline in made.pipelines:
        for measure, figure in pipeline.measures.items():
            assert values(queries, pipeline.name, measure).mean() == pytest.approx(figure.mean)


def test_parts(tmp_path: Path) -> None:
    made = make_macro(tmp_path / "out", ["android", "../gis"])
    assert read_results(tmp_path / "out") == made
    parts = read_parts(tmp_path / "out")
    assert [results.collection.name for _, results in parts] == ["android", "../gis"]
    assert all(path.parent == tmp_path / "out" for path, _ in parts)
    assert read_parts(parts[0][0]) == parts[:1]


def test_absent_is_null(tmp_path: Path) -> None:
    make_folder(tmp_path / "out")
    written = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    dense = written["pipelines"][3]
    assert (dense["latency_ms"], dense["cost"], dense["index"]["encode_per_s"]) == (None, None, None)


def test_no_per_query_file_is_no_queries(tmp_path: Path) -> None:
    assert list(read_queries(tmp_path / "out", make_folder(tmp_path / "out", texts=False))) == []


@pytest.mark.parametrize("name", ["..", ".", "a/b", "a\x00b", "/etc/passwd", "ü <b>", "%2E", ".hidden"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    for path, parent in (
        (fmt.run_file(tmp_path, name), tmp_path / "runs"),
        (fmt.part_folder(tmp_path, name), tmp_path),
    ):
        assert path.resolve().parent == parent
        assert not path.name.startswith(".")
        assert "\x00" not in path.name


def test_names_stay_apart() -> None:
    names = ["a/b", "a%2Fb", "..", "%2E."]
    assert len({fmt.run_file("x", name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data | {"format": 2}, "format 2; this release reads 1"),
        (lambda data: data | {"pipelines": []}, "no pipeline"),
        (lambda data: data | {"pipelines": data["pipelines"][:1] * 2}, "a pipeline stands there twice: bm25, bm25"),
        (lambda data: data | {"measures": ["nDCG@10", "AP"]}, "pipeline 'bm25' has no AP"),
        (lambda data: data | {"measures": "nDCG@10"}, "Expected `array`, got `str` - at `$.measures`"),
        (lambda data: data | {"pipelines": data["pipelines"][:2]}, "a comparison of 'hybrid' with 'bm25'"),
        (lambda data: {"hello": 1}, "missing required field `format`"),
        (lambda data: [data], "Expected `object`, got `array`"),
    ],
)
def test_results_that_do_not_fit_are_refused(tmp_path: Path, change: Callable[[Any], Any], said: str) -> None:
    make_folder(tmp_path / "out", n_queries=3)
    file = tmp_path / "out" / "results.json"
    file.write_text(json.dumps(change(json.loads(file.read_text(encoding="utf-8")))), encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        read_results(tmp_path / "out")
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"format": 1e999}'])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "results.json").write_bytes(data)
    with pytest.raises(InvalidInput, match="not the results of an evaluation"):
        read_results(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no results\.json in it") as caught:
        read_results(tmp_path)
    assert "spaniel eval run" in caught.value.hint
    with pytest.raises(InvalidInput, match="no such file or folder"):
        read_results(tmp_path / "none" / "x.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [*lines, lines[0]], "per-query.jsonl:4: query 'q0' stands there twice"),
        (lambda lines: [lines[0], "{}"], "per-query.jsonl:2: not the results of a query"),
        (lambda lines: [lines[0].replace('"nDCG@10"', '"AP"')], "per-query.jsonl:1: query 'q0' has no nDCG@10"),
        (lambda lines: [lines[0].replace('"bm25"', '"bm26"')], "query 'q0' has nothing of pipeline 'bm25'"),
    ],
)
def test_query_lines_that_do_not_fit_are_refused(
    tmp_path: Path, change: Callable[[list[str]], list[str]], said: str
) -> None:
    results = make_folder(tmp_path / "out", n_queries=3)
    file = tmp_path / "out" / "per-query.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("".join(line + "\n" for line in change(lines)), encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        list(read_queries(tmp_path / "out", results))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [], "per-query.jsonl holds 0 queries; results.json has nDCG@10 of 'bm25' over 3"),
        (lambda lines: lines[:2], "per-query.jsonl holds 2 queries; results.json has nDCG@10 of 'bm25' over 3"),
    ],
)
def test_too_few_query_lines_are_refused(tmp_path: Path, change: Callable[[list[str]], list[str]], said: str) -> None:
    results = make_folder(tmp_path / "out", n_queries=3)
    file = tmp_path / "out" / "per-query.jsonl"
    file.write_text("".join(change(file.read_text(encoding="utf-8").splitlines(keepends=True))), encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        list(read_queries(tmp_path / "out", results))
    assert said in str(caught.value).replace("per-query.jsonl: ", "per-query.jsonl ")


@pytest.mark.parametrize(("shift", "fits"), [(1e-10, True), (4e-9, False)])
def test_lines_have_the_mean_of_the_figures(tmp_path: Path, shift: float, fits: bool) -> None:
    results = make_folder(tmp_path / "out", n_queries=3)
    file = tmp_path / "out" / "per-query.jsonl"
    first, *rest = file.read_text(encoding="utf-8").splitlines(keepends=True)
    query = json.loads(first)
    query["pipelines"]["dense"]["measures"]["R@100"] += shift
    file.write_text(json.dumps(query) + "\n" + "".join(rest), encoding="utf-8")
    if fits:
        assert len(list(read_queries(tmp_path / "out", results))) == 3
        return
    with pytest.raises(InvalidInput, match=r"per-query.jsonl: its mean R@100 of 'dense' is .*results.json says"):
        list(read_queries(tmp_path / "out", results))


def test_files_without_the_newer_fields_are_read(tmp_path: Path) -> None:
    make_folder(tmp_path / "out", n_queries=3)
    file = tmp_path / "out" / "results.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    del data["collection"]["relevance"], data["confidence"]
    file.write_text(json.dumps(data), encoding="utf-8")
    found = read_results(tmp_path / "out")
    assert isinstance(found, fmt.CollectionResults)
    assert (found.collection.relevance, found.confidence) == (1, None)

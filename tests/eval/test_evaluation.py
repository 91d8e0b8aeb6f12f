"""From pipelines and a collection to figures: everything that results.json promises, worked out by hand."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.small_collection import QUERIES, write

from spaniel.eval.collections import Collection, Published, collection
from spaniel.eval.evaluation import DEFAULT_MEASURES, Evaluation, evaluate
from spaniel.eval.macro import macro_results
from spaniel.eval.measures import score
from spaniel.eval.outcome import System
from spaniel.eval.results import save_all
from spaniel.eval.results_format import CollectionResults
from spaniel.eval.results_reader import read_queries, read_results
from spaniel.eval.run import Run
from spaniel.index.build import build
from spaniel.index.index import Index
from spaniel.retrieval.errors import InvalidInput


@pytest.fixture
def small(tmp_path: Path) -> Collection:
    return collection(write(tmp_path / "small"))


@pytest.fixture
def kb(small: Collection, tmp_path: Path) -> Iterator[Index]:
    with build(small.path, tmp_path / "kb") as index:
        yield index


def quickly(pipelines: Any, small: Collection, *words: Any, **options: Any) -> Evaluation:
    return evaluate(pipelines, small, *words, **{"timing_s": 0, **options})


def test_figures_by_hand(small: Collection, kb: Index) -> None:
    report = quickly({"bm25": kb.bm25()}, small, ["RR@10", "R@100", "P@1"])
    scores = report.scores["bm25"]
    assert scores.query_ids == ("q1", "q2", "q3", "q4")
    # Of the two relevant documents of q3 one does not exist. q4 finds nothing.
    assert scores.values["R@100"].tolist() == [1.0, 1.0, 0.5, 0.0]
    assert scores.values["P@1"].tolist()[0] == 1.0
    [pipeline] = report.results.pipelines
    assert pipeline.measures["R@100"].mean == pytest.approx(0.625)
    assert pipeline.measures["R@100"].n == 4
    assert report.results.measures == ["RR@10", "R@100", "P@1"]
    facts = report.results.collection
    assert (facts.documents, facts.queries, facts.judgements) == (6, 4, 7)
    assert facts.relevant_per_query == 6 / 4
    assert pipeline.waterfall is not None and pipeline.waterfall.relevant == 6
    assert [(stage.name, stage.kept) for stage in pipeline.waterfall.stages] == [("bm25", 4)]
    assert pipeline.index is not None and pipeline.index.passages == 6
    assert pipeline.index.bytes == kb.info()["bytes"] and pipeline.index.build_s is None
    assert pipeline.throughput is not None and pipeline.throughput.queries_per_s > 0
    assert pipeline.latency_ms is None and report.results.comparisons == []
    assert "4" in str(report) and "<table" in report._repr_html_()


def test_only_judged_queries_are_run(small: Collection, kb: Index) -> None:
    assert quickly({"bm25": kb.bm25()}, small).runs["bm25"].query_ids == ("q1", "q2", "q3", "q4")


def test_the_card_says_what_made_it(small: Collection, kb: Index) -> None:
    system = System(kb.bm25(), definition={"is": "bm25"}, index={"fields": "flat"}, build_s=1.5)
    [pipeline] = quickly({"a": system}, small, seed=3).results.pipelines
    card = pipeline.card
    assert card["collection"] == {"name": "small", "split": "test", "sha256": dict(small.sha256)}
    assert card["index"] == {"identity": kb.passages.identity, "fields": "flat"}
    assert card["pipeline"]["definition"] == {"is": "bm25"} and len(card["pipeline"]["sha256"]) == 64
    assert card["seed"] == 3 and card["versions"]["numpy"] == np.__version__ and card["hardware"]["cores"] >= 1
    assert pipeline.index is not None and pipeline.index.build_s == 1.5


def test_comparisons_with_a_baseline_and_in_pairs(small: Collection, kb: Index) -> None:
    three = {"a": kb.bm25(), "b": kb.likelihood(), "c": kb.bm25(k=1)}
    found = quickly(three, small, ["R@100"], baseline="b").results.comparisons
    assert [(one.baseline, one.system, one.correction) for one in found] == [("b", "a", "holm"), ("b", "c", "holm")]
    assert found[1].difference == pytest.approx(-0.125) and found[1].losses == 1 and found[1].ties == 3
    pairs = quickly(three, small, ["R@100"], all_pairs=True).results.comparisons
    assert [(one.baseline, one.system) for one in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert {one.correction for one in pairs} == {"max_t"}


def test_a_run_from_elsewhere_stands_beside(small: Collection, kb: Index) -> None:
    theirs = Run.from_rankings({"q1": [("d2", 3.0), ("d1", 2.0)], "q2": [("d3", 1.0)]}, name="old name")
    report = quickly({"ours": kb.bm25(), "theirs": theirs}, small, ["RR@10"])
    assert report.scores["theirs"].values["RR@10"].tolist() == [0.5, 1.0, 0.0, 0.0]
    [_, pipeline] = report.results.pipelines
    assert pipeline.throughput is None and pipeline.index is None and pipeline.latency_ms is None
    assert report.runs["theirs"].name == "theirs"
    assert "2 of 4 judged queries are not in the run" in " ".join(pipeline.warnings)


def test_self_retrieval_is_dropped_where_the_collection_says(tmp_path: Path) -> None:
    from dataclasses import replace

    found = collection(write(tmp_path / "small", qrels={"q5": {"d2": 1}}))
    dropping = replace(found, info=replace(found.info, drop_self=True))
    with build(found.path, tmp_path / "kb") as kb:
        kept = quickly({"bm25": kb.bm25()}, found, ["RR@10"])
        dropped = quickly({"bm25": kb.bm25(k=1)}, dropping, ["RR@10"])
    assert kept.mean("bm25", "RR@10") == 0.5 and dropped.mean("bm25", "RR@10") == 1.0
    stranger = Run.from_rankings({"q5": [("q5", 2.0), ("d2", 1.0)]}, name="x")
    assert quickly({"x": stranger}, dropping, ["RR@10"], depth=1).mean("x", "RR@10") == 1.0


def test_defaults(small: Collection, kb: Index) -> None:
    told: list[Any] = []
    report = evaluate(kb.bm25(), small, on_progress=lambda *words: told.append(words), on_outcome=told.append)
    assert report.results.measures == list(dict.fromkeys([small.info.official_measure, *DEFAULT_MEASURES]))
    assert list(report.runs) == ["bm25"]
    assert report.results.pipelines[0].latency_ms is not None and report.results.pipelines[0].latency_ms.n == 3
    assert {words[1] for words in told[:-1]} == {"timing", "running"} and told[-1] is report.outcomes[0]


@pytest.mark.parametrize(
    ("pipelines", "options", "said"),
    [
        ({}, {}, "no pipeline"),
        ({"a": 3}, {}, "'a' is int, neither"),
        (None, {"baseline": "b"}, "no pipeline is called 'b'"),
        (None, {"measures": ["nDGC@10"]}, "nDGC@10"),
        (None, {"depth": 0}, "depth"),
    ],
)
def test_what_cannot_be_evaluated(
    small: Collection, kb: Index, pipelines: Any, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        quickly({"a": kb.bm25()} if pipelines is None else pipelines, small, **options)


# --- The cache ---


class Counted:
    """A retriever that counts what it is asked."""

    def __init__(self, kb: Index) -> None:
        self._kb, self.n = kb.bm25(), 0
        self.name, self.depth, self.passages = "bm25", 1000, kb.passages

    def search(self, queries: Any, **options: Any) -> Any:
        self.n += len(queries)
        return self._kb.search(queries, **options)


def test_runs_are_cached_by_what_decides_them(small: Collection, kb: Index, tmp_path: Path) -> None:
    def asked(definition: Any, **options: Any) -> int:
        source = Counted(kb)
        quickly({"any-name": System(source, definition)}, small, ["RR@10"], cache=tmp_path / "cache", **options)
        return source.n

    assert asked({"b": 0.4}) == 4
    assert asked({"b": 0.4}) == 0
    assert asked({"b": 0.4}, depth=5) == 4
    assert asked({"b": 0.5}) == 4
    assert asked(None) == asked(None) == 4  # nobody knows what it is made of
    other = System(Counted(kb), {"b": 0.4}, index={"identity": "another"})
    quickly({"x": other}, small, ["RR@10"], cache=tmp_path / "cache")
    assert other.pipeline.n == 4  # type: ignore[attr-defined]


def test_the_card_says_what_came_from_the_cache(small: Collection, kb: Index, tmp_path: Path) -> None:
    def card() -> Any:
        system = System(kb.bm25(), {"b": 0.4})
        return quickly({"x": system}, small, ["RR@10"], cache=tmp_path / "cache").results.pipelines[0].card

    first, again = card(), card()
    assert (first["from_cache"], first["queries_from_cache"]) == (None, 0)
    assert (again["from_cache"], again["queries_from_cache"]) == (first["created"], 4)


# --- The results folder ---


def test_the_folder_reads_back(small: Collection, kb: Index, tmp_path: Path) -> None:
    report = quickly({"bm25": kb.bm25(), "ql": kb.likelihood()}, small, ["RR@10"], command=["spaniel", "eval"])
    folder = report.save(tmp_path / "deep" / "out")
    results = read_results(folder)
    assert results == report.results
    assert report.to_dict() == json.loads((folder / "results.json").read_text())
    queries = list(read_queries(folder, results))  # type: ignore[arg-type]
    assert [query.query_id for query in queries] == ["q1", "q2", "q3", "q4"]
    [first, *_, third, fourth] = queries
    assert first.text == QUERIES["q1"] and first.relevant == 1
    top = first.pipelines["bm25"].top
    assert (top[0].id, top[0].grade, top[0].title, top[0].text) == ("d1", 2, "Dogs", "Dogs bark at the moon.")
    assert {hit.id: hit.grade for hit in top}["d3"] is None
    assert [(lost.id, lost.stage) for lost in third.pipelines["ql"].lost] == [("gone", "retrieval")]
    assert fourth.pipelines["bm25"].top == [] and fourth.pipelines["bm25"].ms is None
    for name, run in report.runs.items():
        for kind in ("trec", "jsonl"):
            back = Run.read(folder / "runs" / f"{name}.{kind}.gz")
            assert [hit.id for hit in back.ranking("q2")] == [hit.id for hit in run.ranking("q2")]


# --- Another collection's index, another's run ---


def test_an_index_or_a_run_of_another_collection(small: Collection, tmp_path: Path) -> None:
    (tmp_path / "others.jsonl").write_text('{"_id": "x1", "text": "moon dogs"}\n', encoding="utf-8")
    with (
        build(tmp_path / "others.jsonl", tmp_path / "others") as other,
        pytest.raises(InvalidInput, match="none of its 6 judged documents"),
    ):
        quickly({"bm25": other.bm25()}, small, ["R@100"])
    foreign = Run.from_rankings({"zz": [("d1", 1.0)]}, name="foreign")
    with pytest.raises(InvalidInput, match=r"none of its 1 queries, such as 'zz', is among the 4 judged"):
        quickly({"foreign": foreign}, small, ["R@100"])


def test_ids_and_names_that_files_cannot_carry(tmp_path: Path) -> None:
    found = collection(write(tmp_path / "small"))
    long = "x" * 300 + "/é"
    runs = {
        long: Run.from_rankings({"q1": [("d1", 1.0)]}, name="a"),
        "blank": Run.from_rankings({"q1": [("d 1", 1.0)]}, name="c"),
    }
    report = quickly(runs, found, ["RR@10"])
    out = report.save(report.save(tmp_path / "out"))  # and what is there is known as ours
    names = sorted(path.name for path in (out / "runs").iterdir())
    assert len(names) == 3 and "blank.jsonl.gz" in names and "blank.trec.gz" not in names
    assert all(len(name) < 200 for name in names)
    assert Run.read(out / "runs" / "blank.jsonl.gz").ranking("q1")[0].id == "d 1"
    warned = {each.name: " ".join(each.warnings) for each in report.results.pipelines}
    assert "no TREC run was written: the id 'd 1'" in warned["blank"] and "TREC" not in warned[long]


@pytest.mark.parametrize("name", ["", "a b", 3, "\ud800"])
def test_names_are_checked_before_the_work(small: Collection, kb: Index, name: Any) -> None:
    source = Counted(kb)
    with pytest.raises(InvalidInput, match="of a pipeline"):
        quickly({"fine": source, name: kb.bm25()}, small)
    assert source.n == 0


# --- Several collections ---


def in_parts(folder: Path) -> Collection:
    for name in ("first", "second"):
        write(folder / name)
    return collection(folder)


def test_a_collection_of_parts_says_what_to_do(kb: Index, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="2 parts") as caught:
        quickly({"bm25": kb.bm25()}, in_parts(tmp_path / "whole"))
    assert ".parts()" in caught.value.hint and "macro_results" in caught.value.hint


def test_the_macro_mean_is_as_asked(kb: Index, tmp_path: Path) -> None:
    three = {"a": kb.bm25(), "b": kb.likelihood(), "c": kb.bm25(k=1)}
    options: dict[str, Any] = {"confidence": 0.8, "alpha": 0.2, "seed": 4}
    parts = in_parts(tmp_path / "whole").parts()
    reports = [quickly(three, part, ["R@100"], **options) for part in parts]
    published = [Published("others", "R@100", 0.5, "somewhere")]
    macro = macro_results(reports, baseline="b", all_pairs=True, published=published)
    found = macro.macro.comparisons
    assert [(one.baseline, one.system) for one in found] == [("b", "a"), ("b", "c"), ("a", "c")]
    assert {(one.correction, one.alpha, one.seed) for one in found} == {("holm", 0.2, 4)} and macro.confidence == 0.8
    wide = macro_results(reports, confidence=0.99)
    narrow, wider = (each.macro.pipelines[0].measures["R@100"] for each in (macro, wide))
    assert narrow.low is not None and wider.low is not None and wider.low < narrow.low
    assert [(one.system, one.value) for one in macro.published] == [("others", 0.5)]
    folder = save_all(tmp_path / "out", reports, macro)
    assert read_results(folder) == macro and "others" in (folder / "report.md").read_text()
    with pytest.raises(InvalidInput, match="no pipeline is called 'd'"):
        macro_results(reports, baseline="d")


def test_each_collection_counts_once(small: Collection, kb: Index, tmp_path: Path) -> None:
    other = collection(write(tmp_path / "other", qrels={"q4": {"d5": 1}, "q2": {"d3": 1}}))
    two = {"bm25": kb.bm25(), "ql": kb.likelihood()}
    reports = [quickly(two, small, ["R@100", "RR@10"]), quickly(two, other, ["R@100"])]
    macro = macro_results(reports)
    assert macro.collections == ["small", "other"] and macro.measures == ["R@100"]
    assert macro.macro.pipelines[0].measures["R@100"].mean == pytest.approx((0.625 + 0.5) / 2)
    assert [(one.baseline, one.system) for one in macro.macro.comparisons] == [("bm25", "ql")]
    folder = save_all(tmp_path / "out", reports, macro)
    assert read_results(folder) == macro
    assert read_results(folder / "other") == reports[1].results
    with pytest.raises(InvalidInput, match="each must be there once"):
        macro_results([reports[0], reports[0]])
    with pytest.raises(InvalidInput, match="other pipelines"):
        macro_results([reports[0], quickly({"bm25": kb.bm25()}, other, ["R@100"])])


def test_the_relevance_of_the_collection_rules_binary_measures(tmp_path: Path) -> None:
    """The registry says that TREC DL 2019, the split "test" of msmarco, counts documents from grade 2."""
    qrels = {"q1": {"d1": 1, "d3": 2}, "q2": {"d3": 1, "d4": 2}, "q3": {"d2": 1}}
    strict = collection(write(tmp_path / "msmarco", qrels=qrels))
    names = ["AP", "R@100", "RR@10", "P@1", "nDCG@10"]
    with build(strict.path, tmp_path / "kb") as index:
        report = quickly({"bm25": index.bm25()}, strict, names)
        relevant = [query.relevant for query in report.per_query()]
        report.save(tmp_path / "out")
    run, results = report.runs["bm25"], report.results
    for relevance, same in ((2, True), (1, False)):
        found = score(run, strict.qrels, names, relevance=relevance)
        for name in names:
            equal = found.values[name].tolist() == report.scores["bm25"].values[name].tolist()
            assert equal == (same or name == "nDCG@10"), (name, relevance)
    assert results.collection.relevance == 2
    assert results.collection.relevant_per_query == 2 / 3
    assert relevant == [1, 1, 0]
    read = read_results(tmp_path / "out")
    assert isinstance(read, CollectionResults) and read.collection.relevance == 2
    for name, shown in (
        ("report.md", "grade >= 2"),
        ("report.tex", r"grade \textgreater{}= 2"),
        ("report.html", "grade &gt;= 2"),
    ):
        assert shown in (tmp_path / "out" / name).read_text(encoding="utf-8").replace("\\>", ">")


def test_results_say_how_sure_their_intervals_are(small: Collection, kb: Index) -> None:
    report = quickly({"a": kb.bm25(), "b": kb.likelihood()}, small, baseline="a", confidence=0.8, alpha=0.01)
    assert report.results.confidence == 0.8
    assert "80% intervals" in str(report)
    assert macro_results([report], confidence=0.9).confidence == 0.9


def test_one_measure_may_stand_alone_and_wrong_names_are_named(small: Collection, kb: Index) -> None:
    report = quickly({"bm25": kb.bm25()}, small, "RR@10")
    assert report.results.measures == ["RR@10"]
    with pytest.raises(InvalidInput, match="no pipeline is called 'x'; there are bm25"):
        report.mean("x", "RR@10")


@pytest.mark.parametrize("name", ["../x y", "", " a", "a\n", 3])
def test_a_name_that_no_run_can_have_is_refused_first(small: Collection, name: Any) -> None:
    class Unused:
        name = "never"
        passages = None

        def search(self, *_words: object, **_options: object) -> None:
            raise AssertionError("it was searched")

    with pytest.raises(InvalidInput, match="must be text without blanks"):
        quickly({name: Unused()}, small, ["RR@10"])

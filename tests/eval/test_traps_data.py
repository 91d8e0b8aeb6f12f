"""The traps of evaluation that lie in the data, one test each, named after the trap."""

import csv
import io
import json
from pathlib import Path
from statistics import fmean

import pytest
from contracts.collection_folder import CORPUS, QRELS, QUERIES, jsonl, make

import spaniel
from spaniel.eval.collections import registry
from spaniel.eval.collections.registry import Seen, entries, info_of
from spaniel.eval.qrels import checked_qrels
from spaniel.retrieval.errors import InvalidInput

HEADER = "query-id\tcorpus-id\tscore\n"


def as_beir_writes(rows: list[tuple[str, str, int]]) -> str:
    """Qrels as BEIR's own tools write them: Python's csv, tabs, QUOTE_MINIMAL, CRLF."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter="\t", quoting=csv.QUOTE_MINIMAL)
    writer.writerow(["query-id", "corpus-id", "score"])
    writer.writerows(rows)
    return out.getvalue()


def test_self_retrieval_is_flagged_for_arguana_and_quora_only() -> None:
    flagged = {name for name, entry in entries().items() if entry.drop_self}
    assert flagged == {"arguana", "quora"}


def test_self_retrieval_in_an_unknown_collection_is_noticed(tmp_path: Path) -> None:
    found = spaniel.collection(make(tmp_path, {"corpus.jsonl": jsonl({**CORPUS, **QUERIES})}))
    assert found.counts["queries_in_corpus"] == 2
    assert not found.info.drop_self
    assert found.warnings == ("2 queries stand in the corpus under their own id; a retriever finds them first",)


def test_self_retrieval_in_arguana_needs_no_warning(tmp_path: Path) -> None:
    found = spaniel.collection(make(tmp_path / "arguana", {"corpus.jsonl": jsonl({**CORPUS, **QUERIES})}))
    assert found.info.drop_self
    assert not any("finds them first" in warning for warning in found.warnings)


def test_equal_ids_of_a_query_and_another_document_are_no_self_retrieval(shared_data: Path) -> None:
    """Cranfield numbers both from 1. Dropping identical ids, as BEIR does by default, would lose good documents."""
    found = spaniel.collection(shared_data / "cranfield")
    assert found.counts["queries_with_a_documents_id"] == 225
    assert found.counts["queries_in_corpus"] == 0
    assert not found.info.drop_self
    assert found.warnings == ()


def test_the_header_line_of_beir_qrels_is_no_judgement(tmp_path: Path) -> None:
    with_header = spaniel.collection(make(tmp_path / "a"))
    without = spaniel.collection(make(tmp_path / "b", {"qrels/test.tsv": QRELS.removeprefix(HEADER)}))
    assert with_header.qrels == without.qrels
    assert "query-id" not in with_header.qrels


def test_a_first_line_that_is_no_header_is_not_stepped_over(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"test\.tsv:1: the grade 'one'"):
        spaniel.collection(make(tmp_path, {"qrels/test.tsv": "q1\td1\tone\nq1\td2\t1\n"}))


@pytest.mark.parametrize("id_", ['"Heroes"_(album)', '"', 'a "b" c', '"quoted"', "it's", 'tab"in', '""'])
def test_quotes_come_back_as_csv_wrote_them(tmp_path: Path, id_: str) -> None:
    files = {
        "corpus.jsonl": jsonl({id_: "x", "d1": "y"}),
        "qrels/test.tsv": as_beir_writes([("q1", id_, 1), ("q2", "d1", 1)]),
    }
    found = spaniel.collection(make(tmp_path, files))
    assert found.qrels == {"q1": {id_: 1}, "q2": {"d1": 1}}
    assert found.counts["absent_documents_judged"] == 0


@pytest.mark.parametrize("id_", ['"Heroes"_(album)', '"open', 'x"y'])
def test_quotes_that_csv_did_not_write_stay_and_swallow_no_line(tmp_path: Path, id_: str) -> None:
    files = {"corpus.jsonl": jsonl({id_: "x", "d1": "y"}), "qrels/test.tsv": f"{HEADER}q1\t{id_}\t1\nq2\td1\t1\n"}
    assert spaniel.collection(make(tmp_path, files)).qrels == {"q1": {id_: 1}, "q2": {"d1": 1}}


def test_ids_with_blanks_are_read_where_columns_are_tabs(tmp_path: Path) -> None:
    files = {
        "corpus.jsonl": jsonl({"d 1": "x", "d2": "y"}),
        "queries.jsonl": jsonl({"q 1": "x"}),
        "qrels/test.tsv": f"{HEADER}q 1\td 1\t1\nq 1\td2\t0\n",
    }
    assert spaniel.collection(make(tmp_path, files)).qrels == {"q 1": {"d 1": 1, "d2": 0}}


@pytest.mark.parametrize("line", ["q 1 0 d1 1", "q1 0 d 1 1", "q 1\td1\t1"])
def test_ids_with_blanks_are_an_error_where_they_would_shift_the_columns(tmp_path: Path, line: str) -> None:
    with pytest.raises(InvalidInput, match=r"test\.tsv:1: ") as caught:
        spaniel.collection(make(tmp_path, {"qrels/test.tsv": line + "\n"}))
    assert caught.value.hint


def test_three_columns_divided_by_blanks_are_neither_beir_nor_trec(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"test\.tsv:1: three columns divided by blanks"):
        spaniel.collection(make(tmp_path, {"qrels/test.tsv": "q1 d1 1\n"}))


def test_grades_are_python_ints_whatever_the_file_says(tmp_path: Path) -> None:
    """pytrec_eval refuses NumPy's integers and floats."""
    found = spaniel.collection(make(tmp_path, {"qrels/test.tsv": f"{HEADER}q1\td1\t1.0\nq1\td2\t-1\nq2\td3\t2\n"}))
    assert found.qrels == {"q1": {"d1": 1, "d2": -1}, "q2": {"d3": 2}}
    assert all(type(grade) is int for grades in found.qrels.values() for grade in grades.values())
    assert checked_qrels(found.qrels) is found.qrels


def test_grades_between_whole_numbers_are_not_rounded_in_silence(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"test\.tsv:2: the grade '0\.5'"):
        spaniel.collection(make(tmp_path, {"qrels/test.tsv": f"{HEADER}q1\td1\t0.5\n"}))


def test_queries_without_a_relevant_document_are_kept_and_counted(tmp_path: Path) -> None:
    found = spaniel.collection(make(tmp_path, {"qrels/test.tsv": f"{HEADER}q1\td1\t1\nq2\td3\t0\n"}))
    assert list(found.queries) == ["q1", "q2"]
    assert found.counts["queries_without_relevant"] == 1
    assert "lower every mean" in found.warnings[0]


def test_queries_without_judgements_are_not_run_and_counted(tmp_path: Path) -> None:
    found = spaniel.collection(make(tmp_path, {"queries.jsonl": jsonl({**QUERIES, "q3": "cat"})}))
    assert "q3" not in found.queries
    assert found.counts["queries_without_judgements"] == 1


def test_relevant_documents_that_the_corpus_lacks_stay_in_the_denominator(tmp_path: Path) -> None:
    """trec_eval counts them too; published recall is over all judgements."""
    found = spaniel.collection(make(tmp_path, {"qrels/test.tsv": QRELS + "q2\tgone\t1\n"}))
    assert found.qrels["q2"] == {"d3": 1, "gone": 1}
    assert found.counts["absent_documents_judged"] == 1


def test_title_and_text_stay_apart(tmp_path: Path) -> None:
    """Flat or multifield is the retriever's choice; joining them here would make it in silence."""
    line = json.dumps({"_id": "d1", "title": "Red", "text": "fox"}) + "\n"
    (document,) = spaniel.collection(make(tmp_path, {"corpus.jsonl": line})).documents()
    assert (document.title, document.text) == ("Red", "fox")


def test_published_bm25_says_whether_it_is_flat_or_multifield(shared_data: Path) -> None:
    figures = spaniel.collection(shared_data / "scifact").info.published
    bm25 = {
        figure.system: figure for figure in figures if figure.system.startswith("BM25") and figure.measure == "nDCG@10"
    }
    assert {name: figure.value for name, figure in bm25.items()} == {"BM25 (flat)": 0.6789, "BM25 (multifield)": 0.6647}
    assert "one field" in bm25["BM25 (flat)"].source
    assert "two fields" in bm25["BM25 (multifield)"].source


def test_corpora_of_the_same_name_that_differ_are_told_apart(tmp_path: Path) -> None:
    """Touché of MTEB is a relabelled subset of BEIR's; figures of one say nothing about the other."""
    found = spaniel.collection(make(tmp_path / "webis-touche2020"))
    assert found.info.matched_by == "name"
    assert found.info.published == ()
    assert "published figures are for another corpus" in found.warnings[0]


def test_every_collection_carries_the_sha256_of_its_files(tmp_path: Path) -> None:
    first = spaniel.collection(make(tmp_path / "a" / "toy")).sha256
    again = spaniel.collection(make(tmp_path / "b" / "toy", {"qrels/test.tsv.gz": QRELS})).sha256
    assert first == again
    assert set(first) == {"corpus", "queries", "qrels"}
    changes = {
        "corpus": {"corpus.jsonl": jsonl({**CORPUS, "d3": "blue whales"})},
        "queries": {"queries.jsonl": jsonl({**QUERIES, "q2": "whales"})},
        "qrels": {"qrels/test.tsv": QRELS.replace("d3\t1", "d3\t2")},
    }
    for part, files in changes.items():
        other = spaniel.collection(make(tmp_path / part / "toy", files)).sha256
        assert {name for name in first if first[name] != other[name]} == {part}


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c"])
def test_separators_of_lines_inside_json_strings_end_no_line(tmp_path: Path, separator: str) -> None:
    text = f"red{separator}fox"
    escape = ord(separator) < 0x20  # JSON allows control characters in their escaped form only
    files = {
        "corpus.jsonl": json.dumps({"_id": "d1", "text": text}, ensure_ascii=escape) + "\n" + jsonl({"d2": "y"}),
        "queries.jsonl": json.dumps({"_id": "q1", "text": text}, ensure_ascii=escape) + "\n",
        "qrels/test.tsv": f"{HEADER}q1\td1\t1\n",
    }
    found = spaniel.collection(make(tmp_path, files))
    assert found.queries["q1"] == text
    assert [document.text for document in found.documents()] == [text, "y"]


def test_byte_order_marks_and_carriage_returns_are_no_part_of_ids(tmp_path: Path) -> None:
    plain = {"corpus.jsonl": jsonl(CORPUS), "queries.jsonl": jsonl(QUERIES), "qrels/test.tsv": QRELS}
    odd = {name: "\ufeff" + text.replace("\n", "\r\n") for name, text in plain.items()}
    found, wanted = spaniel.collection(make(tmp_path / "a", odd)), spaniel.collection(make(tmp_path / "b", plain))
    assert (found.queries, found.qrels, found.warnings) == (wanted.queries, wanted.qrels, ())
    assert list(found.documents()) == list(wanted.documents())


def test_ms_marco_dev_is_rr_at_10_and_trec_dl_counts_grade_2_for_binary_measures() -> None:
    rules = {}
    for split, queries in (("dev", 6980), ("test", 43), ("dl20", 54)):
        info, _ = info_of(Seen("msmarco", split, "", entries()["msmarco"].documents, queries))
        rules[split] = (info.official_measure, info.relevance)
    assert rules == {"dev": ("RR@10", 1), "test": ("nDCG@10", 2), "dl20": ("nDCG@10", 2)}


def test_cqadupstack_is_twelve_collections_and_never_one_pool(tmp_path: Path) -> None:
    for forum in entries()["cqadupstack"].parts:
        make(tmp_path / "cqadupstack" / forum)
    whole = spaniel.collection(tmp_path / "cqadupstack")
    assert len(whole.info.parts) == len(whole.parts()) == 12
    assert whole.queries == whole.qrels == {}


def test_ms_marco_is_in_no_mean_of_beir() -> None:
    """Most models have been trained on it."""
    data, system = registry._data("published.toml"), "all-minilm-l6-v2"
    public = [name for name, entry in entries().items() if entry.family == "beir" and entry.md5 and not entry.parts]
    assert "msmarco" in public
    values = {name: data["figures"][name][system][0] for name in public}
    mean = data["means"]["public"][system][0]
    assert fmean(values.values()) > mean + 1
    del values["msmarco"]
    assert fmean(values.values()) == pytest.approx(mean, abs=0.0501)

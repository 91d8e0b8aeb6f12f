"""Qrels in both forms, and every way in which they can be odd."""

from pathlib import Path

import pytest

from spaniel.eval.collections.judgements import QrelsFile, read_judgements
from spaniel.retrieval.errors import InvalidInput


def read(folder: Path, text: str | bytes, name: str = "test.tsv") -> QrelsFile:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_judgements(path)


@pytest.mark.parametrize(
    "text",
    [
        "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t0\n",
        "q1\td1\t1\nq2\td2\t0\n",
        "q1\td1\t1\r\nq2\td2\t0\r\n",
        "\ufeffquery-id\tcorpus-id\tscore\r\n\r\nq1\td1\t1\n  \nq2\td2\t0",
        "q1 0 d1 1\nq2 0 d2 0\n",
        "q1\tQ0\td1\t1\nq2\tQ0\td2\t0\n",
        "  q1   0  d1   1 \n\nq2 0 d2 0",
    ],
)
def test_forms(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text)
    assert found.qrels == {"q1": {"d1": 1}, "q2": {"d2": 0}}
    assert found.form == ("trec" if "0  d" in text or " 0 d" in text or "Q0" in text else "beir")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("q1 d1 1\n", 1, "three columns divided by blanks"),
        ("q1\td1\n", 1, "not a judgement"),
        ("q 1\td1\t1\n", 1, "three columns by tabs but four by blanks"),
        ("q1\td1\t1\nq1 0 d2 1\n", 2, "not three columns divided by tabs"),
        ("q1 0 d1 1\nq1\td2\t1\n", 2, "not four columns"),
        ("q1 0 d1 1\nq1 0 d 2 1\n", 2, "not four columns"),
        ("query-id\tcorpus-id\tscore\nq1\td1\n", 2, "not three columns"),
        ("query-id\tcorpus-id\tscore\nq1\t\t1\n", 2, "not three columns"),
        ("query-id\tscore\tcorpus-id\nq1\t1\td1\n", 1, "unknown header"),
        ("q1\td1\tx\n", 1, "the grade 'x' is not a whole number"),
        ("q1\td1\t0.5\n", 1, "the grade '0.5' is not a whole number"),
        ("q1\td1\tnan\n", 1, "the grade 'nan'"),
        ("q1\td1\tinf\n", 1, "the grade 'inf'"),
        ("q1\td1\t1\nq1\td2\t1_0\n", 2, "the grade '1_0' is not a whole number"),
        ("q1 0 d1 1_0\n", 1, "the grade '1_0' is not a whole number"),
        ("q1\td1\t1e1\n", 1, "the grade '1e1' is not a whole number"),
        ("q1\td1\t\u0663\n", 1, "is not a whole number"),
        (f"q1\td1\t{'9' * 400}\n", 1, "is not a whole number of usual size"),
        ("q1\td1\t99999999999\n", 1, "usual size"),
        (b"q1\td\xff\t1\n", 1, "invalid UTF-8"),
        ("q\td\t1\n".encode("utf-16"), 1, "UTF-16"),
    ],
)
def test_what_cannot_be_read_in_one_way_is_an_error_with_its_line(
    tmp_path: Path, text: str | bytes, line: int, says: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(tmp_path, text)
    assert caught.value.where == f"{tmp_path / 'test.tsv'}:{line}"
    assert says in caught.value.what
    assert caught.value.hint


def test_contradicting_grades_name_both_lines(tmp_path: Path) -> None:
    for text in (
        "query-id\tcorpus-id\tscore\n\nq1\td1\t1\nq2\td1\t0\nq1\td1\t2\n",
        "\n\nq1 0 d1 1\nq2 0 d1 0\nq1 0 d1 2",
    ):
        with pytest.raises(InvalidInput, match=r"test\.tsv:5: .*'q1'.*'d1' have grade 2, and line 3 says 1"):
            read(tmp_path, text)


def test_odd_things_are_read_and_counted(tmp_path: Path) -> None:
    found = read(tmp_path, "q1\td1\t1.0\nq1\td2\t-1\nq1\td1\t1\nq2\td1\t+2\n\n")
    assert found.qrels == {"q1": {"d1": 1, "d2": -1}, "q2": {"d1": 2}}
    assert (found.judgements, found.odd, found.negative, found.duplicates, found.blank) == (3, 2, 1, 1, 1)


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    for text in ("", "\n\n", "query-id\tcorpus-id\tscore\n"):
        with pytest.raises(InvalidInput, match="holds no judgement"):
            read(tmp_path, text)


def test_separators_of_lines_inside_ids_do_not_end_a_line(tmp_path: Path) -> None:
    found = read(tmp_path, "query-id\tcorpus-id\tscore\nq\u2028a\td\u00851\t1\n")
    assert found.qrels == {"q\u2028a": {"d\u00851": 1}}

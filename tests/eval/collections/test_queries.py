"""Queries and topics in every form."""

from pathlib import Path

import pytest

from spaniel.eval.collections.queries import Queries, read_answers, read_queries
from spaniel.retrieval.errors import InvalidInput

CLASSIC = """<top>

<num> Number: 301
<title> International Organized Crime

<desc> Description:
Identify organizations that participate in international
criminal activity.

<narr> Narrative:
A relevant document must as a minimum identify the organization.

</top>

<top>
<num> Number: 302 </num>
<title> Topic: Poliomyelitis and Post-Polio </title>
</top>
"""


def read(folder: Path, name: str, text: str | bytes) -> Queries:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_queries(path)


def test_classic_topics(tmp_path: Path) -> None:
    for name in ("topics.txt", "topics.301-450", "x.topics"):
        found = read(tmp_path, name, CLASSIC.replace("\n", "\r\n") if name == "x.topics" else CLASSIC)
        assert found.texts == {"301": "International Organized Crime", "302": "Poliomyelitis and Post-Polio"}
        assert found.meta["301"] == {
            "description": "Identify organizations that participate in international criminal activity.",
            "narrative": "A relevant document must as a minimum identify the organization.",
        }
        assert found.meta["302"] == {}


def test_a_topic_without_a_number_or_title_is_named_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"topics\.txt:15: a topic without <title>"):
        read(tmp_path, "topics.txt", CLASSIC.replace("<title> Topic: Poliomyelitis and Post-Polio </title>", ""))
    with pytest.raises(InvalidInput, match=r"topics\.txt:1: a topic without <num>"):
        read(tmp_path, "topics.txt", CLASSIC.replace("<num> Number: 301", ""))


@pytest.mark.parametrize("name", ["queries.tsv", "topics.txt"])
def test_columns(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, name, '\ufeff1\twhat is "rrf"\r\n\r\n2\ta\tb\r\n')
    assert found.texts == {"1": 'what is "rrf"', "2": "a\tb"}
    assert found.blank == 1
    with pytest.raises(InvalidInput, match=f"{name}:2: not a query"):
        read(tmp_path, name, "1\tone\ntwo\n")


@pytest.mark.parametrize("name", ["queries.jsonl", "topics.txt"])
def test_json_lines(tmp_path: Path, name: str) -> None:
    lines = '{"_id": "1", "text": "a", "metadata": {"k": 1}}\n{"qid": 2, "query": "b", "split": "x"}\n'
    found = read(tmp_path, name, lines)
    assert found.texts == {"1": "a", "2": "b"}
    assert found.meta == {"1": {"k": 1}, "2": {"split": "x"}}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"_id": "1"}', "no text"),
        ('{"text": "a"}', "no id"),
        ('{"_id": "", "text": "a"}', "the id"),
        ('{"_id": 1.5, "text": "a"}', "the id"),
        ('{"_id": true, "text": "a"}', "the id"),
        ('{"_id": "1", "text": null}', "the text"),
        ('["1", "a"]', "must be a JSON object"),
        ('{"_id": "1", "text": "a"', "not a JSON object on one line"),
        ('{"_id": "1", "text": "\\ud800"}', "not a JSON object on one line"),
    ],
)
def test_malformed_records_are_named_by_file_and_line(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=r"queries\.jsonl:2") as caught:
        read(tmp_path, "queries.jsonl", '{"_id": "0", "text": "z"}\n' + line)
    assert says in caught.value.what


def test_the_same_query_twice(tmp_path: Path) -> None:
    assert read(tmp_path, "queries.tsv", "1\ta\n1\ta\n2\t\n").duplicates == 1
    with pytest.raises(InvalidInput, match=r"queries\.tsv:3: query '1' has another text than in line 1"):
        read(tmp_path, "queries.tsv", "1\ta\n2\tb\n1\tc\n")
    with pytest.raises(InvalidInput, match="holds no query"):
        read(tmp_path, "queries.tsv", "\n")


def test_answers(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text('{"_id": "1", "answers": ["x"], "answerable": true}\n')
    assert read_answers(path) == {"1": {"answers": ["x"], "answerable": True}}
    path.write_text('{"_id": "1", "answers": ["x"]}\n{"_id": "1", "answers": ["y"]}\n')
    with pytest.raises(InvalidInput, match=r"answers\.jsonl:2: query '1' has answers already"):
        read_answers(path)

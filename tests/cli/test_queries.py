"""Files of queries, and what is said about lines that are none."""

import gzip
import json
from pathlib import Path

import pytest

from spaniel.cli.queries import read_queries
from spaniel.retrieval.errors import InvalidInput


def written(path: Path, data: str | bytes) -> Path:
    raw = data.encode() if isinstance(data, str) else data
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_both_forms(tmp_path: Path, ending: str) -> None:
    lines = [{"_id": "a", "text": "één"}, {"id": 7, "query": "two"}, {"qid": "c", "question": "three", "title": "no"}]
    jsonl = written(tmp_path / f"q.jsonl{ending}", "\n\n".join(json.dumps(line) for line in lines))
    tsv = written(tmp_path / f"q.tsv{ending}", "\ufeffa\téén\r\n7\ttwo\n\nc\tthree\n")
    for path in (jsonl, tsv):
        assert [(query.id, query.text) for query in read_queries(path)] == [("a", "één"), ("7", "two"), ("c", "three")]


def test_token_weights(tmp_path: Path) -> None:
    lines = '{"id": "1", "vector": {"red": 2, "blue": 0}}\n{"id": "2", "text": "t", "vector": {"red": 0.5}}\n'
    first, second = read_queries(written(tmp_path / "q.jsonl", lines))
    assert (first.text, first.weights) == ("", {"red": 2.0})
    assert (second.text, second.weights) == ("t", {"red": 0.5})


def test_a_tab_in_the_text_stays(tmp_path: Path) -> None:
    assert read_queries(written(tmp_path / "q.tsv", "1\ta\tb"))[0].text == "a\tb"


@pytest.mark.parametrize(
    ("name", "data", "named"),
    [
        ("q.txt", "hello", r"\.jsonl or \.tsv"),
        ("q.gz", "hello", r"\.jsonl or \.tsv"),
        ("q.tsv", "1\ta\nno tab here", r"q\.tsv:2: not `id<TAB>text`: 'no tab here'"),
        ("q.tsv", "1\ta\n1\tb", r"q\.tsv:2: query id '1' stands there twice"),
        ("q.tsv", b"1\tok\n2\t\xff", r"q\.tsv:2: not UTF-8"),
        ("q.tsv", "\n\n", "no query in it"),
        ("q.tsv", "1\t" + "x" * (1 << 20), r"q\.tsv:1: the line is longer"),
        ("q.jsonl", "{", r"q\.jsonl:1: not JSON"),
        ("q.jsonl", "[1]", "not a JSON object"),
        ("q.jsonl", '{"text": "x"}', "no id"),
        ("q.jsonl", '{"id": true, "text": "x"}', "no id"),
        ("q.jsonl", '{"id": "1", "text": null}', "no text"),
        ("q.jsonl", '{"id": "1", "text": 3, "vector": {"a": 1}}', "no text"),
        ("q.jsonl", '{"id": "1", "vector": {"a": -1}}', "at least 0"),
        ("q.jsonl", '{"id": "1", "vector": {"a": NaN}}', "at least 0"),
        ("q.jsonl", '{"id": "1", "vector": {"a": true}}', "at least 0"),
        ("q.jsonl", '{"id": "1", "vector": [1]}', "not an object"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, name: str, data: str | bytes, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        read_queries(written(tmp_path / name, data))


def test_damaged_gzip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "q.tsv.gz"
    path.write_bytes(gzip.compress(b"".join(b"%d\ta\n" % i for i in range(1000)))[:-20])
    with pytest.raises(InvalidInput, match="damaged gzip"):
        read_queries(path)
    path.write_bytes(b"not gzip")
    with pytest.raises(InvalidInput, match="damaged gzip"):
        read_queries(path)

"""`spaniel index neighbours` and `duplicates`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]


def test_neighbours(spaniel: Run, hybrid: Path) -> None:
    done = spaniel("index", "neighbours", hybrid, "dogs", "-k", "2", "--json")
    assert done.code == 0, done.err
    assert done.data["id"] == "dogs"
    assert [hit["id"] for hit in done.data["hits"]] == ["cats", "esc"]
    assert spaniel("index", "neighbours", hybrid, "dogs").out.count("\n") == 3
    missing = spaniel("index", "neighbours", hybrid, "cows", "--json")
    assert missing.code == 2 and "'cows'" in missing.error["message"]


def test_duplicates(spaniel: Run, hybrid: Path, tmp_path: Path) -> None:
    none = spaniel("index", "duplicates", hybrid)
    assert (none.code, none.out, none.err) == (1, "", "nothing found\n")
    again = '{"_id": "copy", "title": "Office dogs", "text": "Dogs may come to the office."}\n'
    (tmp_path / "copy.jsonl").write_text(again)
    spaniel("index", "add", tmp_path / "copy.jsonl", hybrid)
    done = spaniel("index", "duplicates", hybrid, "--json")
    assert (done.code, done.data) == (0, {"threshold": 0.95, "groups": [["dogs", "copy"]]})
    assert spaniel("index", "duplicates", hybrid).out == "dogs\tcopy\n"
    assert spaniel("index", "duplicates", hybrid, "--threshold", "2").code == 2


def test_an_index_of_words_has_no_neighbours(spaniel: Run, kb: Path) -> None:
    for words in (["neighbours", kb, "dogs"], ["duplicates", kb]):
        done = spaniel("index", *words, "--json")
        assert done.code == 2
        assert done.error["type"] == "InvalidInput"

"""Results show what documents hold, and never as markup."""

import json
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from spaniel.retrieval.results import Hit, Results
from spaniel.retrieval.trec import read_run
from spaniel.retrieval.types import Passage, StageRecord


def results(*texts: str, title: str = "") -> Results:
    hits = [
        Hit(rank, 10.0 - rank // 2, f"p{rank}", Passage(f"p{rank}", "d", 0, len(text), text, title, {"year": rank}))
        for rank, text in enumerate(texts, 1)
    ]
    return Results("a <query>", tuple(hits), (StageRecord("bm25", 0, len(hits), 1.5),), ms=2.25)


def test_is_a_sequence_of_hits() -> None:
    found = results("one", "two", "three")
    assert len(found) == 3
    assert found[1].text == "two"
    assert [hit.id for hit in found[:2]] == ["p1", "p2"]
    assert found[0] in found
    assert not results()


def test_dict_has_the_published_shape_and_is_json() -> None:
    found = json.loads(json.dumps(results("one").to_dict()))
    hit = {"rank": 1, "score": 10.0, "id": "p1", "title": "", "text": "one", "meta": {"year": 1}}
    assert found == {"query": "a <query>", "hits": [hit], "ms": 2.25}


def test_trec_lines_keep_the_order_of_ties() -> None:
    found = results("one", "two", "three", "four")
    assert [id_ for id_, _ in read_run(found.to_trec("q7").splitlines())["q7"]] == ["p1", "p2", "p3", "p4"]


def test_explain_is_a_table() -> None:
    assert results("one").explain().splitlines() == [
        "stage  in  out    ms",
        "bm25    -    1  1.50",
        "total        1  2.25",
    ]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        assert not attrs

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@given(st.text(max_size=60), st.sampled_from(["<script>alert(1)</script>", "a & b", "</td><b onclick='x'>"]))
def test_html_holds_our_tags_only(text: str, hostile: str) -> None:
    parser = Tags()
    parser.feed(results(hostile + text, title=hostile)._repr_html_())
    parser.close()
    assert parser.tags == {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert hostile in " ".join(parser.words)

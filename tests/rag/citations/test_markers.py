"""References in the forms in which models write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rag.citations.markers import parse_markers


def numbers(text: str, n: int = 9) -> list[tuple[int, int]]:
    return [(mark.low, mark.high) for mark in parse_markers(text, n).marks]


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("[1]", [(1, 1)]),
        ("[ 1 , 2 ]", [(1, 1), (2, 2)]),
        ("[1][2]", [(1, 1), (2, 2)]),
        ("[1-3]", [(1, 3)]),
        ("[1–3; 7]", [(1, 3), (7, 7)]),
        ("[1 and 2]", [(1, 1), (2, 2)]),
        ("[^4]", [(4, 4)]),
        ("[passage 2]", [(2, 2)]),
        ("[Sources 2, 3]", [(2, 2), (3, 3)]),
        ("【5】", [(5, 5)]),
        ("【5†L3-L9】", [(5, 5)]),
        ("⁷", [(7, 7)]),
        ("[12345]", [(12345, 12345)]),
        ("[3-1]", [(3, 3)]),
        ("[1](https://example.org/x)", [(1, 1)]),
        ("[citation:1]", [(1, 1)]),
        ("[source: 1]", [(1, 1)]),
        ("［1］", [(1, 1)]),
        ("[\u200b1\u2060]", [(1, 1)]),
        ("[1, p. 3]", [(1, 1)]),
        ("[ 1 , and 2 ]", [(1, 1), (2, 2)]),
        ("[p. 1]", [(1, 1)]),
        ("[see 1]", [(1, 1)]),
        ("[see passage 1, 2]", [(1, 1), (2, 2)]),
        ("[cf. 1]", [(1, 1)]),
        (r"\[1\]", [(1, 1)]),
        (r"\[1, 2]", [(1, 1), (2, 2)]),
        ("【4†a name of more letters than were read before this】", [(4, 4)]),
        ("【4:0†source】", [(-1, -1)]),
        ("【4:0】", [(-1, -1)]),
    ],
)
def test_numbers(written: str, named: list[tuple[int, int]]) -> None:
    parsed = parse_markers(f"It is so {written}. Yes", 9)
    assert parsed.text == "It is so. Yes"
    assert [(mark.low, mark.high) for mark in parsed.marks] == named
    assert {mark.at for mark in parsed.marks} == {8}


@pytest.mark.parametrize(
    ("written", "quotes"),
    [
        ('[1: "the words"]', ["the words"]),
        ("[1: “the words”]", ["the words"]),
        ("[1 «the words»]", ["the words"]),
        ('[1, "the words."]', ["the words."]),
        ('[1: "he said "so" twice"]', ['he said "so" twice']),
        ('[1: "one"; 2: "two"]', ["one", "two"]),
        ('[1: "one", 2]', ["one", ""]),
        ('[1: "it\'s [3] there"]', ["it's [3] there"]),
        ("[1: 'the words']", ["the words"]),
        ("[1: the words]", ["the words"]),
        (r'\[1: "the words"\]', ["the words"]),
        (r"\[1: the words\]", ["the words"]),
    ],
)
def test_quotes(written: str, quotes: list[str]) -> None:
    parsed = parse_markers(f"It is so {written}.", 9)
    assert parsed.text == "It is so."
    assert [mark.quote for mark in parsed.marks] == quotes


def test_quoted_words_before_a_reference_stay_in_the_text() -> None:
    parsed = parse_markers('They say "the words" [1], and “more words.”[2]', 9)
    assert parsed.text == 'They say "the words", and “more words.”'
    assert [(mark.quote, mark.beside) for mark in parsed.marks] == [("the words", True), ("more words.", True)]


@pytest.mark.parametrize(
    "text",
    [
        "[note]",
        "[1",
        "1]",
        "[]",
        "[12:30]",
        "[a1]",
        "(1)",
        "argv `x[1]` and ```\ny[2]\n``` too",
        "[1:]",
        "[see there]",
        "[p1]",
    ],
)
def test_what_is_none(text: str) -> None:
    parsed = parse_markers(text, 9)
    assert (parsed.text, parsed.marks) == (text, ())


@pytest.mark.parametrize(
    "text",
    [
        "x = data[0] + data[1][2]", "rows[7] first", "self.my_rows[2] too", "a[1] = b[2]", "f(x)[1]", "print(items[2])",
        "y = [1, 2, 3]", "between [0, 1]", "match [0-9]+", "[text][1]", "[2024](https://example.org/x)",
        "x² + y²", "10⁶ of 12 m² or 3km²", "->at[1]", "[x] and [ ]",
        r"data\[0\]", r"\[0, 1\]", r"\[ x = y[1] \]", r"match \[0-9\]+", "[4:0]", "`【4:0†source】` and `\\[1\\]`",
    ],
)  # fmt: skip
def test_what_an_answer_says_for_itself(text: str) -> None:
    parsed = parse_markers(text, 3)
    assert (parsed.text, parsed.marks) == (text, ())


@pytest.mark.parametrize(
    ("text", "bare", "named"),
    [
        ("at the office[1].", "at the office.", [(1, 1)]),
        ("office[1][2].", "office.", [(1, 1), (2, 2)]),
        ("so (they say)[3]", "so (they say)", [(3, 3)]),
        ("office(s)[3]", "office(s)", [(3, 3)]),
        ("since 2024[2]", "since 2024", [(2, 2)]),
        ("since 2024²", "since 2024", [(2, 2)]),
        ("办公室[1]。", "办公室。", [(1, 1)]),
        ("办公室[7]。", "办公室。", [(7, 7)]),
        ("- office[1]", "- office", [(1, 1)]),
        ('it\'s[1: "words"]', "it's", [(1, 1)]),
        ("a_b[1] is so [1]", "a_b[1] is so", [(1, 1)]),
    ],
)
def test_references_right_behind_words(text: str, bare: str, named: list[tuple[int, int]]) -> None:
    assert parse_markers(text, 3).text == bare and numbers(text, 3) == named


def test_superscripts_are_references_only_to_what_there_is() -> None:
    assert numbers("so¹²", 12) == [(12, 12)]
    assert numbers("so¹²", 3) == [(1, 1), (2, 2)]
    assert numbers("so" + "¹" * 5000) == []
    assert numbers("x²", 1) == [] and parse_markers("x²", 1).text == "x²"


def test_what_stands_around_a_reference_makes_none() -> None:
    assert parse_markers("so [[1]2]", 9).text == "so (2)"


@pytest.mark.parametrize(
    "begun",
    ["[", "[1", "[1, ", '[1: "Dogs ba', '[1: "one"; 2', "[passage ", "[see 1", r"\[1", "【4:", "【4†sou", "[1:"],
)
def test_a_reference_that_was_cut_off(begun: str) -> None:
    parsed = parse_markers(f"Dogs bark [2]. At night {begun}", 3, cut=True)
    assert parsed.text == "Dogs bark. At night" and [mark.low for mark in parsed.marks] == [2, -1]
    assert parse_markers(f"Dogs bark {begun}", 3).text == f"Dogs bark {begun}"


@pytest.mark.parametrize(
    "text",
    ["data[0", "a[1", "arr[", "my_rows[2", "y = [1, 2", "[sic", "`print([1", "```\nx\nprint([1", "[12:3", "so (1"],
)
def test_what_was_cut_off_and_is_no_reference(text: str) -> None:
    parsed = parse_markers(text, 3, cut=True)
    assert (parsed.text, parsed.marks) == (text, ())


@given(st.text(alphabet='[]【】12,;:-"“” \\\n`abc¹²†', max_size=60), st.booleans())
def test_places_stand_in_the_text_and_ascend(text: str, cut: bool) -> None:
    parsed = parse_markers(text, 2, cut=cut)
    places = [mark.at for mark in parsed.marks]
    assert places == sorted(places) and all(0 <= place <= len(parsed.text) for place in places)
    assert all(mark.low <= mark.high for mark in parsed.marks)
    assert parse_markers(parsed.text, 2).marks == ()

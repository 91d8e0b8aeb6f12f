"""What a person sees of a document: a piece of it, around the query's words, that cannot steer the terminal."""

from hypothesis import given
from hypothesis import strategies as st

from spaniel.cli.console import printable
from spaniel.cli.show import plain_lines, snippet
from spaniel.retrieval.results import Hit, Results
from spaniel.retrieval.types import Passage


@given(st.text(max_size=2000), st.text(max_size=30), st.integers(20, 300))
def test_snippets_are_short_lines_of_the_text(text: str, query: str, n: int) -> None:
    shown = snippet(text, query, n)
    assert len(shown) <= n + 4
    assert shown.removeprefix("… ").removesuffix(" …") in " ".join(printable(text).split())
    assert shown.isprintable()


def test_snippets_leave_out_underlines_and_rules() -> None:
    text = "Order\n*****\n\n+---+---+\n| a | -- |\n+===+===+\nC++ and ---> stay"
    assert snippet(text, "order") == "Order | a | -- | C++ and ---> stay"


def test_snippets_show_the_words_asked_for() -> None:
    text = "filler words here. " * 40 + "The rotating keys are kept in a vault. " + "more filler. " * 40
    shown = snippet(text, "how do I rotate a key?", 120)
    assert "rotating keys" in shown
    assert shown.startswith("… ")
    assert shown.endswith(" …")


def test_without_the_words_it_is_the_beginning() -> None:
    assert snippet("one two three " * 50, "absent", 20).startswith("one two three")


def test_control_characters_never_reach_the_terminal() -> None:
    hostile = "\x1b]0;owned\x07 \x1b[2J \u202e \x9b text\nnext"
    results = Results("text", (Hit(1, 1.0, f"a{hostile}", Passage("a", "a", 0, 1, hostile, hostile)),))
    (line,) = plain_lines(results)
    assert all(part.isprintable() for part in line.split("\t"))
    assert len(line.split("\t")) == 5


def test_explanations_follow_their_hit() -> None:
    results = Results("t", (Hit(1, 1.0, "a", Passage("a", "a", 0, 1, "t")),), ms=1.0)
    small = {
        "term": "t",
        "field": "contents",
        "tf": 2,
        "df": 3,
        "length": 4,
        "weight": 0.5,
        "value": 0.5,
        "score": 0.25,
    }
    reason = {"id": "a", "score": 1.0, "parts": [small, {**small, "term": "u", "score": 0.75}], "absent": ["v"]}
    lines = list(plain_lines(results, [reason]))
    assert lines[1] == "\t  0.7500 = 0.5000 x 0.5000  u in contents: tf 2, df 3, length 4"
    assert lines[2] == "\t  0.2500 = 0.5000 x 0.5000  t in contents: tf 2, df 3, length 4"
    assert lines[3] == "\t  absent: v"
    assert "total" in lines[-1]

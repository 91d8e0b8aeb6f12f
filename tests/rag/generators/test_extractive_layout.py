"""What of a text is a sentence, and how the rest is said."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.analysis import Analyzer
from spaniel.rag.generators.extractive import layout
from spaniel.rag.generators.extractive.generator import Extractive
from spaniel.rag.generators.extractive.layout import parts_of
from spaniel.rag.generators.extractive.sentences import sentences_of
from spaniel.retrieval.prompt import Excerpt, Prompt
from spaniel.retrieval.types import Passage

WHOLE = "exit code: 0; meaning: done\nexit code: 2; meaning: see errors"
ROWS = [("row", row) for row in WHOLE.splitlines()]
TABLE = "| exit code | meaning |\n|---|---|\n| 0 | done |\n| 2 | see [errors](errors.md) |"


def shown(text: str) -> list[tuple[str, str]]:
    """Form and what is shown, of every sentence."""
    prompt = Prompt("q", (Excerpt.whole(Passage("p", "d", 0, len(text), text)),))
    return [(each.form, each.shown) for each in sentences_of(prompt, Analyzer("english"))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Keys\n\nKeys **expire**\nyearly. See [all](all.md).",
         [("heading", "# Keys"), ("prose", "Keys expire yearly."), ("prose", "See all.")]),
        ("Keys\n****\n\nThey expire.", [("heading", "Keys ****"), ("prose", "They expire.")]),
        ("Install it:\n\n```sh\npip install spaniel\n```\n\nThen run it.",
         [("led", "Install it:\n\n```sh\npip install spaniel\n```"), ("prose", "Then run it.")]),
        ("There are two:\n- one\n- two\n\nNo more.", [("led", "There are two:\n- one\n- two"), ("prose", "No more.")]),
        ("There are many:\n" + "- some of them\n" * 60,
         [("lead", "There are many:"), *[("prose", "some of them")] * 60]),
        ("best = Reranker(key)\n```\n\nKeys expire.", [("code", "best = Reranker(key)"), ("prose", "Keys expire.")]),
        ("judge = \"cosine\"\ntop = 10", [("code", "judge = \"cosine\"\ntop = 10")]),
        (">>> keys()\n[]", [("code", ">>> keys()\n[]")]),
        (TABLE, [("table", WHOLE)]),
        (TABLE + "\n| 3 | x |" * 60, [*ROWS, *[("row", "exit code: 3; meaning: x")] * 60]),
        (TABLE + "\n| | |\n| [ ](key) | |", [("table", WHOLE)]),
        ("| [ ](key) | |", []),
        ("| 7 | cut off |", [("row", "7; cut off")]),
        ("1. Open it. Close it.\n2. > Done", [("prose", "Open it."), ("prose", "Close it."), ("prose", "Done")]),
    ],
)  # fmt: skip
def test_forms(text: str, expected: list[tuple[str, str]]) -> None:
    assert shown(text) == expected


def test_a_row_quotes_the_head_of_its_table() -> None:
    text = TABLE + "\n| 3 | rotated keys |" * 60
    prompt = Prompt("rotated keys", (Excerpt.whole(Passage("p", "d", 0, len(text), text)),))
    piece = next(iter(Extractive(max_sentences=1, threshold=0).generate(prompt)))
    assert piece.text == "exit code: 3; meaning: rotated keys"
    assert [text[each.start : each.end] for each in piece.quoted] == [TABLE.splitlines()[0], "| 3 | rotated keys |"]


def test_a_sentence_is_said_rather_than_code_or_a_heading() -> None:
    text = "# Rotate a key\n\n```\nrotate a key\n```\n\nTo rotate one, the command rotate takes a key."
    prompt = Prompt("how do I rotate a key?", (Excerpt.whole(Passage("p", "d", 0, len(text), text)),))
    (piece, _) = Extractive(max_sentences=1, threshold=0).generate(prompt)
    assert piece.text.startswith("To rotate one")


MARKS = [
    "```",
    "```py\n",
    "\n",
    "\n\n",
    "| a | b |\n",
    "|---|---|\n",
    "- ",
    "# ",
    "key",
    "x = 1",
    ": ",
    ". ",
    ">>> ",
    "****\n",
    "é",
]


@given(st.lists(st.sampled_from(MARKS) | st.text(max_size=5), max_size=30).map("".join))
def test_parts_ascend_and_lie_in_the_text(text: str) -> None:
    last = 0
    for part in parts_of(text):
        assert last <= part.start < part.end <= len(text) and text[part.start : part.end].strip()
        assert part.head is None or (part.form == "row" and part.head[1] <= part.start)
        last = part.end


def test_examples() -> None:
    assert doctest.testmod(layout).failed == 0

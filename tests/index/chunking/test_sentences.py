"""Sentences: a table of hard cases, and what holds for any text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.chunking.sentences import sentence_spans

CASES = {
    "plain": ["The key is rotated.", "Then it is sent!", "Is it?", "Yes."],
    "titles": ["Dr. Ada Lovelace met Mr. Babbage in St. James.", "They spoke."],
    "initials": ["J. K. Rowling and J.R.R. Tolkien wrote it.", "We read it."],
    "initial at the end": ["It was plan B.", "The others failed."],
    "states": ["She moved to the U.S. in 1999.", "He stayed in the U.S.", "They wrote."],
    "months": ["On Jan. 5 it rained.", "It stopped."],
    "latin": ["Use a tool, e.g. Vim, i.e. an editor.", "It helps."],
    "decimals": ["It costs 3.5 dollars vs. 4.25 before.", "Version 2.0 came."],
    "numbered": ["See Fig. 3 and No. 7 of it.", "The answer is no.", "Nobody asked."],
    "ellipsis": ["Well... maybe it works.", "Wait...", "It did."],
    "quotes": ['"Is it?" he asked.', 'She said "No."', "He left."],
    "brackets": ["It works (mostly.)", "[Others] disagree."],
    "company": ["Acme Inc. Limited bought it.", "He left Acme Inc.", "The price fell."],
    "numbers follow": ["It ended in 1945.", "20 years later it began."],
    "german": ["Das ist z.B. Ärger.", "Über uns steht es."],
    "hindi": ["यह एक वाक्य है।", "यह दूसरा है।"],
    "arabic": ["هل هذا صحيح؟", "نعم."],
    "marked": ["**It works.**", "_Really._", "Yes."],
}


@pytest.mark.parametrize("case", CASES)
def test_sentences_are_told_apart(case: str) -> None:
    text = " ".join(CASES[case])
    assert [text[start:end] for start, end in sentence_spans(text)] == CASES[case]


def test_chinese_needs_no_space() -> None:
    text = "他来了。「你好！」她说：走吧？好"
    assert [text[a:b] for a, b in sentence_spans(text)] == ["他来了。", "「你好！」", "她说：走吧？", "好"]


def test_lines_of_lists_headings_and_tables_stand_alone() -> None:
    text = "# Keys. And locks\nFirst line\nof a sentence\n- one\n- two\n1. three\n\n| a | b |\n|---|---|\nlast"
    wanted = ["# Keys. And locks", "First line\nof a sentence", "- one", "- two", "1. three", "| a | b |", "|---|---|"]
    assert [text[a:b] for a, b in sentence_spans(text)] == [*wanted, "last"]


def test_a_blank_line_ends_a_sentence_without_a_mark() -> None:
    text = "no mark here\r\n \r\nnext one"
    assert [text[a:b] for a, b in sentence_spans(text)] == ["no mark here", "next one"]


def test_nothing_has_no_sentences() -> None:
    assert sentence_spans("") == sentence_spans(" \n\t ") == []


@given(st.text(alphabet=st.sampled_from(' \n\r\t.!?。"”)(-#|*1aBc。́\u3000e.g'), max_size=80) | st.text(max_size=60))
def test_spans_hold_all_that_is_not_blank_once_and_in_order(text: str) -> None:
    spans = sentence_spans(text)
    assert all(start < end and text[start:end] == text[start:end].strip() for start, end in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    outside = "".join(
        text[a:b] for a, b in zip([0, *(s[1] for s in spans)], [*(s[0] for s in spans), len(text)], strict=True)
    )
    assert not outside.strip()


@pytest.mark.parametrize("piece", [". ", "\n", ".", " ", "\n ", "a. ", "。", '"', "| ", "A.B. ", "\r\n", "- \n"])
def test_repetition_takes_linear_time(piece: str) -> None:
    n = 200_000 // len(piece)
    assert len(sentence_spans(piece * n)) <= n  # hangs where it is not

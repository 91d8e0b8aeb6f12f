"""Permutations are read out of every form in which models give them, and nothing is made up."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spaniel.rerank.llm.parse import Parsed, parse_order, said

FORMS = [
    "[2] > [1] > [3]",
    "[2]>[1]>[3]",
    "[2] [1] [3]",
    "[2], [1], [3]",
    "(2) > (1) > (3)",
    "2,1,3",
    "2 1 3",
    "2\n1\n3",
    "2 > 1 > 3",
    "[2 > 1 > 3]",
    "[2, 1, 3]",
    "[[2], [1], [3]]",
    "[2] ≥ [1] → [3]",
    "[2] = [1] > [3]",
    "**[2]** > **[1]** > **[3]**",
    '["[2]", "[1]", "[3]"]',
    '["Passage 2", "Passage 1", "Passage 3"]',
    '{"ranking": [2, 1, 3]}',
    '{"reasoning": "[3] is bad", "ranking": ["2", "1", "3"]}',
    '[{"id": 2, "score": 0.9}, {"id": 1, "score": 0.4}, {"id": 3, "score": 0.1}]',
    '```json\n{"ranking": [2, 1, 3]}\n```',
    "1. [2]\n2. [1]\n3. [3]",
    "1. Passage 2\n2. Passage 1\n3. Passage 3",
    "1. 2\n2. 1\n3. 3",
    "Rank 1: Passage 2\nRank 2: Passage 1\nRank 3: Passage 3",
    "- [2]\n- [1]\n- [3]",
    "Passage 2 > Passage 1 > Passage 3",
    "Ranking: 2, 1, 3.",
    "The passages in order are 2, 1, and 3.",
    "Here is the ranking:\n\n2 > 1 > 3",
    "2 > 1 > 3\n\nExplanation: passage 2 is 100 times better; the others are from 2024.",
    "[1] is about keys. [2] is about rotation. [3] is about neither.\nSo: [2] > [1] > [3]",
    "<think>[1] > [2] > [3]? No.</think>[2] > [1] > [3]",
    "the prompt opened it: [3] > [1] > [2]</think>\n\n[2] > [1] > [3]",
    "<|channel|>analysis<|message|>[3] > [1]<|end|><|channel|>final<|message|>[2] > [1] > [3]",
    "<answer>[2] > [1] > [3]</answer>",
    r"The answer is \boxed{[2] > [1] > [3]}.",
]


@pytest.mark.parametrize("text", FORMS)
def test_a_whole_permutation_needs_no_repair(text: str) -> None:
    assert parse_order(text, 3) == Parsed((1, 0, 2), False)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("[2] > [1]", (1, 0, 2)),  # half of it
        ("[2] > [9] > [1] > [3]", (1, 0, 2)),  # a stranger
        ("[2] > [0] > [1] > [3]", (1, 0, 2)),  # 0 is a stranger where 3 is named
        ("[0, 2, 1]", (0, 2, 1)),  # counting from 0
        ('{"ranking": [1, 0, 2]}', (1, 0, 2)),
        ("[2] > [0] > [2] > [1]", (2, 0, 1)),
        ("[2] > [2] > [1] > [3] > [2]", (1, 0, 2)),  # in a loop
        ("[3]", (2, 0, 1)),
        ("The best is passage 3.", (2, 0, 1)),
        ("[2] > [1] > [", (1, 0, 2)),  # cut
    ],
)
def test_what_is_missing_follows_in_the_order_shown(text: str, order: tuple[int, ...]) -> None:
    assert parse_order(text, 3) == Parsed(order, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I cannot rank these.",
        "[7] > [8]",
        '{"1": 2, "2": 1}',
        "<think>[1] > [2]",
        "In 2024, 3 of them were sold",
        "{",
        "[2] > [0]",  # from 0, or from 1 with a stranger?
        "[0]",
    ],
)
def test_nothing_usable_is_none(text: str) -> None:
    assert parse_order(text, 3) is None


def test_behind_the_top_the_others_stay_as_shown() -> None:
    assert parse_order("[4] > [2]", 4, top=2) == Parsed((3, 1, 0, 2), False)
    assert parse_order("[4] > [2] > [3] > [1]", 4, top=2) == Parsed((3, 1, 0, 2), False)
    assert parse_order("[4]", 4, top=2) == Parsed((3, 0, 1, 2), True)
    assert parse_order("[3] > [0]", 4, top=2) == Parsed((3, 0, 1, 2), True)  # counting from 0


def test_letters() -> None:
    for text in ("B A C", "B > A > C", "[B] > [A] > [C]", "B, A, C", "Passage B, Passage A, Passage C", "Order: B A C"):
        assert parse_order(text, 3, letters=True) == Parsed((1, 0, 2), False)
    assert parse_order("A cat and I", 3, letters=True) is None


def test_reasoning_without_an_end_is_no_answer() -> None:
    assert said("<think>so long, and") == ""
    assert said("first <think>so long") == "first"


WORDS = '[ ] > 1 2 17 A B , <think> </think> { } " ** ranking : ( ) <answer> </answer> \\boxed{ - = \ud800 ٣ ² and'
PIECES = st.sampled_from([*WORDS.split(), " ", "\n", " > ", "Passage ", ". "])
ANYTHING = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=60).map("".join))


@given(ANYTHING, st.integers(1, 25), st.one_of(st.none(), st.integers(1, 25)), st.booleans())
@example("[" * 40_000, 3, None, False)
@example("1 " * 20_000 + "x", 3, None, False)
@example("[1] > " * 8_000, 3, None, False)
@example("<answer>" * 6_000, 3, None, False)
@example("A, " * 15_000 + "x", 3, None, True)
@example("-" * 50_000, 3, None, False)
@example("1" + " " * 40_000 + "-" * 9_000, 3, None, False)
def test_any_text_gives_a_permutation_or_none(text: str, n: int, top: int | None, letters: bool) -> None:
    parsed = parse_order(text, n, top=top, letters=letters)
    assert parsed is None or sorted(parsed.order) == list(range(n))
    if parsed and top and top < n:
        assert list(parsed.order[top:]) == sorted(parsed.order[top:])


@given(
    st.permutations(range(1, 13)), st.sampled_from([" > ", ">", ", ", " ", "\n"]), st.booleans(), st.text(max_size=5)
)
def test_a_permutation_comes_back_whatever_is_between(order: list[int], between: str, square: bool, lead: str) -> None:
    text = between.join(f"[{label}]" if square else str(label) for label in order)
    if not any(letter.isalnum() or letter in '[]{}<>()"\\=-~|' for letter in lead):
        text = f"{lead}\n{text}" if between != "\n" else text
    assert parse_order(text, 12) == Parsed(tuple(label - 1 for label in order), False)
    assert parse_order(json.dumps({"order": order}), 12) == Parsed(tuple(label - 1 for label in order), False)

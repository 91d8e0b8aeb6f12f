"""One label is read when it is told surely; `A` may be an article and a passage may be named as the worse one."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spaniel.rerank.llm.labels import parse_choice, parse_preference

SURE = [
    "X", "X.", "(X)", "[X]", "**X**", "Passage X", "Answer: X", "The answer is Passage X", "Output: Passage X",
    "X\n\nBecause it names the key.", "X - it names the key", "X, since Y is off topic",
    "Passage X is more relevant than Passage Y.", "X. Y is off topic.", "X\nBecause of vitamins C, D, and Y",
    "X. No other passage names the key.", "The query is about equally sized keys: Passage X",
    "Between Passage A and Passage B, Passage X is more relevant", "Passage X is clearly the best.",
    "I'd say Passage X",
    "The more relevant passage is X because it names the key", '{"answer": "X"}', "<think>Passage Y?</think>X",
    "<answer>X</answer>", r"\boxed{X}", r"$\boxed{\text{X}}$", "The most relevant passage to the query is: X",
]  # fmt: skip
UNSURE = [
    "", "A passage about keys is better", "Passage A is not more relevant than Passage B",
    "Passage A is less relevant.",
    "Passage A: about keys\nPassage B: about locks", "A or B", "C", "Z", "I cannot tell.", "<think>Passage A", "AB",
    "1",
    "Passage B is worse than Passage A",
    "A, B", "A\nB", "[A], [B]", "A; passage B.", "A, or B", "A: about keys\nB: about locks",  # both
    "Passage A is more relevant? No, passage B is.", "The best one is A? No.", "Is it passage A?",
    "A. No, B.", "Passage A is more relevant. Wait, passage B.",
    "Neither passage is relevant, but A is closer.", "Verdict: tie, but if pressed A",
]  # fmt: skip


@pytest.mark.parametrize("text", SURE)
def test_a_label_that_is_told_surely(text: str) -> None:
    for place, (chosen, other) in enumerate(["AB", "BA"]):
        answer = text.replace("X", chosen).replace("Y", other)
        assert parse_preference(answer) == 1.0 - place
        assert parse_choice(answer, 4) == place


def test_small_letters_alone() -> None:
    assert [parse_preference(text) for text in ("a", "b", "passage b.")] == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("text", UNSURE)
def test_what_is_not_sure_is_none(text: str) -> None:
    assert parse_preference(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Tie",
        "Both passages are equally relevant.",
        "Neither.",
        "Neither A nor B",
        "They are tied",
        "A tie.",
        "A and B are equal.",
    ],
)
def test_a_tie_is_a_half(text: str) -> None:
    assert parse_preference(text) == 0.5


def test_a_choice_lies_among_the_labels() -> None:
    assert parse_choice("D", 4) == 3
    assert parse_choice("D", 3) is None


PIECES = st.sampled_from(
    [
        "A",
        "B",
        "a",
        " ",
        "Passage ",
        "is ",
        "more ",
        "relevant",
        "not ",
        "(",
        ")",
        ":",
        ".",
        "\n",
        "answer",
        "tie",
        "**",
        "than ",
    ]
)


@given(st.one_of(st.text(max_size=100), st.lists(PIECES, max_size=40).map("".join)), st.integers(1, 26))
@example("passage " * 6_000, 3)
@example("answer is " * 5_000, 3)
@example("Passage A is " * 4_000, 3)
@example("(" * 50_000, 3)
def test_any_text_is_read_or_not(text: str, n: int) -> None:
    assert parse_preference(text) in (None, 0.0, 0.5, 1.0)
    assert parse_choice(text, n) in (None, *range(n))

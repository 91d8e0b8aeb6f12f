"""What a model streams, as pieces: thoughts left out, refusals understood, tokens counted."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rag.generators.ledger import Entry
from spaniel.rag.generators.stream import pieces, without_thoughts
from spaniel.rag.prompting import NO_ANSWER
from spaniel.rerank.llm.chat import Delta
from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.prompt import Piece


def cut(text: str, places: list[int]) -> list[Delta]:
    """The text in parts, and the end."""
    borders = [0, *sorted(min(place, len(text)) for place in places), len(text)]
    parts = [text[start:end] for start, end in pairwise(borders)]
    return [*(Delta(part) for part in parts), Delta(finish="stop"), Delta("", "", 12, 3)]


@given(
    st.sampled_from(["", " \n", "<think>", "<think>a <b </think", "x<think>no</think>", "<thinker>", "< think>"]),
    st.text(alphabet="<think/> ab\n", max_size=12),
    st.lists(st.integers(0, 40), max_size=8),
)
def test_thoughts_are_left_out_however_they_are_cut(before: str, after: str, places: list[int]) -> None:
    text = before + after
    held = text.lstrip()
    expected = held
    if held.startswith("<think>"):
        expected = held.partition("</think>")[2].lstrip()
    got = list(without_thoughts(cut(text, places)))
    assert "".join(each.text for each in got).strip() == expected.strip()
    assert [each.finish for each in got if each.finish] == ["stop"]
    assert max(each.prompt_tokens for each in got) == 12


def run(deltas: list[Delta]) -> tuple[Piece, Entry]:
    entry = Entry()
    return list(pieces(deltas, entry, name="m", prompt_tokens=40))[-1], entry


def test_what_the_server_counts_is_kept() -> None:
    last, entry = run([Delta("Yes. [1]"), Delta(finish="stop"), Delta("", "", 33, 4)])
    assert dict(last.usage) == {"prompt_tokens": 33, "answer_tokens": 4, "model_calls": 1}
    assert entry == Entry(33, 4, estimated=False, answered=True)


def test_what_it_does_not_count_is_estimated_and_said_to_be() -> None:
    last, entry = run([Delta("Yes, "), Delta("so it is."), Delta(finish="length")])
    assert dict(last.usage) == {"prompt_tokens": 40, "answer_tokens": 4, "model_calls": 1, "estimated": 1}
    assert last.finish == "length" and entry == Entry(40, 4, estimated=True, answered=True)


def test_a_refusal_is_an_abstention() -> None:
    last, _ = run([*(Delta(f"{word} ") for word in NO_ANSWER.split()), Delta(finish="stop")])
    assert last.finish == "abstain" and "do not answer" in last.reason


@pytest.mark.parametrize(("finish", "hint"), [("length", "more max_tokens"), ("stop", "try again")])
def test_no_word_at_all(finish: str, hint: str) -> None:
    with pytest.raises(ModelError, match="without a word") as caught:
        run([Delta(" \n"), Delta(finish=finish)])
    assert hint in caught.value.hint

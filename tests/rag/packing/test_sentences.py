"""Packing of sentences."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.rag.packing.base import Candidate
from spaniel.rag.packing.sentences import SentencePacker, leading
from spaniel.rag.packing.top_k import TopK
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Passage
from tests.contracts.packer import PackerContract, candidates_of, words


class TestAsItIs(PackerContract):
    packer = SentencePacker()


class TestAround(PackerContract):
    packer = SentencePacker(around=1, max_passages=2, order="source", links=0.0, depth=3)


KEYS = "The castle is old. Guards rotate the red key at noon. Nobody knows why. The moat is deep."


def test_the_sentences_that_speak_of_it_are_taken_in_their_order() -> None:
    candidates = [Candidate(Passage("p", "d", 100, 100 + len(KEYS), KEYS), 1.0)]
    packed = SentencePacker(lead=0.0).pack(
        "Which key do the guards of the moat rotate?", candidates, budget_tokens=13, count=words
    )
    (excerpt,) = packed.excerpts
    assert excerpt.text == "Guards rotate the red key at noon. ... The moat is deep."
    assert excerpt.spans == ((119, 153), (172, 189)) and packed.tokens == 12
    assert packed.numbers == {"sentences": 2, "of": 4, "passages": 1, "tokens_left": 1}


def test_neighbours_and_sentences_that_follow_on_each_other() -> None:
    candidates = [Candidate(Passage("p", "d", 0, len(KEYS), KEYS), 1.0)]
    packed = SentencePacker(around=1).pack("red key", candidates, budget_tokens=14, count=words)
    assert [each.text for each in packed.excerpts] == [KEYS[: KEYS.index(" The moat")]]
    assert packed.excerpts[0].spans == ((0, KEYS.index(" The moat")),)


def test_a_passage_that_a_better_one_names_is_lifted() -> None:
    texts = [
        ("Red Key", "The film Red Key was made by Anna Berg in 1968."),
        ("Blue Key", "The blue one is another key."),
        ("Anna Berg (director)", "She was born in Oslo."),
    ]
    candidates = [
        Candidate(Passage(str(i), str(i), 0, len(text), text, title), 3.0 - i) for i, (title, text) in enumerate(texts)
    ]
    question = "Where was the maker of Red Key born?"
    plain = SentencePacker(links=0.0, prior=3.0).pack(question, candidates, budget_tokens=22, count=words)
    linked = SentencePacker(links=1.0, prior=3.0).pack(question, candidates, budget_tokens=22, count=words)
    assert [each.passage.id for each in plain.excerpts] == ["0", "1"]
    assert [each.passage.id for each in linked.excerpts] == ["0", "2"]


@given(st.integers(0, 30))
@settings(max_examples=40)
def test_the_first_sentences_that_fit(room: int) -> None:
    candidate = Candidate(Passage("p", "d", 7, 7 + len(KEYS), KEYS), 1.0)
    part = leading(candidate, room, words)
    ends = [len("The castle is old."), KEYS.index(" Nobody"), KEYS.index(" The moat"), len(KEYS)]
    fitting = [end for end in ends if words(KEYS[:end]) <= room]
    assert (part is None) == (not fitting)
    if part is not None:
        assert part.text == KEYS[: fitting[-1]] and part.spans == ((7, 7 + fitting[-1]),)


def test_top_k_cuts_at_a_sentence() -> None:
    candidates = candidates_of(["one two three.", "Four five. Six seven eight.", "nine"])
    packed = TopK().pack("", candidates, budget_tokens=6, count=words)
    assert [each.text for each in packed.excerpts] == ["one two three.", "Four five."]
    packed = TopK().pack("", candidates, budget_tokens=5, count=words)  # "Castle four five." is too much
    assert [each.text for each in packed.excerpts] == ["one two three.", "nine"]


def test_a_sentence_of_two_passages_is_shown_once() -> None:
    first, second = KEYS[: KEYS.index(" The moat")], KEYS[KEYS.index("Nobody") :]
    at = len(KEYS) - len(second)
    candidates = [
        Candidate(Passage("d#1", "d", 0, len(first), first), 2.0),
        Candidate(Passage("d#2", "d", at, len(KEYS), second), 1.0),
    ]
    packed = SentencePacker().pack("Why?", candidates, budget_tokens=50, count=words)
    assert " ".join(each.text for each in packed.excerpts) == KEYS


def test_settings_that_cannot_be() -> None:
    for wrong, said in (
        ({"around": -1}, "around is -1; it must be at least 0"),
        ({"prior": float("nan")}, "prior is nan; it must be a number of at least 0"),
        ({"links": -0.5}, "links is -0.5"),
        ({"depth": 0}, "depth is 0; it must be at least 1"),
    ):
        with pytest.raises(InvalidInput, match=said):
            SentencePacker(**wrong)  # type: ignore[arg-type]

"""The extractive generator says what its sources say, word for word, or nothing."""

import doctest
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import spaniel as sp
from spaniel.models.counting import estimated
from spaniel.rag.citations.cited import Cited, cited
from spaniel.rag.generators.extractive import generator as module
from spaniel.rag.generators.extractive import questions
from spaniel.rag.generators.extractive.generator import Extractive
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.prompt import Excerpt, Piece, Prompt
from spaniel.retrieval.protocols import Generator
from spaniel.retrieval.types import Passage

KEYS = "Keys expire after a year. Rotate a key with the command rotate. Old keys are kept for a month."
OIL = "The embargo began in October 1973. By March 1974 the price of oil had risen to nearly $12."


class Letters:
    """An encoder that counts letters."""

    def encode(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        return np.array([[text.lower().count(chr(97 + i)) for i in range(26)] for text in texts], np.float32)


def prompt(question: str, *texts: str, max_tokens: int = 512) -> Prompt:
    excerpts = [Excerpt.whole(Passage(f"p{i}", f"d{i}", 0, len(t), t), score=1 / (i + 1)) for i, t in enumerate(texts)]
    return Prompt(question, tuple(excerpts), max_tokens=max_tokens)


def said(pieces: Sequence[Piece]) -> str:
    return "".join(piece.marked for piece in pieces)


def test_it_is_a_generator() -> None:
    assert isinstance(Extractive(), Generator)


def test_the_best_sentence_comes_with_its_number() -> None:
    pieces = list(Extractive(max_sentences=1).generate(prompt("how do I rotate a key?", OIL, KEYS)))
    assert said(pieces) == "Rotate a key with the command rotate. [2]"
    assert [piece.finish for piece in pieces] == ["", "stop"]
    assert pieces[-1].confidence is not None and 0 < pieces[-1].confidence < 1
    assert pieces[-1].usage["sentences"] == 5 and pieces[-1].usage["encoded_texts"] == 0


def test_the_kind_asked_for_decides_between_equal_words() -> None:
    text = "The embargo shocked many countries. The embargo began in October 1973."
    assert "1973" in said(
        list(Extractive(max_sentences=1, threshold=0).generate(prompt("When was the embargo?", text)))
    )


def test_sentences_stand_in_the_order_of_the_sources() -> None:
    generator = Extractive(max_sentences=3, share=0, threshold=0)
    numbers = re.findall(r"\[(\d)\]", said(list(generator.generate(prompt("rotate keys", KEYS, KEYS[::-1], OIL)))))
    assert numbers == sorted(numbers) and len(numbers) == 3


@pytest.mark.parametrize(
    ("asked", "texts"), [("what is it?", ()), ("", (KEYS,)), ("?!", (KEYS,)), ("key", ("",)), ("key", ("...", " \n"))]
)
def test_nothing_to_go_by_is_an_abstention(asked: str, texts: tuple[str, ...]) -> None:
    (piece,) = Extractive().generate(prompt(asked, *texts))
    assert (piece.finish, piece.text, piece.confidence) == ("abstain", "", 0.0) and piece.reason


def test_a_question_of_something_else_is_an_abstention() -> None:
    (piece,) = Extractive().generate(prompt("Who painted the ceiling of the Sistine chapel?", KEYS, OIL))
    assert piece.finish == "abstain" and "confidence" in piece.reason
    assert piece.confidence is not None and piece.confidence < 0.2
    assert list(Extractive(threshold=0).generate(prompt("Who painted it?", KEYS)))[-1].finish == "stop"


def test_copies_of_a_document_are_said_once() -> None:
    copies = ("The lamp is green.", "The  lamp is green. It is old.", "The lamp is green.")
    for diversity in (0.0, 0.3):
        pieces = list(
            Extractive(diversity=diversity, threshold=0, share=0).generate(prompt("what colour is the lamp?", *copies))
        )
        assert said(pieces).count("is green") == 1


def test_confidences_that_round_alike_are_told_apart() -> None:
    asked = prompt("Who painted it?", KEYS)
    (piece,) = Extractive(threshold=1.0).generate(asked)
    (close,) = Extractive(threshold=(piece.confidence or 0) + 1e-4).generate(asked)
    low, high = re.findall(r"0\.\d+", close.reason)
    assert low < high and len(low) in (5, 6)


@pytest.mark.parametrize(("word", "finish"), [("king", "abstain"), ("war", "abstain"), ("embargo", "stop")])
def test_one_common_word_that_matches_is_no_answer(word: str, finish: str) -> None:
    text = f"{OIL} The king was not asked about the war."
    assert list(Extractive().generate(prompt(word, text)))[-1].finish == finish


def test_references_of_the_source_are_no_citations_of_ours() -> None:
    text = "Keys expire after a year.[7] Rotate a key with the command rotate.[12][13]"
    answer = said(list(Extractive(threshold=0, share=0).generate(prompt("rotate a key", text))))
    assert answer == "Keys expire after a year. [1] Rotate a key with the command rotate. [1]"


def test_only_what_an_excerpt_shows_is_said() -> None:
    start = KEYS.index("Rotate")
    passage = Passage("p", "d", 100, 100 + len(KEYS), KEYS)
    shown = Excerpt(passage, ((100, 100 + start - 1),), KEYS[: start - 1])
    answer = said(list(Extractive(threshold=0).generate(Prompt("rotate a key", (shown,)))))
    assert answer == "Keys expire after a year. [1]"


def test_an_answer_has_its_limit_of_tokens() -> None:
    generator = Extractive(threshold=0, share=0)
    for limit in (1, 4, 8, 12, 20, 30):
        pieces = list(generator.generate(prompt("rotate a key", KEYS, max_tokens=limit)))
        assert estimated(said(pieces)) <= limit
        assert pieces[-1].finish == ("length" if limit < 12 else "stop")


def test_an_encoder_reads_the_sentences() -> None:
    generator = Extractive(Letters(), threshold=0, max_sentences=2)
    pieces = list(generator.generate(prompt("how do I rotate a key?", OIL, KEYS)))
    assert "Rotate a key with the command rotate. [2]" in said(pieces)
    assert pieces[-1].usage["encoded_texts"] == 6


def test_other_languages_weigh_terms_by_what_was_found() -> None:
    text = "Der Schlüssel verfällt nach einem Jahr. Man tauscht den Schlüssel mit dem Befehl aus."
    generator = Extractive(analyzer="german", max_sentences=1, threshold=0)
    assert said(list(generator.generate(prompt("welcher Befehl tauscht?", text)))).startswith("Man tauscht")


@pytest.mark.parametrize(
    "values",
    [
        {"max_sentences": 0},
        {"diversity": 1.5},
        {"share": -0.1},
        {"threshold": 2},
        {"analyzer": "klingon"},
        {"answer": "essay"},
    ],
)
def test_values_out_of_range_are_named(values: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Extractive(**values)  # type: ignore[arg-type]


def test_every_sentence_is_cited_where_it_stands() -> None:
    heading = "# Rotating keys\n\nRotate a key with the command rotate. Nothing else rotates a key."
    shown = prompt("how do I rotate a key?", OIL, heading, KEYS)
    generator = Extractive(share=0, threshold=0, diversity=0)
    pieces = list(generator.generate(shown))
    checked = cited(pieces, shown, {"d0": OIL, "d1": heading, "d2": KEYS})
    assert len(checked.citations) == 3 and cites_itself(checked, pieces, shown)


ODD = (
    'He said "the key expires" and left "for good" [2].',
    'The key is `argv[1]`, not “argv[2]” (see [3: "the key"]).',
    'best = KeyReranker(open_key("gte"), alpha=0.4)\n```',
    "```\nkeys = rows[1]\n```",
    "| key | year |\n|---|---|\n| rotate | 1973 [1] |",
    "- rotate the key\n- keep the key ² ¹²\n1. the key 【2】",
    "key",
    "key",
    "The key expires after a year.",
    "Der Schlüssel «key» … „key“ it’s",
)


@pytest.mark.parametrize("asked", ["which key expires?", "rotate key 1973", "argv keys"])
def test_odd_sentences_are_cited_where_they_stand(asked: str) -> None:
    for most in range(1, len(ODD) + 1):
        for sources in (ODD, ODD[::-1], ODD[most:] + ODD[:most]):
            shown = prompt(asked, *sources[:most])
            pieces = list(Extractive(share=0, threshold=0, diversity=0, max_sentences=30).generate(shown))
            stored = {f"d{i}": text for i, text in enumerate(sources)}
            assert cites_itself(cited(pieces, shown, stored), pieces, shown)


def test_no_sentence_of_real_documents_loses_its_citation(shared_data: Path) -> None:
    """Pages of this project, passages of Wikipedia and programs; all sentences of each."""
    texts = [
        page.read_text("utf-8")[:40_000] for page in sorted((Path(__file__).parents[3] / "docs").glob("*.md"))[::6]
    ]
    for name in ("cosqa", "squad-v2.0-dev"):
        texts += [document.text for document in itertools.islice(sp.collection(shared_data / name).documents(), 60)]
    generator = Extractive(share=0, threshold=0, diversity=0, max_sentences=10_000)
    for place in range(0, len(texts), 4):
        shown = prompt(" ".join(texts[place].split()[:12]), *texts[place : place + 4], max_tokens=10**6)
        pieces = list(generator.generate(shown))
        stored = {each.passage.doc_id: each.passage.text for each in shown.excerpts}
        assert len(pieces) > 1 and cites_itself(cited(pieces, shown, stored), pieces, shown)


def cites_itself(checked: Cited, pieces: Sequence[Piece], shown: Prompt) -> bool:
    """Whether each sentence cites the very span that it was taken from, and nothing else is cited."""
    taken = [[(each.number, (each.start, each.end)) for each in piece.quoted] for piece in pieces if piece.text]
    numbers = {excerpt.passage.id: i + 1 for i, excerpt in enumerate(shown.excerpts)}
    cites = [
        [(numbers[each.passage_id], each.source_span) for each in map(checked.citations.__getitem__, line.citations)]
        for line in checked.sentences
    ]
    return cites == taken and not checked.dropped


words = st.sampled_from(
    ["key", "keys", "rotate", "[1]", "[2,3]", "year", "1973", "Dr.", "$12", "...", "\n\n-", "。", "[9].", "\u202e", "é"]
)
texts = st.lists(words | st.text(max_size=12), max_size=25).map(" ".join)


@settings(max_examples=150)
@given(texts, st.lists(texts, max_size=5), st.booleans(), st.integers(1, 60), st.integers(1, 4))
def test_every_sentence_stands_in_the_excerpt_it_names(
    question: str, sources: list[str], encoded: bool, max_tokens: int, most: int
) -> None:
    generator = Extractive(Letters() if encoded else None, threshold=0, share=0.1, max_sentences=most)
    shown = prompt(question, *sources, max_tokens=max_tokens)
    pieces = list(generator.generate(shown))
    assert cites_itself(cited(pieces, shown, {f"d{i}": text for i, text in enumerate(sources)}), pieces, shown)
    assert all(not piece.finish for piece in pieces[:-1]) and pieces[-1].finish in ("stop", "length", "abstain")
    assert len(pieces) <= most + 1 and estimated(said(pieces)) <= max_tokens
    for piece in pieces[:-1]:
        stored = " ".join(sources[each.number - 1][each.start : each.end] for each in piece.quoted)
        assert piece.text.strip() and set(re.findall(r"[^\W_]+", piece.text)) <= set(re.findall(r"[^\W_]+", stored))
        assert "".join(piece.text.split()) == "".join(stored.split()) or re.search(r"[|*_\[]", stored)


@pytest.mark.parametrize(
    ("question", "text", "expected"),
    [
        ("When did the embargo begin?", OIL, "October 1973"),
        ("Who wrote the Book of Rivers?", "The Book of Rivers was written by Ada Byron in 1840.", "Ada Byron"),
        ("How many bridges cross the river?", "In the old town 14 bridges cross the river.", "14"),
    ],
)
def test_a_short_answer_is_the_words_that_answer(question: str, text: str, expected: str) -> None:
    pieces = list(Extractive(answer="span").generate(prompt(question, KEYS, text)))
    assert said(pieces) == f"{expected} [2]"
    shown = prompt(question, KEYS, text)
    checked = cited(pieces, shown, {"d0": KEYS, "d1": text})
    assert checked.text == f"{expected} [2]" and expected in checked.citations[0].text and not checked.dropped


@settings(max_examples=60)
@given(texts, texts)
def test_a_short_answer_stands_in_its_excerpt(question: str, source: str) -> None:
    pieces = list(Extractive(answer="span", threshold=0).generate(prompt(question, source)))
    if pieces[-1].finish == "stop":
        (quoted,) = pieces[0].quoted
        assert pieces[0].text in source[quoted.start : quoted.end]


def test_the_index_says_what_a_word_weighs() -> None:
    class Frequencies:
        n_passages = 10_000

        def of(self, text: str) -> dict[str, int]:
            return {"kei": 9_999, "expir": 1, "rotat": 9_000}

    generator = Extractive(max_sentences=1, threshold=0, frequencies=Frequencies())
    assert said(list(generator.generate(prompt("rotate a key that expires", KEYS)))) == "Keys expire after a year. [1]"


def test_examples() -> None:
    assert doctest.testmod(module).failed == 0 == doctest.testmod(questions).failed


def test_a_sentence_that_asks_the_same_is_no_answer() -> None:
    question = "how long are old keys kept?"
    asked = "How long are old keys kept? Ask the office."
    assert said(list(Extractive(max_sentences=1).generate(prompt(question, asked, KEYS)))) == (
        "Old keys are kept for a month. [2]"
    )
    [only] = Extractive().generate(prompt("how long are old keys kept?", "How long are old keys kept?"))
    assert only.finish == "abstain"

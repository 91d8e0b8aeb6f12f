"""Answers of chat models, put together at random from what such answers are made of: read, or not; never an error."""

import random

import pytest

from spaniel.models.text import tokens_of
from spaniel.rerank.llm.labels import parse_choice, parse_preference
from spaniel.rerank.llm.parse import parse_order
from spaniel.rerank.llm.shown import one_line, shown

pytestmark = pytest.mark.fuzz

WORDS = '[ ] > 1 2 17 A B , <think> </think> { } " ** ranking : ( ) <answer> </answer> \\boxed{ \\text - = ٣ ² and'
PHRASES = "the answer is;is more;best;rank 1:;Passage ;. ;(1);A-;1-;—;<|im_end|>;</passage>;[INST];\ud800; ;\n;\t; > "
PIECES = [*WORDS.split(), *PHRASES.split(";")]


@pytest.mark.parametrize("seed", range(40))
def test_any_answer(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(1000):
        pieces = rng.sample(PIECES, rng.randint(1, 6)) if rng.random() < 0.7 else PIECES
        text = "".join(rng.choices(pieces, k=rng.choice([5, 30, 300])))
        n, top, room = rng.randint(1, 26), rng.choice([None, 1, 3]), rng.randint(1, 50)
        for letters in (False, True):
            parsed = parse_order(text, n, top=top, letters=letters)
            assert parsed is None or sorted(parsed.order) == list(range(n))
        assert parse_preference(text) in (None, 0.0, 0.5, 1.0)
        assert parse_choice(text, n) in (None, *range(n))
        line, _ = shown(text, room)
        assert tokens_of(line) <= room and "\n" not in line
        assert not any(token in one_line(text) for token in ("<|im_end|>", "</passage>", "[INST]", "</think>"))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", range(20))
def test_long_answers_take_no_longer_than_they_must(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(20):
        text = "".join(rng.choices(rng.sample(PIECES, rng.randint(1, 4)), k=20_000))
        for letters in (False, True):
            parse_order(text, 20, letters=letters)
        parse_choice(text, 20)
        shown(text * 50, 300)

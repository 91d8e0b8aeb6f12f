"""What tokens are guessed before anything is tokenised."""

import pytest
from contracts.fake_pair_model import FakePairModel

from spaniel.rerank.serve.tokenising import Reading, guess


@pytest.mark.parametrize(
    ("query", "text", "tokens"),
    [
        ("abcd", "a" * 40, 3 + 11),
        ("", "\u8f66\u7ad9" * 20, 3 + 40),  # Chinese: a letter is a token
        ("\u8f66\u7ad9", "a" * 40, 3 + 12),
        ("abcd", "gr\u00fc\u00df" + "e" * 38, 3 + (4 + 40 + 8) // 4),
        ("", "\ud800" * 8, 3 + 8),
        ("", "a" * 10_000, 512),
    ],
)
def test_guess(query: str, text: str, tokens: int) -> None:
    assert guess(query, text, FakePairModel()) == tokens


def test_no_more_of_a_text_is_guessed_than_is_read() -> None:
    for text in ("word " * 500, "\u4e2d" * 500):
        assert guess("abcd", text, FakePairModel(), Reading(max_passage_tokens=10)) == 3 + 1 + 10
    assert guess("abcd", "abcd", FakePairModel(), Reading(max_passage_tokens=10)) == 3 + 1 + 1

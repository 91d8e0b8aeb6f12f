"""Tokenising and batching: long texts cost little and cut alike, batches hold every text once."""

from pathlib import Path

import numpy as np
import pytest
from contracts.small_model import small_bert
from hypothesis import example, given
from hypothesis import strategies as st

from spaniel.models.batching import batches
from spaniel.models.pooling import normalised, pooled
from spaniel.models.tokens import Tokenizer
from spaniel.retrieval.errors import ModelError


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_bert(tmp_path_factory.mktemp("m")) / "tokenizer.json"


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(1, 100), st.integers(1, 20), st.booleans())
@example([0, 0], 1, 1, False)
def test_batches_hold_every_text_once(lengths: list[int], budget: int, limit: int, padding: bool) -> None:
    made = batches(lengths, budget=budget, limit=limit, padding=padding)
    assert sorted(int(place) for places in made for place in places) == list(range(len(lengths)))
    longest = [[lengths[place] for place in places] for places in made]
    for one in longest:
        assert len(one) == 1 or (max(one) * len(one) <= budget and len(one) <= limit)
        assert padding or len(set(one)) == 1
    flat = [length for one in longest for length in one]
    assert flat == sorted(flat, reverse=True)


@given(
    st.lists(st.tuples(st.sampled_from(["w1", "w2", " ", "\n", ".", "é"]), st.integers(1, 3000)), max_size=5),
    st.integers(3, 12),
)
def test_cutting_before_tokenising_changes_nothing(file: Path, runs: list[tuple[str, int]], max_length: int) -> None:
    text = " ".join((piece + (" " if piece.startswith("w") else "")) * n for piece, n in runs)
    whole = Tokenizer(file, 1000 * max_length)([text]).ids[0]
    short = Tokenizer(file, max_length)([text, "w3"])
    assert short.ids[0][:-1].tolist() == whole[: max_length - 1].tolist()[: len(short.ids[0]) - 1]
    assert len(short.ids[0]) == min(max_length, len(whole))
    assert short.truncated == (len(whole) > max_length)


def test_a_word_far_behind_spaces(file: Path) -> None:
    tokens = Tokenizer(file, 8)([" " * 100_000 + "w1", "x" * 100_000, " " * 100_000 + "w1 " * 100])
    assert [ids.tolist() for ids in tokens.ids] == [[2, 5, 3], [2, 1, 3], [2, 5, 5, 5, 5, 5, 5, 3]]
    assert tokens.truncated == 1


def test_a_long_text_without_spaces(file: Path) -> None:
    tokens = Tokenizer(file, 8)(["北京。" * 100_000, "w1"])
    assert [len(ids) for ids in tokens.ids] == [8, 3]
    assert tokens.truncated == 1


def test_files_that_are_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        Tokenizer(tmp_path / "tokenizer.json", 8)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="not a tokenizer that can be read"):
        Tokenizer(tmp_path / "tokenizer.json", 8)


def test_pooling_leaves_padding_out() -> None:
    hidden = np.array([[[1, 2], [3, 4], [90, 90]]], np.float32)
    mask = np.array([[1, 1, 0]])
    assert pooled(hidden, mask, "mean").tolist() == [[2, 3]]
    assert pooled(hidden, mask, "cls").tolist() == [[1, 2]]
    assert pooled(hidden, mask, "last").tolist() == [[3, 4]]
    assert normalised(np.float32([[3, 4], [0, 0]])).tolist() == [[np.float32(0.6), np.float32(0.8)], [0, 0]]

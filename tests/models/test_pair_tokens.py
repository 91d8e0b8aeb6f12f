"""Pairs of texts as tokens, held to the pair tokenised whole by the tokenizers library."""

from pathlib import Path
from typing import Any

import pytest
from contracts.cross_encoder import WORDS, small_cross_encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.models.pair_tokens import PairTokenizer
from spaniel.retrieval.errors import InvalidInput, ModelError

tokenizers = pytest.importorskip("tokenizers")

texts = st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)


@pytest.fixture(scope="module", params=["bert", "xlm-roberta"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_cross_encoder(tmp_path_factory.mktemp("m") / "m", family=request.param) / "tokenizer.json"


def whole(path: Path, query: str, passage: str, max_length: int) -> tuple[list[int], list[int], bool]:
    """The pair tokenised and cut by the library: longest_first, as transformers does."""
    tokenizer: Any = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, strategy="longest_first")
    found = tokenizer.encode(query, passage)
    return found.ids, found.type_ids, bool(found.overflowing)


@settings(max_examples=60)
@given(query=texts, passages=st.lists(texts, min_size=1, max_size=4), max_length=st.integers(42, 90))
def test_a_pair_is_what_the_library_makes_of_it(path: Path, query: str, passages: list[str], max_length: int) -> None:
    pairs = PairTokenizer(path, max_length)(query, passages)
    for pair, passage in zip(pairs, passages, strict=True):
        ids, types, cut = whole(path, query, passage, max_length)
        assert (pair.ids.tolist(), pair.types.tolist(), pair.truncated) == (ids, types, cut)
        assert len(pair) <= max_length


@settings(max_examples=60)
@given(query=texts, passage=texts, max_length=st.integers(10, 60), most=st.integers(1, 30))
def test_a_passage_is_read_as_far_as_asked(path: Path, query: str, passage: str, max_length: int, most: int) -> None:
    tokenize = PairTokenizer(path, max_length)
    (pair,) = tokenize(query, [passage], max_passage_tokens=most)
    (same,) = tokenize(query, [" ".join(passage.split()[:most])])
    assert (pair.ids.tolist(), pair.types.tolist()) == (same.ids.tolist(), same.types.tolist())
    assert pair.passage_cut == (same.passage_cut or len(passage.split()) > most)
    assert pair.query_cut == same.query_cut


@settings(max_examples=60)
@given(query=texts, passage=texts, max_length=st.integers(10, 60), room=st.integers(1, 5))
def test_a_query_keeps_its_room(path: Path, query: str, passage: str, max_length: int, room: int) -> None:
    (pair,) = PairTokenizer(path, max_length, query_room=room)(query, [passage])
    asked, read = len(query.split()), len(passage.split())
    special = 3 if "[SEP]" in path.read_text("utf-8") else 4
    kept = min(asked, max(room, max_length - special - read))
    assert len(pair) == special + kept + min(read, max_length - special - kept) <= max_length
    assert pair.truncated == (asked + read + special > max_length)


def test_long_texts_and_none(path: Path) -> None:
    tokenize = PairTokenizer(path, 20)
    book = " ".join(["w1"] * 50_000)
    (pair,) = tokenize("w2", [book])
    assert len(pair) == 20 and pair.passage_cut and not pair.query_cut
    (pair,) = tokenize(book, ["w2"])
    assert pair.query_cut and not pair.passage_cut and pair.truncated
    assert tokenize("w1", []) == []
    assert not tokenize("", [" " * 100_000])[0].truncated


def test_types_that_a_model_does_not_read(tmp_path: Path) -> None:
    path = small_cross_encoder(tmp_path / "m") / "tokenizer.json"
    assert set(PairTokenizer(path, 20)("w1", ["w2"])[0].types) == {0, 1}
    assert set(PairTokenizer(path, 20, typed=False)("w1", ["w2"])[0].types) == {0}


def test_rooms_that_cannot_be(path: Path) -> None:
    for options, what in (({"max_length": 4}, "leaves no room"), ({"max_length": 20, "query_room": 17}, "query_room")):
        with pytest.raises(InvalidInput, match=what):
            PairTokenizer(path, **options)  # type: ignore[arg-type]


def test_a_post_processor_that_has_no_place_for_both(path: Path, tmp_path: Path) -> None:
    tokenizer: Any = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(single="$A", pair="$B $A", special_tokens=[])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(ModelError, match="does not put a query and a passage together"):
        PairTokenizer(tmp_path / "tokenizer.json", 20)


def test_a_tokenizer_without_special_tokens(path: Path, tmp_path: Path) -> None:
    tokenizer: Any = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.post_processor = tokenizers.processors.ByteLevel()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (pair,) = PairTokenizer(tmp_path / "tokenizer.json", 8)("w1 w2", ["w3"])
    assert pair.ids.tolist() == tokenizer.encode("w1 w2", "w3").ids
    (cut,) = PairTokenizer(tmp_path / "tokenizer.json", 8)("w1", ["w3 " * 8])
    assert len(cut) == 8 and cut.truncated

"""The best passages, as many as fit."""

import pytest

from spaniel.rag.packing.top_k import TopK
from spaniel.retrieval.errors import InvalidInput
from tests.contracts.packer import PackerContract, candidates_of, words

TEXTS = ["one two three", "four five six seven eight", "nine"]


class TestCut(PackerContract):
    packer = TopK()


class TestSkip(PackerContract):
    packer = TopK(full="skip", order="edges")


class TestStop(PackerContract):
    packer = TopK(full="stop", max_passages=2, order="source")


def taken(packer: TopK, budget: int) -> list[str]:
    packed = packer.pack("", candidates_of(TEXTS), budget_tokens=budget, count=words)
    return [each.passage.id for each in packed.excerpts]


def test_what_does_not_fit_is_skipped_or_ends_it() -> None:
    # the second and the third have a title, which counts
    assert taken(TopK(full="skip"), 5) == ["p0", "p2"]
    assert taken(TopK(full="stop"), 5) == ["p0"]
    assert taken(TopK(), 11) == ["p0", "p1", "p2"]
    assert taken(TopK(max_passages=1), 11) == ["p0"]


def test_settings_that_cannot_be() -> None:
    with pytest.raises(InvalidInput, match="full is 'cot'; it must be one of cut, skip, stop"):
        TopK(full="cot")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="max_passages is 0; it must be at least 1"):
        TopK(max_passages=0)
    with pytest.raises(InvalidInput, match="order is 'worst'; it must be one of best, source, edges"):
        TopK(order="worst")  # type: ignore[arg-type]

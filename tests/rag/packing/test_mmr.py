"""Packing by maximal marginal relevance."""

import pytest

from spaniel.rag.packing.mmr import MmrPacker
from spaniel.retrieval.errors import InvalidInput
from tests.contracts.packer import PackerContract, candidates_of, words
from tests.contracts.toy_encoder import ToyEncoder

TEXTS = ["red key of the castle", "red key of the castle", "a moat"]


class TestWords(PackerContract):
    packer = MmrPacker()


class TestDiverse(PackerContract):
    packer = MmrPacker(weight=0.2, links=0.5, depth=4, max_passages=3, order="edges")


@pytest.mark.parametrize("packer", [MmrPacker(weight=0.5), MmrPacker(weight=0.5, encoder=ToyEncoder())])
def test_the_same_again_comes_last(packer: MmrPacker) -> None:
    candidates = candidates_of(TEXTS, [1.0, 0.95, 0.5])
    packed = packer.pack("red key", candidates, budget_tokens=8, count=words)
    assert [each.passage.id for each in packed.excerpts] == ["p0", "p2"]
    assert packed.numbers == {"taken": [0, 2], "tokens_left": 0}


def test_all_relevance_is_the_order_found() -> None:
    packed = MmrPacker(weight=1.0).pack("", candidates_of(TEXTS), budget_tokens=20, count=words)
    assert packed.numbers["taken"] == [0, 1, 2]


def test_settings_that_cannot_be() -> None:
    with pytest.raises(InvalidInput, match="weight is 2"):
        MmrPacker(weight=2)

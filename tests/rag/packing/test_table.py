"""Packers by name."""

import pytest

from spaniel.rag.packing.base import Packer
from spaniel.rag.packing.table import PACKERS, make_packer, settings_of
from spaniel.rag.packing.top_k import TopK
from spaniel.retrieval.errors import InvalidInput


@pytest.mark.parametrize("name", PACKERS)
def test_every_packer_can_be_had_by_its_name_alone(name: str) -> None:
    packer = make_packer(name)
    assert isinstance(packer, Packer)
    assert packer.name == name and settings_of(packer) == {}


def test_settings() -> None:
    assert make_packer("top-k", full="stop", max_passages=3) == TopK("stop", 3)
    assert settings_of(TopK("stop", 3)) == {"full": "stop", "max_passages": 3}


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"no packer is called 'topk'; did you mean 'top-k'\?"):
        make_packer("topk")
    with pytest.raises(InvalidInput, match=r"no setting 'max_passage'; did you mean 'max_passages'\?"):
        make_packer("top-k", max_passage=3)
    with pytest.raises(InvalidInput, match="max_passages = 'three'"):
        make_packer("top-k", max_passages="three")
    with pytest.raises(InvalidInput, match="order = 'worst': it must be one of best, source, edges"):
        make_packer("top-k", order="worst")

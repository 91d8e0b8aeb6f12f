"""Packers by name."""

import pytest

from spaniel.rag.packing.base import Packer
from spaniel.rag.packing.carrot import Carrot
from spaniel.rag.packing.coverage import Coverage
from spaniel.rag.packing.greedy import Greedy
from spaniel.rag.packing.mmr import MmrPacker
from spaniel.rag.packing.table import PACKERS, make_packer, settings_of
from spaniel.rag.packing.top_k import TopK
from spaniel.rag.packing.vector_coverage import VectorCoverage
from spaniel.retrieval.errors import InvalidInput
from tests.contracts.toy_encoder import ToyEncoder


@pytest.mark.parametrize("name", PACKERS)
def test_every_packer_can_be_had_by_its_name_alone(name: str) -> None:
    packer = make_packer(name)
    assert isinstance(packer, Packer)
    assert packer.name == name and settings_of(packer) == {}


def test_settings() -> None:
    assert make_packer("top-k", full="stop", max_passages=3) == TopK("stop", 3)
    assert settings_of(TopK("stop", 3)) == {"full": "stop", "max_passages": 3}


def test_scorers_by_name_table_or_object() -> None:
    assert make_packer("greedy", scorer="coverage") == Greedy()
    table = {"type": "coverage", "price": 0.5}
    made = make_packer("carrot", scorer=table, iterations=3)
    assert made == Carrot(Coverage(price=0.5), iterations=3)
    assert settings_of(made) == {"scorer": table, "iterations": 3}
    encoder = ToyEncoder()
    assert make_packer("greedy", scorer="vectors", encoder=encoder) == Greedy(VectorCoverage(encoder))
    assert make_packer("mmr", encoder=encoder) == MmrPacker(encoder=encoder)
    assert make_packer("top-k", encoder=encoder) == TopK()
    for wrong, said in (
        ({"scorer": "vectors"}, "scorer vectors: needs encoder=; it cannot be had from a name alone"),
        ({"scorer": "judge"}, "scorer judge: needs judge="),
        ({"scorer": "coverge"}, "no scorer is called 'coverge'; did you mean 'coverage'"),
        ({"scorer": {"type": "coverage", "prise": 1}}, "no setting 'prise'; did you mean 'price'"),
        ({"scorer": {"type": "coverage", "price": "much"}}, "price = 'much'"),
        ({"scorer": {"price": 1.0}}, "no scorer is called None"),
        ({"scorer": 3}, "scorer: is int; give a set scorer or the name of one"),
        ({"encoder": "minilm"}, "encoder is 'minilm'; it is an object, which only Python can give"),
    ):
        with pytest.raises(InvalidInput, match=said):
            make_packer("greedy", **wrong)  # type: ignore[arg-type]


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"no packer is called 'topk'; did you mean 'top-k'\?"):
        make_packer("topk")
    with pytest.raises(InvalidInput, match=r"no setting 'max_passage'; did you mean 'max_passages'\?"):
        make_packer("top-k", max_passage=3)
    with pytest.raises(InvalidInput, match="max_passages = 'three'"):
        make_packer("top-k", max_passages="three")
    with pytest.raises(InvalidInput, match="order = 'worst': it must be one of best, source, edges"):
        make_packer("top-k", order="worst")

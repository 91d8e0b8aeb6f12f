"""What tells two models apart: for questions and passages alike, and for the passages alone."""

from dataclasses import replace

import pytest
from contracts.toy_encoder import toy_card

from spaniel.models.card import ModelCard, check_same
from spaniel.retrieval.errors import ModelError

START = toy_card()
ASKS = replace(START, source="out", query_sha256="a1", query_prompt="q: ")


def test_a_card_without_a_tower_of_its_own_reads_as_ever() -> None:
    assert "query_sha256" not in START.to_json()
    assert ModelCard.from_json(START.to_json()) == START
    assert ASKS.to_json()["query_sha256"] == "a1"
    assert ModelCard.from_json(ASKS.to_json()) == ASKS
    for wrong in ({"query_sha256": 3}, {"query_sha256": "a" * 129}, {"other": ""}):
        with pytest.raises(ValueError, match=r"of a model|a model has the keys"):
            ModelCard.from_json({**START.to_json(), **wrong})


def test_passages_are_compared_by_their_side_alone() -> None:
    assert START.differences(ASKS) == ["query_prompt '' against 'q: '", "query_sha256 '' against 'a1'"]
    for one, other in ((START, ASKS), (ASKS, START), (ASKS, replace(ASKS, query_sha256="b2", query_prompt=""))):
        assert not one.differences(other, queries=False)
        check_same(one, other, "kb", queries=False)
        with pytest.raises(ModelError, match="query_sha256") as error:
            check_same(one, other, "kb")
        assert f"query-model INDEX {other.source}" in error.value.hint


def test_a_prompt_alone_is_another_model() -> None:
    with pytest.raises(ModelError, match="query_prompt"):
        check_same(START, replace(START, query_prompt="q: "), "kb", queries=False)


@pytest.mark.parametrize("other", [{"sha256": "ff"}, {"passage_prompt": "p: "}, {"max_length": 128}, {"dimension": 8}])
def test_other_passages_are_refused(other: dict[str, object]) -> None:
    for queries in (False, True):
        with pytest.raises(ModelError, match=rf"made with .toy., asked with .toy.: .*{next(iter(other))}") as error:
            check_same(START, replace(ASKS, **other), "kb", queries=queries)  # type: ignore[arg-type]
        assert "add-dense INDEX out" in error.value.hint

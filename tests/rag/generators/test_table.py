"""Generators by name."""

import pytest

from spaniel.rag.generators.table import GENERATORS, make_generator
from spaniel.retrieval.errors import InvalidInput


def test_all_names_lead_to_a_class() -> None:
    assert set(GENERATORS) == {"extractive", "openai", "langchain"}
    assert make_generator("extractive", max_sentences=1).name == "extractive"
    assert make_generator("openai", base_url="http://localhost:1/v1", model="m").name == "m"


def test_what_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="'openia' is unknown; did you mean 'openai'"):
        make_generator("openia")
    with pytest.raises(InvalidInput, match="'timeout' is no setting of it; did you mean 'timeout_s'"):
        make_generator("openai", base_url="http://localhost:1/v1", model="m", timeout=3)
    with pytest.raises(InvalidInput, match="needs base_url and model"):
        make_generator("openai")

"""A store keeps no option that means nothing to its kind, so that equal stores compare equal."""

import pytest

from spaniel.index.dense.settings import StoreSettings
from spaniel.retrieval.errors import InvalidInput


@pytest.mark.parametrize(
    ("kind", "option", "value"),
    [
        ("pq", "codes", "sign"),
        ("float32", "codes", "itq"),
        ("hnsw", "factor", False),
        ("hnsw", "lists", 4),
        ("pq", "lists", 4),
        ("int8", "lists", 4),
        ("float32", "rescore", "float16"),
        ("int8", "rescore", "float32"),
    ],
)
def test_options_of_other_kinds_are_named(kind: str, option: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=f"store {option}.*{kind}"):
        StoreSettings(kind, **{option: value})  # type: ignore[arg-type]


def test_options_of_their_kinds() -> None:
    assert StoreSettings("ivf", lists=4).lists == 4
    assert StoreSettings("binary", codes="sign", factor=False, lists=4, rescore="float32").codes == "sign"
    assert StoreSettings("float32", rescore="none") == StoreSettings("float32")
    assert StoreSettings("float32").rescore == "none"
    for store in (StoreSettings("float16"), StoreSettings("ivf", lists=4), StoreSettings("hnsw", rescore="float16")):
        assert StoreSettings.from_json(store.to_json()) == store

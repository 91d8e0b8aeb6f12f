"""Pipelines written as TOML and read back: equal, whatever is in them."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rag.pipelines.cut_stages import CutThreshold
from spaniel.rag.pipelines.dense_stages import Dense, Mmr
from spaniel.rag.pipelines.named import NAMED
from spaniel.rag.pipelines.spec import IndexSpec, PipelineSpec, read_pipeline
from spaniel.rag.pipelines.stages import Bm25, Convex, Likelihood, Rrf
from spaniel.rag.pipelines.toml_text import toml_text
from spaniel.retrieval.errors import InvalidInput

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PLAIN = st.one_of(
    TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.lists(st.integers(0, 9))
)
TABLE = st.recursive(
    st.dictionaries(TEXT, PLAIN, max_size=4),
    lambda inner: st.dictionaries(TEXT, st.one_of(PLAIN, inner, st.lists(inner, max_size=3)), max_size=4),
    max_leaves=12,
)
SOURCES = st.one_of(
    st.builds(
        Bm25, k1=st.floats(0.1, 3), b=st.floats(0, 1), depth=st.none() | st.integers(1, 99), name=st.none() | TEXT
    ),
    st.builds(Likelihood, st.just("jelinek-mercer"), lambda_=st.floats(0.1, 0.9)),
    st.builds(Dense, candidates=st.integers(1, 500), part=st.none() | TEXT),
)
FUSED = st.recursive(
    SOURCES,
    lambda inner: st.one_of(
        st.builds(Rrf, st.lists(inner, min_size=1, max_size=3).map(tuple), k=st.integers(1, 99)),
        st.builds(Convex, st.lists(inner, min_size=2, max_size=2).map(tuple), st.just((0.25, 0.75))),
    ),
    max_leaves=5,
)
LATER = st.one_of(st.builds(Mmr, weight=st.floats(0, 1)), st.builds(CutThreshold, st.floats(-9, 9)))
INDEXES = st.builds(
    IndexSpec,
    fields=st.sampled_from(["flat", "multifield"]) | st.just({"title": 2.0, "text": 1.0}),
    dense=st.none() | st.just("minilm"),
    store=st.just("float32") | st.just({"kind": "binary", "rescore": "none"}),
)


@given(TABLE)
def test_tables_read_back_equal(table: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(table)) == table


@pytest.mark.parametrize(("value", "said"), [(1 << 63, "64 bits"), ("\ud800", "surrogate"), (object(), "object")])
def test_what_toml_cannot_say_is_an_error(value: object, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        toml_text({"key": value})


@given(FUSED, st.lists(LATER, max_size=2), INDEXES)
def test_pipelines_read_back_equal(
    tmp_path_factory: pytest.TempPathFactory, first: Any, later: Any, index: Any
) -> None:
    spec = PipelineSpec("mine", (first, *later), index)
    path = tmp_path_factory.getbasetemp() / "written.toml"
    path.write_text(spec.to_toml(), encoding="utf-8")
    assert read_pipeline(path) == spec


@pytest.mark.parametrize("name", sorted(NAMED))
def test_named_pipelines_read_back_equal(tmp_path: Path, name: str) -> None:
    spec = NAMED[name][0]
    path = tmp_path / "written.toml"
    path.write_text(spec.to_toml(), encoding="utf-8")
    assert read_pipeline(path) == spec


def test_defaults_are_left_out() -> None:
    written = PipelineSpec("mine", (Bm25(k1=1.2),)).to_toml()
    assert written == 'name = "mine"\n\n[[stages]]\ntype = "bm25"\nk1 = 1.2\n'

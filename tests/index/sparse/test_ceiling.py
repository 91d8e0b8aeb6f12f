"""No score is above its query's ceiling, and a passage of all the words comes as near to it as the scorer lets it."""

from pathlib import Path

import numpy as np
import pytest
from contracts.sparse_corpus import WHITESPACE, corpora, make_segment, text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaniel.index.sparse.retriever import Bm25Retriever
from spaniel.index.sparse.scorers import Scorer
from spaniel.index.sparse.settings import SparseSettings
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Query, as_queries

Corpus = tuple[SparseSettings, list[tuple[str, ...]]]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(corpora(), text)
def test_nothing_scores_higher_in_one_field(tmp_path: Path, corpus: Corpus, query: str) -> None:
    config, passages = corpus
    config = SparseSettings({"f0": config.fields["f0"]}, config.scorer)
    if config.scorer.method == "tfidf":
        return
    segment = make_segment(tmp_path / "sparse-00000001-0.bin", [passage[:1] for passage in passages], config)
    searched = Bm25Retriever([segment], WHITESPACE, config)
    (ranking,) = searched.search([query], k=len(passages))
    (ceiling,) = searched.units(as_queries([query]))
    assert ceiling > 0
    assert all(score <= ceiling * (1 + 1e-6) for _, score in ranking)


@given(st.permutations(["a", "b", "c"]))
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_without_saturation_all_words_reach_it(tmp_path: Path, words: list[str]) -> None:
    config = SparseSettings({"f0": 2.0}, Scorer(k1=0.0))
    segment = make_segment(tmp_path / "sparse-00000001-0.bin", [("a b c",), ("a b",), ("a",), ("d",)], config)
    searched = Bm25Retriever([segment], WHITESPACE, config)
    queries = as_queries([" ".join(words), "a a c", "unknown", "a unknown"])
    ceilings = searched.units(queries)
    best = [ranking.scores[0] if len(ranking) else 1.0 for ranking in searched.search(queries)]
    np.testing.assert_allclose(best, ceilings, rtol=1e-6)
    weighted = Query("q", "", weights={"a": 3.0})
    assert searched.units([weighted])[0] == pytest.approx(searched.search([weighted])[0].scores[0], rel=1e-6)


def test_a_word_counts_in_its_heaviest_field(tmp_path: Path) -> None:
    config = SparseSettings({"title": 2.0, "text": 1.0}, Scorer(k1=0.0))
    segment = make_segment(tmp_path / "sparse-00000001-0.bin", [("a", "b"), ("a", "b"), ("c", "a")], config)
    searched = Bm25Retriever([segment], WHITESPACE, config)
    in_title, in_text = 2.0 * np.log(1 + 1.5 / 2.5), np.log(1 + 2.5 / 1.5)
    assert searched.units(as_queries(["a"]))[0] == pytest.approx(max(in_title, in_text))


@pytest.mark.parametrize("method", ["tfidf", "impact"])
def test_scores_without_end_have_none(tmp_path: Path, method: str) -> None:
    segment = make_segment(tmp_path / "sparse-00000001-0.bin", [("a",)], SparseSettings({"f0": 1.0}))
    searched = Bm25Retriever([segment], WHITESPACE, SparseSettings({"f0": 1.0}, Scorer(method)))  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=f"scores of {method} have no ceiling"):
        searched.units(as_queries(["a"]))

"""The parts of a score add up to the score that the search gave, to the bit."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaniel.index.analysis import Analyzer, AnalyzerSpec
from spaniel.index.format import ArrayFile
from spaniel.index.fs import RealFS
from spaniel.index.sparse.build import SparseBuilder, write_sparse
from spaniel.index.sparse.explain import explain_score
from spaniel.index.sparse.retriever import Bm25Retriever
from spaniel.index.sparse.scorers import METHODS, Scorer
from spaniel.index.sparse.segment import SparseSegment
from spaniel.index.sparse.settings import SparseSettings
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Query

WHITESPACE = Analyzer(AnalyzerSpec("whitespace"))
TEXTS = st.lists(st.sampled_from([f"w{i}" for i in range(6)]), max_size=60).map(" ".join)


def retriever(folder: Path, passages: list[tuple[str, ...]], config: SparseSettings) -> Bm25Retriever:
    """Two segments, the second written after the first."""
    segments, first = [], 0
    for number, piece in enumerate((passages[: len(passages) // 2], passages[len(passages) // 2 :])):
        if not piece:
            continue
        builder = SparseBuilder(WHITESPACE, config)
        builder.add(piece)
        path = folder / f"sparse-00000001-{number}.bin"
        path.unlink(missing_ok=True)
        entry = write_sparse(RealFS(), path, [builder.take_run()], config, n_passages=len(piece))
        segments.append(SparseSegment(ArrayFile.open(path, kind="sparse", entry=entry), first))
        first += len(piece)
    return Bm25Retriever(segments, WHITESPACE, config)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), TEXTS, st.sampled_from([m for m in METHODS if m != "impact"]), st.integers(1, 2))
def test_parts_add_up(tmp_path: Path, data: st.DataObject, query: str, method: str, n_fields: int) -> None:
    config = SparseSettings({f"f{i}": 1.0 + i for i in range(n_fields)}, Scorer(method=method))  # type: ignore[arg-type]
    passages = data.draw(st.lists(st.tuples(*[TEXTS] * n_fields), min_size=1, max_size=20))
    searched = retriever(tmp_path, passages, config)
    (ranking,) = searched.search([query], k=len(passages))
    for ordinal, score in ranking:
        found = explain_score(searched, query, ordinal)
        assert np.float32(found.score) == np.float32(score)
        for part in found.parts:
            words = passages[ordinal][int(part.field[1:])].split()
            assert part.tf == words.count(part.term)
            assert part.df == sum(part.term in p[int(part.field[1:])].split() for p in passages)
            assert part.n_passages == sum(bool(p[int(part.field[1:])].split()) for p in passages)
            assert part.boost == query.split().count(part.term)
            assert part.weight == config.fields[part.field] * part.boost * part.idf
        held = {word for text in passages[ordinal] for word in text.split()}
        assert set(found.absent) >= set(query.split()) - held


def test_long_counts_are_exact(tmp_path: Path) -> None:
    """A count whose impact stands for another one is kept apart, and found again."""
    passages = [(" ".join(["w0"] * tf + ["w1"] * 3),) for tf in (1, 2, 90, 91, 254, 255, 256, 1000)]
    searched = retriever(tmp_path, passages, SparseSettings())
    for ordinal, score in searched.search(["w0"])[0]:
        (part,) = explain_score(searched, "w0", ordinal).parts
        assert part.tf == passages[ordinal][0].split().count("w0")
        assert np.float32(part.score) == np.float32(score)


def test_weights_of_the_query_count(tmp_path: Path) -> None:
    searched = retriever(tmp_path, [("w0 w1",), ("w1",)], SparseSettings())
    query = Query("", "", weights={"w0": 2.0, "w1": 0.5})
    found = explain_score(searched, query, 0)
    assert found.score == searched.search([query])[0][0][1]
    assert [part.term for part in found.parts] == ["w0", "w1"]
    assert found.to_dict()["parts"][0]["field"] == "contents"  # type: ignore[index, call-overload]


def test_a_passage_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no passage 9"):
        explain_score(retriever(tmp_path, [("w0",)], SparseSettings()), "w0", 9)

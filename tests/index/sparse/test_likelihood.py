"""Query likelihood equals the formulas computed from the texts, whatever the segments, filters and tombstones."""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from contracts.sparse_corpus import WHITESPACE, make_segment, same, split, text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaniel.index.sparse.lengths import LENGTHS, length_codes
from spaniel.index.sparse.likelihood import SMOOTHINGS, Likelihood, LikelihoodRetriever
from spaniel.index.sparse.scorers import Scorer
from spaniel.index.sparse.segment import SparseSegment
from spaniel.index.sparse.settings import SparseSettings
from spaniel.retrieval.errors import InvalidInput, InvalidQuery
from spaniel.retrieval.protocols import Retriever
from spaniel.retrieval.types import Query, Ranking

FIELDS = st.sampled_from([{"a": 1.0}, {"a": 1.0, "b": 2.5}])


def length_of(tokens: list[str]) -> int:
    return int(LENGTHS[length_codes(np.array([len(tokens)], np.uint32))[0]])


def reference(
    passages: Mapping[int, tuple[str, ...]], query: str, fields: Mapping[str, float], model: Likelihood
) -> dict[int, float]:
    """Ordinal -> score of every passage that holds a term; by definition, with plain floats."""
    scores: dict[int, float] = {}
    for f, field_weight in enumerate(fields.values()):
        texts = {ordinal: split(parts[f]) for ordinal, parts in passages.items()}
        tokens = sum(len(t) for t in texts.values())
        for term, boost in Counter(split(query)).items():
            cf = sum(t.count(term) for t in texts.values())
            if cf == 0:
                continue
            for ordinal, held in texts.items():
                tf, d = held.count(term), length_of(held)
                match model.smoothing:
                    case "dirichlet":
                        gain = math.log(1 + tf / (model.mu * cf / tokens)) + math.log(model.mu / (model.mu + d))
                    case "dirichlet-lucene":
                        p = (cf + 1) / (tokens + 1)
                        gain = max(0.0, math.log(1 + tf / (model.mu * p)) + math.log(model.mu / (model.mu + d)))
                        gain = gain if tf else 0.0
                    case "jelinek-mercer":
                        own = (1 - model.lambda_) * tf / d if tf else 0.0
                        gain = math.log(1 + own / (model.lambda_ * cf / tokens))
                scores[ordinal] = scores.get(ordinal, 0.0) + field_weight * boost * gain
    words = set(split(query))
    return {o: s for o, s in scores.items() if any(words & set(split(part)) for part in passages[o])}


def agrees(found: Ranking, expected: Mapping[int, float], k: int) -> None:
    """The k best of `expected`, in order, up to rounding."""
    assert len(found) == min(k, len(expected))
    np.testing.assert_allclose(found.scores, [expected[int(o)] for o in found.ids], rtol=2e-6, atol=1e-9)
    best = sorted(expected.values(), reverse=True)[: len(found)]
    np.testing.assert_allclose(found.scores, best, rtol=2e-6, atol=1e-9)
    Ranking.of(found.ids, found.scores)  # the order and the ties


def layout(folder: Path, passages: list[tuple[str, ...]], config: SparseSettings, n: int) -> list[SparseSegment]:
    cuts = [cut for cut in np.array_split(np.arange(len(passages)), n) if len(cut)]
    return [
        make_segment(folder / f"sparse-{n:08d}-{i}.bin", [passages[j] for j in cut], config, first=int(cut[0]))
        for i, cut in enumerate(cuts)
    ]


def bury(segments: list[SparseSegment], passages: list[tuple[str, ...]], dead: set[int]) -> None:
    for segment in segments:
        local = segment.local_of(np.array(sorted(dead), dtype=np.int64))
        if len(local):
            segment.tombstones = segment.bury(local, [passages[int(o)] for o in segment.ordinals[local]], WHITESPACE)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), FIELDS, text, st.integers(1, 50), st.integers(2, 4), st.sampled_from(SMOOTHINGS))
def test_equals_the_definition(
    tmp_path: Path,
    data: st.DataObject,
    fields: dict[str, float],
    query: str,
    k: int,
    n_segments: int,
    smoothing: str,
) -> None:
    passages = data.draw(st.lists(st.tuples(*[text] * len(fields)), min_size=1, max_size=40))
    everyone = st.sets(st.integers(0, len(passages) - 1))
    dead, passing, excluded = data.draw(everyone), data.draw(everyone), data.draw(everyone)
    model = Likelihood(
        smoothing,  # type: ignore[arg-type]
        mu=data.draw(st.sampled_from([0.5, 20.0, 1000.0])),
        lambda_=data.draw(st.sampled_from([0.1, 0.7])),
    )
    config = SparseSettings(fields)
    expected = reference({o: p for o, p in enumerate(passages) if o not in dead}, query, fields, model)
    results = []
    for n in (1, n_segments):
        segments = layout(tmp_path, passages, config, n)
        bury(segments, passages, dead)
        retriever = LikelihoodRetriever(
            segments, WHITESPACE, config, model, matching=lambda _: np.array(sorted(passing), dtype=np.int64)
        )
        assert isinstance(retriever, Retriever)
        found = retriever.search([query, query], k=k)
        agrees(found[0], expected, k)
        filtered = retriever.search([query], k=k, where={"any": 1})[0]
        agrees(filtered, {o: s for o, s in expected.items() if o in passing}, k)
        rest = retriever.search([query], k=k, exclude=[excluded])[0]
        agrees(rest, {o: s for o, s in expected.items() if o not in excluded}, k)
        same(retriever.search([query], k=1)[0], found[1][:1])
        results.append(found[0])
    same(results[0], results[1])  # the segments do not matter, to the bit


def test_counts_that_share_an_impact(tmp_path: Path) -> None:
    counts = (1, 2, 30, 31, 32, 200, 255, 256, 257, 300, 4000)
    passages = [("a " * n + "b " * (n % 7),) for n in counts]
    segment = make_segment(tmp_path / "sparse-00000001-0.bin", passages, SparseSettings())
    assert len(segment.arrays["exception_tf"]) > 0
    retriever = LikelihoodRetriever([segment], WHITESPACE, SparseSettings())
    assert retriever.collection_frequency("a") == sum(counts)
    assert retriever.collection_frequency("b") == sum(n % 7 for n in counts)
    assert retriever.collection_frequency("c") == 0
    expected = reference(dict(enumerate(passages)), "a b b", {"contents": 1.0}, Likelihood())
    agrees(retriever.search(["a b b"], k=20)[0], expected, 20)


def test_long_passages_lose_under_dirichlet_and_lucene_cuts_at_zero(tmp_path: Path) -> None:
    passages = [("a " + "x " * 500,), ("a " + "x " * 5,), ("a",), ("x",)]
    segment = make_segment(tmp_path / "sparse-00000001-0.bin", passages, SparseSettings())
    full = LikelihoodRetriever([segment], WHITESPACE, SparseSettings(), Likelihood("dirichlet", mu=50))
    assert full.search(["a"], k=4)[0].ids.tolist() == [2, 1, 0]
    cut = LikelihoodRetriever([segment], WHITESPACE, SparseSettings(), Likelihood("dirichlet-lucene", mu=5))
    assert cut.search(["x"], k=4)[0].scores.min() == 0.0


def test_weighted_queries_and_bad_input(tmp_path: Path) -> None:
    segment = make_segment(tmp_path / "sparse-00000001-0.bin", [("a b",), ("b c c",)], SparseSettings())
    retriever = LikelihoodRetriever([segment], WHITESPACE, SparseSettings())
    same(retriever.search([Query("", "", weights={"c": 2.0, "b": 1.0})])[0], retriever.search(["c b c"])[0])
    assert len(retriever.search(["zzz"])[0]) == len(retriever.search([""])[0]) == 0
    with pytest.raises(InvalidQuery, match="-1"):
        retriever.search([Query("", "", weights={"c": -1.0})])
    with pytest.raises(InvalidQuery, match="year"):
        retriever.search(["a"], where={"year": 1})
    with pytest.raises(InvalidInput, match="k"):
        retriever.search(["a"], k=0)
    with pytest.raises(InvalidInput, match="exclude"):
        retriever.search(["a"], exclude=[])
    for wrong in ({"smoothing": "laplace"}, {"mu": 0.0}, {"mu": float("nan")}, {"lambda_": 1.0}, {"lambda_": 0.0}):
        with pytest.raises(InvalidInput, match=next(iter(wrong)).rstrip("_")):
            Likelihood(**wrong)  # type: ignore[arg-type]
    learned = SparseSettings(scorer=Scorer("impact"))
    impact = make_segment(tmp_path / "sparse-00000002-0.bin", [("a",)], learned)
    with pytest.raises(InvalidInput, match="learned"):
        LikelihoodRetriever([impact], WHITESPACE, learned)


def test_few_counts_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of ever new words does not fill the memory, and what is counted again is the same."""
    monkeypatch.setattr("spaniel.index.sparse.likelihood._TERMS_KEPT", 3)
    config = SparseSettings({"a": 1.0})
    segment = make_segment(tmp_path / "sparse-00000001-0.bin", [(f"w{i} w{i + 1}",) for i in range(20)], config)
    retriever = LikelihoodRetriever([segment], WHITESPACE, config)
    first = [retriever.search([f"w{i}"])[0] for i in range(20)]
    assert len(retriever._collection_frequency) == 3
    for i in range(20):
        same(retriever.search([f"w{i}"])[0], first[i])
        assert retriever.collection_frequency(f"w{i}") == (1 if i == 0 else 2)
    assert len(retriever._collection_frequency) == 3

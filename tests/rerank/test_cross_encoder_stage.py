"""`CrossEncoder`, the stage: a random model of a few kilobytes."""

from pathlib import Path

import numpy as np
import pytest
from contracts.reranker import Reranked, RerankerContract
from contracts.toy import ListStore, WordCount

from benchmarks.cross_encoder_model import SMALL, write_cross_encoder
from spaniel.rerank.cross_encoder import CrossEncoder
from spaniel.rerank.cross_encoders.open import open_pair_model
from spaniel.rerank.ranked import rerank
from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.types import Ranking

WORDS = [
    "how",
    "keys",
    "are",
    "rotated",
    "dogs",
    "bark",
    "at",
    "night",
    "a",
    "lock",
    "opens",
    "every",
    "year",
    "the",
    "office",
]
TEXTS = [" ".join(WORDS[start : start + n]) for start in range(0, 12, 2) for n in (1, 3, 6, 9)]
STORE = ListStore(TEXTS)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cross_encoder(tmp_path_factory.mktemp("model"), words=WORDS, **SMALL)


@pytest.fixture(scope="module")
def stage(model: Path, tmp_path_factory: pytest.TempPathFactory) -> CrossEncoder:
    return CrossEncoder(model, depth=10, threads=2, cache=tmp_path_factory.mktemp("cache"))


class TestCrossEncoder(RerankerContract):
    @pytest.fixture
    def reranked(self, stage: CrossEncoder) -> Reranked:
        rankings = [
            Ranking.sorted(list(range(24)), np.linspace(9, 1, 24)),
            Ranking.sorted([5, 3, 9], [1, 1, 2]),
            Ranking.sorted([7], [1]),
        ]
        return Reranked(stage, ["how are keys rotated", "dogs", "office"], rankings, STORE)


def test_scores_are_the_models_logits(stage: CrossEncoder, model: Path, tmp_path: Path) -> None:
    ranking = Ranking.sorted(list(range(10)), np.linspace(9, 1, 10))
    [after] = stage.rerank(["dogs bark"], [ranking], STORE)
    opened = open_pair_model(model, cache=tmp_path)
    logits = opened.logits(opened.tokenised("dogs bark", TEXTS[:10]))
    expected = dict(zip(range(10), logits.tolist(), strict=True))
    assert [score for _, score in after] == pytest.approx([expected[ordinal] for ordinal, _ in after], abs=1e-5)
    assert list(after.scores) == sorted(after.scores, reverse=True)
    opened.close()


def test_it_composes_and_counts(stage: CrossEncoder) -> None:
    before = stage.usage()["calls"]
    pipeline = WordCount(TEXTS, depth=8) >> stage
    results = pipeline("dogs", k=3)
    assert len(results) == 3 and stage.usage()["calls"] - before == results.trace[0].n_out <= 8
    assert stage.name in results.explain()


def test_texts_are_reranked_by_a_stage_a_folder_or_a_name(
    stage: CrossEncoder, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANIEL_CACHE", str(tmp_path))
    by_stage = rerank("dogs bark", TEXTS, stage, top_n=3)
    assert [hit.index for hit in rerank("dogs bark", TEXTS, model, top_n=3)] == [hit.index for hit in by_stage]
    assert [hit.index for hit in rerank("dogs bark", TEXTS, f"cross-encoder:{model}")][:3] == [
        hit.index for hit in by_stage
    ]


def test_truncated_passages_are_counted_by_query(stage: CrossEncoder) -> None:
    store = ListStore(["dogs " * 200, "dogs"])
    ranking = Ranking.sorted([0, 1], [2, 1])
    _, traces = stage.traced(["dogs", "night"], [ranking, ranking[:1]], store)
    assert [trace.truncated for trace in traces] == [1, 1]
    _, traces = stage.traced(["dogs", "night"], [ranking, Ranking.sorted([1], [1])], store)
    assert [trace.truncated for trace in traces] == [1, 0]


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        CrossEncoder(tmp_path / "nowhere", cache=tmp_path)

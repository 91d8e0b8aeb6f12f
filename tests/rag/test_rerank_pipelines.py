"""Pipelines that rerank: from TOML and by name, their models, their costs, and what of them is cached."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from contracts.small_collection import QUERIES, write
from contracts.toy_encoder import ToyEncoder

from spaniel.eval.collections import Collection, collection
from spaniel.eval.evaluation import evaluate
from spaniel.index.build import build
from spaniel.index.index import Index
from spaniel.models.encoders import open as opening
from spaniel.rag.pipelines import rerank_stages
from spaniel.rag.pipelines.named import find_pipeline
from spaniel.rag.pipelines.spec import PipelineSpec, read_pipeline
from spaniel.rag.pipelines.systems import systems
from spaniel.rerank.budget import Budget
from spaniel.rerank.judges.base import Judge, Judged
from spaniel.rerank.judges.open import JudgeOptions
from spaniel.rerank.judges.open import open_judge as opening_judge
from spaniel.rerank.reranker import Rerank
from spaniel.retrieval.errors import InvalidInput, ModelError

ASKED = list(QUERIES.values())


class Closing(ToyEncoder):
    """Remembers that it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> list[Closing]:
    """Every bi-encoder is a toy; those that were opened, in order."""
    opened: list[Closing] = []

    def open_encoder(model: str, **options: Any) -> Closing:
        opened.append(Closing(seed=len(model), name=model))
        return opened[-1]

    monkeypatch.setattr(opening, "open_encoder", open_encoder)
    return opened


@pytest.fixture
def small(tmp_path: Path) -> Collection:
    return collection(write(tmp_path / "small"))


@pytest.fixture
def index(small: Collection, tmp_path: Path) -> Iterator[Index]:
    with build(small.path, tmp_path / "kb") as opened:
        yield opened


RERANK = 'type = "rerank"\njudge = "cosine:minilm"'


def spec(folder: Path, later: str) -> PipelineSpec:
    path = folder / "mine.toml"
    path.write_text(f'[[stages]]\ntype = "bm25"\n[[stages]]\n{later}', encoding="utf-8")
    return read_pipeline(path)


def test_a_name_and_its_file_are_the_same(index: Index, tmp_path: Path) -> None:
    written = 'type = "rerank"\njudge = "cosine:minilm"\nname = "cosine"'
    (tmp_path / "mine.toml").write_text(f'[[stages]]\ntype = "bm25"\ndepth = 100\n[[stages]]\n{written}')
    assert read_pipeline(tmp_path / "mine.toml").to_json() == find_pipeline("bm25-cosine").to_json()
    pipeline = find_pipeline("bm25-cosine").make(index)
    rankings, traced = pipeline.traced_search(ASKED)
    assert [record.name for record in traced.records] == ["bm25", "cosine"]
    for before, after in zip(traced.steps[0][1], rankings, strict=True):
        assert sorted(before.ids.tolist()) == sorted(after.ids.tolist())
    assert pipeline.usage()["calls"] == sum(map(len, rankings))


@pytest.mark.parametrize(
    "schedule", ['"heapsort"', '"jointrank:size=2,replicas=2"', '{type = "jointrank", size = 2, replicas = 2}']
)
def test_any_schedule_over_any_judge(index: Index, tmp_path: Path, schedule: str) -> None:
    pipeline = spec(tmp_path, RERANK + f"\nschedule = {schedule}\ndepth = 3\nbudget_calls = 50").make(index)
    stage = pipeline.stages[0]
    assert isinstance(stage, Rerank) and stage.depth == 3 and stage.budget is not None
    assert stage.name.startswith("rerank(cosine(minilm), ")
    assert len(pipeline.search(ASKED)) == len(ASKED)


def test_everything_about_judge_and_driver_can_be_written(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[JudgeOptions] = []

    def open_judge(name: str, asks: Any, options: JudgeOptions) -> Any:
        opened.append(options)
        return opening_judge("cosine:minilm", "score")

    monkeypatch.setattr(rerank_stages, "open_judge", open_judge)
    written = "budget_calls = 9\nbudget_tokens = 8\nbudget_seconds = 0.5\nretries = 2\non_failure = 'raise'"
    stage = spec(tmp_path, f"{RERANK}\n{written}\nthreads = 1").make(index).stages[0]
    assert isinstance(stage, Rerank)
    assert stage.budget == Budget(9, 8, 0.5) and (stage.retries, stage.on_failure) == (2, "raise")
    llm = 'type = "rerank"\njudge = "llm:http://localhost:1#m"\nmax_prompt_tokens = 900'
    spec(tmp_path, llm).make(index)
    assert (opened[0].threads, opened[1].max_prompt_tokens) == (1, 900)


def test_scores_may_be_added_to_the_first_stages(index: Index, tmp_path: Path) -> None:
    def ranked(weight: float) -> Any:
        return spec(tmp_path, RERANK + f"\nweight = {weight}").make(index).search(["moon dogs", "stars"])

    first = index.bm25().search(["moon dogs", "stars"])
    assert [ranking.ids.tolist() for ranking in ranked(0.0)] == [ranking.ids.tolist() for ranking in first]
    assert ranked(1.0) != ranked(0.5)


def test_rankings_are_cut_by_what_the_judge_says(index: Index, tmp_path: Path) -> None:
    cut = spec(tmp_path, RERANK + '\n[[stages]]\ntype = "threshold"\nmin_score = 0.5').make(index)
    for ranking in cut.search(ASKED):
        assert (ranking.scores >= 0.5).all()
    one = spec(tmp_path, RERANK + '\n[[stages]]\ntype = "cumulative"\nmass = 0.01').make(index)
    assert max(map(len, one.search(ASKED))) == 1


@pytest.mark.parametrize(
    ("later", "said"),
    [
        (RERANK + '\nschedule = "windoww"', "did you mean 'window'?"),
        (RERANK + '\nschedule = {type = "window", width = 3}', "no setting 'width'"),
        (RERANK + '\nschedule = {type = "window", window = "wide"}', "window = 'wide'"),
        (RERANK + "\ndepth = 0", "depth is 0"),
        (RERANK + "\ntop = 0", "top is 0"),
        (RERANK + "\nbudget_calls = -1", "calls is -1"),
        (RERANK + "\nbudget_seconds = -1", "seconds is -1"),
        (RERANK + "\nretries = -1", "retries is -1"),
        (RERANK + "\nthreads = 0", "threads is 0"),
        (RERANK + '\non_failure = "pray"', "on_failure"),
        (RERANK + "\nweight = 1.5", "weight is 1.5"),
        (RERANK + '\nboth_orders = "never"', "both_orders"),
        (RERANK + '\njugde = "x"', "did you mean 'judge'?"),
        ('type = "threshold"', "give min_score or min_probability"),
        ('type = "threshold"\nmin_probability = 0.5', "needs a calibration"),
        ('type = "cumulative"\nmass = 2.0', "mass is 2.0"),
        ('type = "adaptive-k"\nmethod = "gap"', "one of largest_gap, moving_avg"),
        ('type = "adaptive-k"\nmax_k = 0', "max_k is 0"),
        ('type = "fixed-k"\nn = 3', "no key 'n'"),
        ('type = "cross-encoder"', "model is missing"),
        ('type = "remote-rerank"', "url is missing"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_runs(tmp_path: Path, later: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        spec(tmp_path, later)
    assert said in str(refused.value) and "mine.toml" in str(refused.value)


def test_models_that_are_not_there_are_named(index: Index, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        spec(tmp_path, f'type = "cross-encoder"\nmodel = "{tmp_path}/nowhere"').make(index)
    with pytest.raises(InvalidInput, match="an oracle answers from judgements"):
        spec(tmp_path, 'type = "rerank"\njudge = "oracle"').make(index)


def test_an_evaluation_knows_the_model_and_its_cost(small: Collection, tmp_path: Path, toys: list[Closing]) -> None:
    cache = tmp_path / "cache"

    def evaluated(model: str) -> Any:
        with ExitStack() as stack:
            mine = spec(tmp_path, f'type = "rerank"\njudge = "cosine:{model}"')
            ready = systems([mine], small, stack, cache=cache)
            return evaluate(ready, small, ["nDCG@10"], timing_s=0, cache=cache).to_dict()["pipelines"][0]

    first = evaluated("small")
    assert first["cost"]["model_calls"] > 0 and first["cost"]["tokens"] > 0
    assert toys[0].closed
    n_asked = len(toys[0].asked)
    again = evaluated("small")
    assert again["measures"] == first["measures"] and again["card"]["from_cache"]
    assert toys[1].asked == [] and n_asked
    other = evaluated("larger")
    assert other["card"]["from_cache"] is None


def test_what_does_not_say_what_it_is_is_not_cached(small: Collection, tmp_path: Path) -> None:
    with ExitStack() as stack:
        remote = spec(tmp_path, 'type = "remote-rerank"\nurl = "http://localhost:1"')
        assert systems([remote], small, stack, cache=tmp_path)["mine"].definition is None
        for budget, kept in (("budget_calls = 5", True), ("budget_seconds = 5", False)):
            mine = spec(tmp_path, f"{RERANK}\n{budget}")
            assert (systems([mine], small, stack, cache=tmp_path)["mine"].definition is not None) == kept


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("", "judge is missing"),
        ('judge = "oracle"', "an oracle answers from judgements, which a pipeline has not"),
        ('judge = "cosine:m"\nboth_orders = "foo"', "both_orders = 'foo': it must be one of both, random, given"),
        ('judge = "cosine:m"\nprecision = "int4"', "it must be one of fp32, int8"),
        ('judge = "cosine:m"\nseed = -5', "seed is -5; it must be at least 0"),
        ('judge = "llm:http://h#m"\nconcurrency = 0', "concurrency is 0; it must be at least 1"),
        ('judge = "cosine:m"\nconcurrency = 3', "cosine has no concurrency"),
        ('judge = "cosine:m"\nprovider = "cuda"', "cosine has no provider"),
        ('judge = "cosine:m"\nbudget_calls = -1', "budget_calls is -1; it must be at least 0"),
        ('judge = "cosine:m"\nbudget_seconds = -1', "budget_seconds is -1"),
        ('judge = "cosine:m"\nschedule = "sampled:pairs=foo"', "pairs = 'foo': it must be one of "),
    ],
)
def test_what_a_file_may_not_say(tmp_path: Path, written: str, told: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(f'[[stages]]\ntype = "bm25"\n[[stages]]\ntype = "rerank"\n{written}\n', encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        read_pipeline(path)
    assert told in str(caught.value) and "None" not in str(caught.value)
    assert str(path) in str(caught.value)


class Cuts(Judge):
    """Says that it read no passage whole."""

    name, kinds = "cuts", frozenset({"score"})

    def _score(self, calls: Any) -> Judged:
        return Judged([1.0] * len(calls), [1] * len(calls), len(calls))


def test_texts_that_a_reranker_cuts_are_told(small: Collection, index: Index) -> None:
    pipelines = {"cut": index.bm25() >> Rerank(Cuts(), depth=2), "whole": index.bm25()}
    cut, whole = evaluate(pipelines, small, ["nDCG@10"], timing_s=0, cache=None).results.pipelines
    assert any("texts were longer than its model reads" in warning for warning in cut.warnings)
    assert not any("longer" in warning for warning in whole.warnings)

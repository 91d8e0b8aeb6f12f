"""Stages that rerank: more of the table in `stages.py`.

The model of a stage is opened when the pipeline is made, which is when an evaluation begins, and closed with it. A
`weight` below 1 adds the reranker's scores to the first stage's (`retrieval/interpolation.py`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from spaniel.rerank.budget import Budget
from spaniel.rerank.judges.open import JudgeOptions, check_judge, open_judge
from spaniel.rerank.reranker import Rerank
from spaniel.rerank.schedules.base import Schedule
from spaniel.rerank.schedules.table import make_schedule, read_schedule
from spaniel.rerank.whole import check_whole
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.interpolation import Interpolated, check_weight
from spaniel.retrieval.pipeline import Pipeline

from .stages import check_depth, stage

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["CrossEncoder", "RemoteRerank", "Reranking", "rerankers_of"]

Setting = str | int | float | bool
_WHOLE = {
    "top": 1,
    "budget_calls": 0,
    "budget_tokens": 0,
    "seed": 0,
    "retries": 0,
    "max_length": 1,
    "threads": 1,
    "max_passage_tokens": 1,
    "max_prompt_tokens": 1,
    "thinking_tokens": 0,
    "concurrency": 1,
}
"""Settings of `Reranking` that count, and the least that each may be."""


@stage("cross-encoder")
@dataclass(frozen=True, slots=True)
class CrossEncoder:
    """A cross-encoder that scores the best `depth`: `model` is a folder, an export, or hub:owner/name."""

    kind: ClassVar[Literal["source", "later"]] = "later"
    model: str = ""
    depth: int = 50
    precision: Literal["fp32", "int8"] = "fp32"
    provider: Literal["cpu", "cuda", "tensorrt", "openvino"] = "cpu"
    max_length: int | None = None
    weight: float = 1.0
    name: str | None = None

    def __post_init__(self) -> None:
        check_depth("cross-encoder", self.depth)
        check_weight("cross-encoder", self.weight)
        if not self.model:
            raise InvalidInput("cross-encoder", "model is missing", hint='write model = "FOLDER" or "hub:owner/name"')

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        options = JudgeOptions(self.precision, self.provider, self.max_length)
        judge = open_judge(f"cross-encoder:{self.model}", "score", options)
        return _mixed(Rerank(judge, depth=self.depth, name=self.name or judge.name), self.weight)


@stage("rerank")
@dataclass(frozen=True, slots=True)
class Reranking:
    """Any judge under any schedule; `schedule` is a name with settings, or a table of both."""

    kind: ClassVar[Literal["source", "later"]] = "later"
    judge: str = ""
    schedule: str | dict[str, Setting] = "pointwise"
    depth: int = 100
    top: int = 10
    budget_calls: int | None = None
    budget_tokens: int | None = None
    budget_seconds: float | None = None
    both_orders: Literal["both", "random", "given"] | None = None
    seed: int = 0
    on_failure: Literal["neutral", "raise"] = "neutral"
    retries: int = 0
    precision: Literal["fp32", "int8"] = "fp32"
    provider: Literal["cpu", "cuda", "tensorrt", "openvino"] = "cpu"
    max_length: int | None = None
    threads: int | None = None
    mode: Literal["generation", "likelihood"] = "generation"
    max_passage_tokens: int = 300
    max_prompt_tokens: int | None = None
    thinking_tokens: int = 0
    concurrency: int = 8
    weight: float = 1.0
    name: str | None = None

    def __post_init__(self) -> None:
        check_depth("rerank", self.depth)
        check_weight("rerank", self.weight)
        if not self.judge:
            raise InvalidInput(
                "rerank", "judge is missing", hint='write judge = "cosine:minilm" or "cross-encoder:MODEL"'
            )
        for name, least in _WHOLE.items():
            if (value := getattr(self, name)) is not None:
                check_whole("rerank", name, value, least=least)
        if self.budget_seconds is not None and not 0 <= self.budget_seconds < float("inf"):
            raise InvalidInput("rerank", f"budget_seconds is {self.budget_seconds}; it must be 0 or more")
        if check_judge(self.judge, self._options())[0] == "oracle":
            hint = "rerank a run: spaniel rerank run RUN --corpus COLLECTION --judge oracle --out OUT"
            raise InvalidInput("rerank", "an oracle answers from judgements, which a pipeline has not", hint)
        self._schedule()
        self._budget()

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        schedule = self._schedule()
        judge = open_judge(self.judge, schedule.asks, self._options())
        reranker = Rerank(
            judge,
            schedule,
            depth=self.depth,
            top=self.top,
            budget=self._budget(),
            both_orders=self.both_orders,
            seed=self.seed,
            on_failure=self.on_failure,
            retries=self.retries,
            name=self.name,
        )
        return _mixed(reranker, self.weight)

    def _schedule(self) -> Schedule:
        if isinstance(self.schedule, str):
            return read_schedule(self.schedule)
        settings = {key: value for key, value in self.schedule.items() if key != "type"}
        return make_schedule(str(self.schedule.get("type", "")), settings)

    def _options(self) -> JudgeOptions:
        return JudgeOptions(
            self.precision,
            self.provider,
            self.max_length,
            self.threads,
            mode=self.mode,
            max_passage_tokens=self.max_passage_tokens,
            max_prompt_tokens=self.max_prompt_tokens,
            thinking_tokens=self.thinking_tokens,
            concurrency=self.concurrency,
        )

    def _budget(self) -> Budget:
        return Budget(self.budget_calls, self.budget_tokens, self.budget_seconds)


@stage("remote-rerank")
@dataclass(frozen=True, slots=True)
class RemoteRerank:
    """A rerank server at `url`; its key comes from the environment (see `rerank/client.py`)."""

    kind: ClassVar[Literal["source", "later"]] = "later"
    url: str = ""
    dialect: Literal["jina", "cohere", "tei"] = "jina"
    model: str = ""
    depth: int = 100
    concurrency: int = 4
    weight: float = 1.0
    name: str | None = None

    def __post_init__(self) -> None:
        check_depth("remote-rerank", self.depth)
        check_weight("remote-rerank", self.weight)
        if not self.url:
            raise InvalidInput("remote-rerank", "url is missing", hint='write url = "http://localhost:8080"')

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        from spaniel.rerank.remote import RemoteReranker

        reranker = RemoteReranker(
            self.url,
            dialect=self.dialect,
            model=self.model,
            depth=self.depth,
            concurrency=self.concurrency,
            name=self.name,
        )
        return _mixed(reranker, self.weight)


def _mixed(reranker: Rerank, weight: float) -> Rerank | Interpolated:
    """The reranker, or its scores added to the first stage's."""
    return reranker if weight == 1 else Interpolated(reranker, weight, depth=reranker.depth, name=reranker.name)


def rerankers_of(pipeline: Pipeline) -> list[Rerank]:
    """The rerankers among the stages, those whose scores are added to others' too."""
    inner = (each.reranker if isinstance(each, Interpolated) else each for each in pipeline.stages)
    return [each for each in inner if isinstance(each, Rerank)]

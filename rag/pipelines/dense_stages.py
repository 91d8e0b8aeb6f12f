"""Stages that search vectors, and hybrids of these with words: more of the table in `stages.py`."""

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from spaniel.index.dense.asking import opening
from spaniel.index.dense.feedback import Feedback as FeedbackRetriever
from spaniel.index.dense.mmr import Mmr as MmrStage
from spaniel.index.dense.retriever import DenseRetriever
from spaniel.retrieval.calibration import calibrated
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import Retriever

from .stages import StageSpec, check_depth, check_sources, stage

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["Calibrated", "Dense", "Feedback", "Mmr", "asked", "query_models_named"]

_RELATIVE = "it must stand over the passages of the index; a path in a pipeline's file begins in the folder you are in"


@stage("dense")
@dataclass(frozen=True, slots=True)
class Dense:
    """The vectors of the index's model.

    `part` names a dense part, in an index that holds several; the other keys are those of `Index.dense`. What
    `query_model` names (a path from the working folder, as all of a file's are) goes before what the index itself is
    asked by.
    """

    kind: ClassVar[Literal["source", "later"]] = "source"
    candidates: int = 100
    nprobe: int | None = None
    ef: int | None = None
    depth: int | None = None
    part: str | None = None
    name: str | None = None
    query_model: str | None = None

    def __post_init__(self) -> None:
        check_depth("dense", self.depth)
        if self.query_model == "":
            raise InvalidInput("dense", "query_model is empty", hint="name a folder, or leave it out")
        for key in ("candidates", "nprobe", "ef"):
            value = getattr(self, key)
            if value is not None and value < 1:
                raise InvalidInput("dense", f"{key} is {value}; it must be at least 1")

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        with nullcontext() if self.query_model is None else opening(_told(self.query_model), _RELATIVE):
            made = index.dense(
                self.part,
                self.depth or depth,
                query_model=self.query_model,
                candidates=self.candidates,
                nprobe=self.nprobe,
                ef=self.ef,
            )
        made.name = self.name or "dense"
        return made


def _told(query_model: str) -> str:
    return f"stage dense, query_model = {query_model!r}"


@stage("calibrated")
@dataclass(frozen=True, slots=True)
class Calibrated:
    """Several sources, fused by what their scores amount to (`retrieval/calibration.py`); equal weights by default."""

    kind: ClassVar[Literal["source", "later"]] = "source"
    sources: tuple[StageSpec, ...] = ()
    weights: tuple[float, ...] = ()
    name: str = "calibrated"

    def __post_init__(self) -> None:
        check_sources("calibrated", self.sources, self.weights)

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        made = [source.make(index, depth) for source in self.sources]
        return calibrated(*made, weights=self.weights or None, name=self.name)


@stage("feedback")
@dataclass(frozen=True, slots=True)
class Feedback:
    """The first of `sources`, a `dense`, moved towards what the second finds, or itself where there is none."""

    kind: ClassVar[Literal["source", "later"]] = "source"
    sources: tuple[StageSpec, ...] = ()
    k: int = 3
    weight: float = 0.2
    gate: float = 0.8

    def __post_init__(self) -> None:
        check_sources("feedback", self.sources)
        if len(self.sources) > 2 or not isinstance(self.sources[0], Dense):
            raise InvalidInput("feedback", "takes a dense source, and perhaps one more that feeds it")

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        searched, *feeding = [source.make(index, depth) for source in self.sources]
        assert isinstance(searched, DenseRetriever)
        first = next(iter(feeding), None)
        assert first is None or isinstance(first, Retriever)
        return FeedbackRetriever(searched, first, k=self.k, weight=self.weight, gate=self.gate)


@stage("mmr")
@dataclass(frozen=True, slots=True)
class Mmr:
    """Maximal marginal relevance over the best `depth`, by the vectors of `part`; `weight` is that of relevance."""

    kind: ClassVar[Literal["source", "later"]] = "later"
    weight: float = 0.7
    depth: int = 50
    part: str | None = None

    def __post_init__(self) -> None:
        check_depth("mmr", self.depth)
        if not 0 <= self.weight <= 1:
            raise InvalidInput("mmr", f"weight is {self.weight}; it must lie between 0 and 1")

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        return MmrStage(index.dense(self.part), weight=self.weight, depth=self.depth)


def query_models_named(*stages: StageSpec) -> list[str | None]:
    """For each `dense` among them and their sources: the query model that it names, or None."""
    found: list[str | None] = []
    for each in stages:
        found += [each.query_model] if isinstance(each, Dense) else []
        found += query_models_named(*getattr(each, "sources", ()))
    return found


def asked(*stages: StageSpec) -> bool:
    """Whether one of them, or of their sources, leaves it to the index who encodes its questions."""
    return None in query_models_named(*stages)

"""Stages that search twice: feedback on words, and several steps. More of the table in `stages.py`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from spaniel.index.sparse.feedback import Rule, TermFeedback
from spaniel.index.sparse.retriever import Bm25Retriever
from spaniel.rag.routing.steps import Several as SeveralSteps
from spaniel.rag.routing.steps import check_steps
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.feedback import check_feedback
from spaniel.retrieval.protocols import Retriever

from .stages import Bm25, StageSpec, check_sources, stage

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["Rm3", "Rocchio", "Several"]


@dataclass(frozen=True, slots=True)
class _Feedback:
    """Feedback on words by one rule; see `index/sparse/feedback.py`."""

    kind: ClassVar[Literal["source", "later"]] = "source"
    rule: ClassVar[Rule]
    sources: tuple[StageSpec, ...] = (Bm25(),)
    k: int = 10
    n_terms: int = 10
    weight: float = 0.5

    def __post_init__(self) -> None:
        check_sources(self.rule, self.sources)
        if len(self.sources) > 2 or not isinstance(self.sources[0], Bm25):
            raise InvalidInput(self.rule, "takes a bm25 source, and perhaps one more that feeds it")
        check_feedback(self.rule, self.k, self.n_terms, self.weight)

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        words, *feeding = [source.make(index, depth) for source in self.sources]
        assert isinstance(words, Bm25Retriever)
        first = next(iter(feeding), None)
        assert first is None or isinstance(first, Retriever)
        return TermFeedback(words, first, rule=self.rule, k=self.k, n_terms=self.n_terms, weight=self.weight)


@stage("rm3")
@dataclass(frozen=True, slots=True)
class Rm3(_Feedback):
    """The first of `sources`, a `bm25`, with terms of what the second finds, or itself where there is none, by RM3."""

    rule: ClassVar[Rule] = "rm3"


@stage("rocchio")
@dataclass(frozen=True, slots=True)
class Rocchio(_Feedback):
    """The first of `sources`, a `bm25`, with terms of what the second finds, or itself, by Rocchio's rule."""

    rule: ClassVar[Rule] = "rocchio"


@stage("several")
@dataclass(frozen=True, slots=True)
class Several:
    """The one of `sources`, searched again for names in its best `k` passages; see `routing/steps.py`."""

    kind: ClassVar[Literal["source", "later"]] = "source"
    sources: tuple[StageSpec, ...] = (Bm25(),)
    k: int = 1
    n_leads: int = 3
    weight: float = 0.5

    def __post_init__(self) -> None:
        check_sources("several", self.sources)
        if len(self.sources) != 1:
            raise InvalidInput("several", f"takes one source, not {len(self.sources)}")
        check_steps(self.k, self.n_leads, self.weight)

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        searched = self.sources[0].make(index, depth)
        assert isinstance(searched, Retriever)
        return SeveralSteps(searched, k=self.k, n_leads=self.n_leads, weight=self.weight)

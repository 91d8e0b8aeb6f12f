"""The parts of an engine that learn, as it sees them; `rag/routing` has the ones that come with Spaniel."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.protocols import Retriever
from spaniel.retrieval.types import Query

__all__ = ["Checked", "QueryRewriter", "RewrittenQuery", "Router"]


class RewrittenQuery(Protocol):
    """What is searched for instead of the question.

    Attributes:
        text: for people.
        queries: what is searched: one query, or several whose rankings are fused.
        decision: which rewrite was chosen, to be learned from; None where there was nothing to choose.
    """

    @property
    def text(self) -> str: ...
    @property
    def queries(self) -> Sequence[Query]: ...
    @property
    def decision(self) -> Decision | None: ...


@runtime_checkable
class QueryRewriter(Protocol):
    """Turns a question into queries. Safe to call from several threads."""

    def rewrite(self, question: str, *, preferences: Mapping[str, float] | None = None) -> RewrittenQuery:
        """The queries for a question."""
        ...

    def learn(self, decision: Decision, metrics: float | Mapping[str, float]) -> None:
        """Take in what a rewrite was worth."""
        ...


@runtime_checkable
class Router(Protocol):
    """Decides how a question is searched for. Safe to call from several threads."""

    def decide(
        self, question: str, *, preferences: Mapping[str, float] | None = None
    ) -> tuple[Decision, Retriever | None]:
        """What was decided, and the pipeline that searches; None for no search at all."""
        ...

    def learn(self, decision: Decision, metrics: float | Mapping[str, float]) -> None:
        """Take in what a route was worth."""
        ...


@runtime_checkable
class Checked(Protocol):
    """A router or rewriter that says beforehand whether it can learn."""

    def check(self, decision: Decision, metrics: float | Mapping[str, float]) -> None:
        """Raise what `learn` would; learn nothing."""
        ...

"""The parts of an engine that learn, as it sees them; `rag/routing` has the ones that come with Spaniel."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.protocols import Retriever

__all__ = ["QueryRewriter", "RewrittenQuery", "Router"]


class RewrittenQuery(Protocol):
    """What is searched for instead of the question.

    Attributes:
        text: the query.
        decision: which rewrite was chosen, to be learned from; None where there was nothing to choose.
    """

    @property
    def text(self) -> str: ...
    @property
    def decision(self) -> Decision | None: ...


@runtime_checkable
class QueryRewriter(Protocol):
    """Turns a question into a query. Safe to call from several threads."""

    def rewrite(self, question: str) -> RewrittenQuery:
        """The query for a question."""
        ...

    def learn(self, decision: Decision, metrics: Mapping[str, float]) -> None:
        """Take in what a rewrite was worth."""
        ...


@runtime_checkable
class Router(Protocol):
    """Decides how a question is searched for. Safe to call from several threads."""

    def decide(self, question: str) -> tuple[Decision, Retriever | None]:
        """What was decided, and the pipeline that searches; None for no search at all."""
        ...

    def learn(self, decision: Decision, metrics: Mapping[str, float]) -> None:
        """Take in what a route was worth."""
        ...

"""Rewrites: in which words a question is searched, decided by a policy that learns from what came of it.

The arms are those of QueryBandits (arXiv 2508.16697), as far as they need no LLM, and two that do: see `rewrites.py`.
A rewrite changes what is searched; the reader of the passages still gets the question as it was asked.

    rewriter = Rewriter({"none": unchanged, "expand": Expand(kb.bm25())}, policy)
    rewritten = rewriter.rewrite("how do I rotate a key?")
    [ranking] = pipeline.search(rewritten.queries)
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from spaniel.retrieval import fusion
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.bandits.log import DecisionLog
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.protocols import Retriever, RoutePolicy, Where
from spaniel.retrieval.types import Query, Ranking

from .chooser import Chooser, Features
from .fixed import Always

__all__ = ["Rewrite", "Rewriter", "Rewritten", "search_rewritten"]


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A question in the words that are searched.

    Attributes:
        text: what retrievers read.
        terms: analysed term -> weight, for searches by words, in place of the text; None where the text says it all.
        parts: questions to be searched one by one, their rankings fused; empty for one search.
        arm: which rewrite made it.
        decision: to learn from; None where nothing was decided.
    """

    text: str
    terms: Mapping[str, float] | None = None
    parts: tuple[str, ...] = ()
    arm: str = "none"
    decision: Decision | None = None

    @property
    def queries(self) -> list[Query]:
        """What to search: one query, or one for each part."""
        if self.parts:
            return [Query("", part) for part in self.parts]
        return [Query("", self.text, weights=self.terms)]


Rewrite = Callable[[str], Rewritten]
"""A question in other words. Safe to call from several threads."""


class Rewriter(Chooser):
    """Chooses a rewrite and applies it. Safe to call from several threads, as its policy and rewrites are.

    Args:
        rewrites: name -> rewrite.
        policy: chooses among them; by default the only one is always taken.
        features: what the policy is told of a question; None for policies without context.
        log: where every decision is written with its probabilities, and once more with what it was worth.

    Raises:
        InvalidInput: several rewrites without a policy, or the policy's arms are others.
    """

    role: ClassVar[str] = "rewriter"

    def __init__(
        self,
        rewrites: Mapping[str, Rewrite],
        policy: RoutePolicy | None = None,
        *,
        features: Features | None = None,
        log: DecisionLog | None = None,
    ) -> None:
        if policy is None:
            if len(rewrites) != 1:
                raise InvalidInput("rewriter", f"{len(rewrites)} rewrites and no policy to choose one of them")
            policy = Always(next(iter(rewrites)))
        super().__init__(policy, rewrites, features, log)
        self.rewrites = dict(rewrites)

    def rewrite(
        self,
        question: str,
        *,
        preferences: Mapping[str, float] | None = None,
        allowed: Collection[str] | None = None,
    ) -> Rewritten:
        """The question in the words to be searched, with the decision to learn from.

        Args:
            preferences: weight of each metric of the reward for this question.
            allowed: names of the rewrites that can be taken now; all by default.

        Raises:
            InvalidInput: an arm that is not there, or none is allowed.
            ModelError: a rewrite by an LLM that does not answer.
        """
        decision = self._decided(question, preferences, allowed)
        made = self.rewrites[decision.arm](question)
        return replace(made, arm=decision.arm, decision=decision)


def search_rewritten(
    retriever: Retriever,
    rewritten: Rewritten,
    *,
    k: int | None = None,
    exclude: Collection[int] | None = None,
    where: Where | None = None,
) -> Ranking:
    """One ranking for a rewritten question; those of several parts are fused by reciprocal rank."""
    queries = rewritten.queries
    hidden: Sequence[Collection[int]] | None = None if exclude is None else [exclude] * len(queries)
    found = retriever.search(queries, k=k, exclude=hidden, where=where)
    return found[0] if len(found) == 1 else fusion.rrf(found)[:k]

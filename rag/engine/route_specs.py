"""`[route]` and `[rewrite]` of an engine's file: which arms there are, and the policy that chooses among them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from spaniel.rag.pipelines.named import find_pipeline
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import Pipeline
from spaniel.retrieval.policies.bandits.table import make_policy, read_policy
from spaniel.retrieval.protocols import Retriever, RoutePolicy
from spaniel.retrieval.types import JSON

if TYPE_CHECKING:
    from spaniel.index.index import Index
    from spaniel.rag.routing.context import QuestionContext
    from spaniel.rag.routing.rewriter import Rewrite, Rewriter
    from spaniel.rag.routing.router import Router

__all__ = ["RewriteSpec", "RouteSpec"]

Setting = int | float | str | bool | dict[str, float]
Context = Literal["none", "question", "search"]


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """A policy that chooses among arms.

    Attributes:
        policy: its name in the table of bandits.
        settings: of the policy, as `make_policy` takes them; the seed among them.
        context: what it knows of a question: "question" (its words and how rare they are), "search" (also how a BM25
            search scores), "none".
        state: file with what it has learned; read if it is there, written by `Engine.save`.
    """

    policy: str = "linucb"
    settings: dict[str, Setting] = field(default_factory=dict)
    context: Context = "question"
    state: str | None = None

    def _policy(self, arms: Sequence[str], context: "QuestionContext | None") -> RoutePolicy:
        if self.state is not None and Path(self.state).is_file():
            learned = read_policy(self.state)
            if learned.name != self.policy:
                raise InvalidInput(self.state, f"holds a policy {learned.name!r}; the file asks for {self.policy!r}")
            return learned
        dimension = None if context is None else context.dimension
        return make_policy(self.policy, list(arms), dimension, **self.settings)

    def _features(self, index: "Index") -> "QuestionContext | None":
        from spaniel.rag.routing.context import context_of

        return None if self.context == "none" else context_of(index, search=self.context == "search")

    def _check(self, where: str, n_arms: int) -> None:
        if n_arms < 2:
            raise InvalidInput(where, f"{n_arms} arms leave nothing to choose; give two or more")
        if self.context not in get_args(Context):
            raise InvalidInput(where, f"context is {self.context!r}; it must be one of {', '.join(get_args(Context))}")
        make_policy(self.policy, [str(arm) for arm in range(n_arms)], 1, **self.settings)


@dataclass(frozen=True, slots=True)
class RouteSpec(PolicySpec):
    """Which pipeline searches.

    Attributes:
        arms: name -> "" (no search), "default" (the engine's own pipeline), or a pipeline's name or file.
    """

    arms: dict[str, str] = field(default_factory=lambda: {"none": "", "one": "default"})

    def __post_init__(self) -> None:
        self._check("route", len(self.arms))

    def to_json(self) -> dict[str, JSON]:
        """What decides its choices and what they lead to: also what stands in the files of its arms."""
        meant: dict[str, JSON] = {
            name: find_pipeline(said).to_json() for name, said in self.arms.items() if said not in ("", "default")
        }
        return {"spec": repr(self), "arms": meant}

    def make(self, index: "Index", default: Pipeline, before: object = None) -> "Router":
        """The router over an index.

        Args:
            before: the one over an earlier generation of it, whose policy goes on.
        """
        from spaniel.rag.routing.router import Router

        arms: dict[str, Retriever | None] = {}
        for name, meant in self.arms.items():
            arms[name] = default if meant == "default" else find_pipeline(meant).make(index) if meant else None
        context = self._features(index)
        if isinstance(before, Router):
            return Router(before.policy, arms, features=context)
        return Router(self._policy(list(arms), context), arms, features=context)


Arm = Literal["none", "expand", "simplify", "clarify"]


@dataclass(frozen=True, slots=True)
class RewriteSpec(PolicySpec):
    """In which words a question is searched.

    Attributes:
        arms: some of "none", "expand" (by terms of what a first search finds), "simplify" (content words alone) and
            "clarify" (names and rare words twice); with one alone that one is always taken.
    """

    arms: tuple[Arm, ...] = ("none", "expand", "simplify", "clarify")

    def __post_init__(self) -> None:
        for arm in self.arms:
            if arm not in get_args(Arm):
                raise InvalidInput("rewrite", f"no arm is called {arm!r}; there are {', '.join(get_args(Arm))}")
        if len(self.arms) != 1:
            self._check("rewrite", len(set(self.arms)))

    def make(self, index: "Index", before: object = None) -> "Rewriter":
        """The rewriter over an index.

        Args:
            before: the one over an earlier generation of it, whose policy goes on.
        """
        from spaniel.rag.routing.rewriter import Rewrite, Rewriter

        rewrites: dict[str, Rewrite] = {arm: _rewrite(arm, index) for arm in self.arms}
        if len(rewrites) == 1:
            return Rewriter(rewrites)
        context = self._features(index)
        if isinstance(before, Rewriter):
            return Rewriter(rewrites, before.policy, features=context)
        return Rewriter(rewrites, self._policy(list(rewrites), context), features=context)


def _rewrite(arm: Arm, index: "Index") -> "Rewrite":
    from spaniel.index.sparse.feedback import TermFeedback
    from spaniel.index.sparse.frequencies import TermFrequencies
    from spaniel.rag.routing.rewrites import Clarify, Expand, simplify, unchanged

    match arm:
        case "none":
            return unchanged
        case "simplify":
            return simplify
        case "expand":
            return Expand(TermFeedback(index.bm25()))
        case "clarify":
            return Clarify(TermFrequencies(index.bm25()))

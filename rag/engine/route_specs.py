"""`[route]` and `[rewrite]` of an engine's file: which arms there are, and the policy that chooses among them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from spaniel.rag.pipelines.named import find_pipeline
from spaniel.rag.pipelines.spec import PipelineSpec
from spaniel.rag.routing.fixed import Always
from spaniel.rerank.llm.chat import Chat
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import Pipeline
from spaniel.retrieval.policies.bandits.base import Bandit
from spaniel.retrieval.policies.bandits.budgeted import BudgetedBandit
from spaniel.retrieval.policies.bandits.log import DecisionLog
from spaniel.retrieval.policies.bandits.shadow import Shadow
from spaniel.retrieval.policies.bandits.state import opened
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
Context = Literal["none", "question", "search", "both"]
_ANOTHER = "name another state file, or make the settings what they were"


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """A policy that chooses among arms.

    Attributes:
        policy: its name in the table of bandits.
        settings: of the policy, as `make_policy` takes them; the seed among them.
        context: what it knows of a question: "question" (its words and how rare they are), "search" (also how a BM25
            search scores), "both" (also how a search of vectors does, and how much both find), "none".
        state: file with what it has learned; read if it is there, written by `Engine.save`.
        log: file to which every decision is appended with its probabilities, and what came of it when it is learned.
        shadow: an arm that is always taken, while the policy decides and learns beside it; what it would have done is
            logged too.
        budgets: metric -> what an answer may spend of it on average, in its own unit; see `BudgetedBandit`.
    """

    policy: str = "linucb"
    settings: dict[str, Setting] = field(default_factory=dict)
    context: Context = "question"
    state: str | None = None
    log: str | None = field(default=None, kw_only=True)
    shadow: str | None = field(default=None, kw_only=True)
    budgets: dict[str, float] = field(default_factory=dict, kw_only=True)

    def _decides(
        self, index: "Index", arms: Sequence[str], before: object
    ) -> "tuple[RoutePolicy, QuestionContext | None, DecisionLog | None]":
        """(policy, what it is told of a question, its log); over a new generation policy and log go on."""
        from spaniel.rag.routing.chooser import Chooser

        context = self._features(index) if len(arms) > 1 else None
        if isinstance(before, Chooser):
            return before.policy, context, before.log
        log = None if self.log is None else DecisionLog(self.log)
        return self._policy(arms, context, log), context, log

    def _policy(self, arms: Sequence[str], context: "QuestionContext | None", log: DecisionLog | None) -> RoutePolicy:
        if len(arms) == 1:
            return Always(arms[0])
        policy = self._made(arms, None if context is None else context.dimension)
        if self.state is not None and Path(self.state).is_file():
            policy = _read(self.state, policy)
        return policy if self.shadow is None else Shadow(policy, self.shadow, log=log)

    def _made(self, arms: Sequence[str], dimension: int | None) -> Bandit | BudgetedBandit:
        """A policy that has learned nothing."""
        plain = make_policy(self.policy, list(arms), dimension, **self.settings)
        return BudgetedBandit(plain, self.budgets) if self.budgets else plain

    def _features(self, index: "Index") -> "QuestionContext | None":
        from spaniel.rag.routing.context import context_of

        if self.context == "none":
            return None
        return context_of(index, search=self.context != "question", dense=self.context == "both")

    def _check(self, where: str, arms: Sequence[str]) -> None:
        if len(arms) < 2:
            raise InvalidInput(where, f"{len(arms)} arms leave nothing to choose; give two or more")
        if self.context not in get_args(Context):
            raise InvalidInput(where, f"context is {self.context!r}; it must be one of {', '.join(get_args(Context))}")
        policy = self._made(arms, 1)
        if self.shadow is not None:
            Shadow(policy, self.shadow)


def _read(path: str, fresh: Bandit | BudgetedBandit) -> Bandit | BudgetedBandit:
    """What was learned, by a policy that is set as `fresh` is. What was learned in the shadow goes on without.

    Raises:
        InvalidInput: it is of another policy, or has other arms, settings or budgets, or another length of context.
    """
    learned = read_policy(path)
    if isinstance(learned, Shadow):
        learned = learned.policy
    for (name, found), (wanted, asked) in zip_longest(_settings(learned), _settings(fresh), fillvalue=("none", {})):
        if name != wanted:
            raise InvalidInput(path, f"holds a policy {name!r}; the file asks for {wanted!r}", _ANOTHER)
        for key in sorted({*found, *asked}):
            if found.get(key) != asked.get(key):
                said = f"was learned with {key} = {found.get(key)!r}; the file says {asked.get(key)!r}"
                raise InvalidInput(path, said, _ANOTHER)
    return learned


def _settings(policy: Bandit | BudgetedBandit) -> list[tuple[str, dict[str, Any]]]:
    """(name, settings) of a policy, and of the one within."""
    name, settings, _ = opened(policy.to_json())
    within = _settings(policy.policy) if isinstance(policy, BudgetedBandit) else []
    return [(name, {**settings, "arms": sorted(settings["arms"])} if "arms" in settings else settings), *within]


@dataclass(frozen=True, slots=True)
class RouteSpec(PolicySpec):
    """Which pipeline searches.

    Attributes:
        arms: name -> "" (no search), "default" (the engine's own pipeline), or a pipeline's name or file.
    """

    arms: dict[str, str] = field(default_factory=lambda: {"none": "", "one": "default"})

    def __post_init__(self) -> None:
        self._check("route", list(self.arms))

    @property
    def pipelines(self) -> dict[str, PipelineSpec]:
        """Those of the arms that name one."""
        return {name: find_pipeline(said) for name, said in self.arms.items() if said not in ("", "default")}

    def to_json(self) -> dict[str, JSON]:
        """What decides its choices and what they lead to: also what stands in the files of its arms."""
        meant: dict[str, JSON] = {name: pipeline.to_json() for name, pipeline in self.pipelines.items()}
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
        policy, context, log = self._decides(index, list(arms), before)
        return Router(policy, arms, features=context, log=log)


Arm = Literal["none", "expand", "simplify", "clarify", "paraphrase", "decompose"]
_WITH_CHAT = ("paraphrase", "decompose")


@dataclass(frozen=True, slots=True)
class RewriteSpec(PolicySpec):
    """In which words a question is searched.

    Attributes:
        arms: some of "none", "expand" (by terms of what a first search finds), "simplify" (content words alone) and
            "clarify" (names and rare words twice); and, where the engine's generator is a language model, "paraphrase"
            (in its words) and "decompose" (in parts). With one alone that one is always taken.
    """

    arms: tuple[Arm, ...] = ("none", "expand", "simplify", "clarify")

    def __post_init__(self) -> None:
        for arm in self.arms:
            if arm not in get_args(Arm):
                raise InvalidInput("rewrite", f"no arm is called {arm!r}; there are {', '.join(get_args(Arm))}")
        if len(self.arms) != 1:
            self._check("rewrite", list(dict.fromkeys(self.arms)))
        elif self.shadow is not None or self.budgets:
            raise InvalidInput("rewrite", "one arm leaves nothing to choose: shadow and budgets need two or more")

    def make(self, index: "Index", before: object = None, *, chat: Chat | None = None) -> "Rewriter":
        """The rewriter over an index.

        Args:
            before: the one over an earlier generation of it, whose policy goes on.
            chat: the language model of arms that need one.

        Raises:
            InvalidInput: an arm needs a language model and there is none.
        """
        from spaniel.rag.routing.rewriter import Rewrite, Rewriter

        rewrites: dict[str, Rewrite] = {arm: _rewrite(arm, index, chat) for arm in self.arms}
        policy, context, log = self._decides(index, list(rewrites), before)
        return Rewriter(rewrites, policy, features=context, log=log)


def _rewrite(arm: Arm, index: "Index", chat: Chat | None) -> "Rewrite":
    if arm in _WITH_CHAT and chat is None:
        hint = "name one in [generator], or give the engine a rewriter= of your own"
        raise InvalidInput("rewrite", f"{arm!r} needs a language model, and the generator is none", hint)
    from spaniel.index.sparse.feedback import TermFeedback
    from spaniel.index.sparse.frequencies import TermFrequencies
    from spaniel.rag.routing.rewrites import Clarify, Decompose, Expand, Paraphrase, simplify, unchanged

    match arm:
        case "none":
            return unchanged
        case "simplify":
            return simplify
        case "expand":
            return Expand(TermFeedback(index.bm25()))
        case "clarify":
            return Clarify(TermFrequencies(index.bm25()))
        case "paraphrase":
            assert chat is not None  # checked above
            return Paraphrase(chat)
        case "decompose":
            assert chat is not None
            return Decompose(chat)

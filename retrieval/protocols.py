"""The roles that parts of a search can play; batch first.

A class plays a role by having its methods: nothing needs to inherit from here. The common suites in `tests/contracts/`
check what the signatures cannot say.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .policies.decision import Decision
from .prompt import Piece, Prompt
from .types import JSON, Passage, QueryLike, Ranking

__all__ = [
    "CutoffPolicy",
    "Encoder",
    "Exclude",
    "Generator",
    "Metered",
    "NamedPassages",
    "PassageStore",
    "Reranker",
    "Retriever",
    "RoutePolicy",
    "Stored",
    "Where",
]

Exclude: TypeAlias = Sequence[Collection[int]]
"""Per query, the ordinals that must not be returned (its own passage, what the user has seen)."""

Where: TypeAlias = Mapping[str, JSON]
"""A filter over passages' metadata, such as `{"year": {"$gte": 2024}}`."""


@runtime_checkable
class PassageStore(Protocol):
    """Gives stored passages back by ordinal."""

    def get(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> list[Passage]:
        """The passages in the order asked for."""
        ...


@runtime_checkable
class NamedPassages(PassageStore, Protocol):
    """A store that also knows its passages, and the documents they come from, by name: what a run file needs."""

    def ids(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> list[str]:
        """The passages' ids in the order asked for; no text is read."""
        ...

    def doc_ids(self, ordinals: Sequence[int] | NDArray[np.integer[Any]]) -> list[str]:
        """The ids of the documents that the passages come from, in the order asked for; no text is read."""
        ...

    def ordinals_of(self, ids: Iterable[str]) -> dict[str, int]:
        """Passage id -> ordinal of those that are there; unknown ids are left out."""
        ...


@runtime_checkable
class Stored(Protocol):
    """A store that lies on disk: which state of which index it shows, and what that takes.

    Attributes:
        identity: equal only for equal content.
        size_bytes: part -> bytes of its files.
    """

    @property
    def identity(self) -> str: ...
    @property
    def size_bytes(self) -> Mapping[str, int]: ...

    def __len__(self) -> int:
        """How many passages can be found."""
        ...


@runtime_checkable
class Metered(Protocol):
    """A stage that counts what it costs beside time."""

    def usage(self) -> Mapping[str, int]:
        """Totals since it was made, such as `{"model_calls": 12, "tokens": 3400}`; they only grow."""
        ...


@runtime_checkable
class Retriever(Protocol):
    """Finds passages for queries. Safe to call from several threads.

    Attributes:
        name: how traces, reports and errors call it.
        depth: how many passages a search returns when `k` is None.
        passages: the store its ordinals point into; None when it has no texts.
    """

    @property
    def name(self) -> str: ...
    @property
    def depth(self) -> int: ...
    @property
    def passages(self) -> PassageStore | None: ...

    def search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
    ) -> list[Ranking]:
        """One ranking for each query, in their order: the best min(k, matches) passages.

        What a query gets depends on nothing but itself: not on the batch, the thread count, or `k` (a smaller k gives
        a prefix). A query that matches nothing gets an empty ranking.

        Raises:
            InvalidInput: k below 1, or `exclude` of another length than `queries`.
            InvalidQuery: a query or filter that cannot be run.
        """
        ...


@runtime_checkable
class Encoder(Protocol):
    """Turns texts into vectors."""

    def encode(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        """float32 (len(texts), d)."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """Looks at the texts of what was found and orders them again. Safe to call from several threads."""

    def rerank(
        self,
        queries: Sequence[QueryLike],
        rankings: Sequence[Ranking],
        passages: PassageStore,
        *,
        k: int | None = None,
    ) -> list[Ranking]:
        """For each query at most k passages out of its ranking (all by default), in the new order."""
        ...


@runtime_checkable
class CutoffPolicy(Protocol):
    """Decides how many passages of a ranking to read on. Safe to call from several threads."""

    def cut(self, query: QueryLike, ranking: Ranking) -> int:
        """How many of the top passages stay, 0 to len(ranking)."""
        ...

    def explain(self, query: QueryLike, ranking: Ranking) -> Mapping[str, JSON]:
        """The numbers that led to it, "k" among them: what `cut` says of the same ranking."""
        ...


@runtime_checkable
class RoutePolicy(Protocol):
    """Decides which way a query goes, and learns from what came of it. Safe to call from several threads.

    Attributes:
        name: how logs and reports call it.
        arms: the ways there are, in a fixed order.
    """

    @property
    def name(self) -> str: ...
    @property
    def arms(self) -> tuple[str, ...]: ...

    def choose(
        self,
        context: ArrayLike | None = None,
        *,
        preferences: Mapping[str, float] | None = None,
        allowed: Collection[str] | None = None,
    ) -> Decision:
        """A decision, with the probability it was taken with.

        Args:
            context: float64 (d,), what is known of the query; None where the policy needs none.
            preferences: weight of each metric of the reward, such as {"quality": .8, "latency": .1, "cost": .1}.
            allowed: the arms that can be taken now; all by default.
        """
        ...

    def learn(self, decision: Decision, reward: float | Mapping[str, float]) -> None:
        """Take in what a decision was worth: one number, 0 to 1, or each metric by name."""
        ...


@runtime_checkable
class Generator(Protocol):
    """Writes an answer from a prompt. Safe to call from several threads.

    Attributes:
        name: how traces, caches and errors call it.
    """

    @property
    def name(self) -> str: ...

    def generate(self, prompt: Prompt) -> Iterator[Piece]:
        """The answer, piece by piece; the last piece says how it ended and what it cost.

        Raises:
            ModelError: no answer can be had; what was given before it does not count.
        """
        ...

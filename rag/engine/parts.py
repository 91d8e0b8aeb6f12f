"""What an engine is made of, checked once, and what one question asks of it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING, TypeAlias, TypedDict

from spaniel.index.sparse.retriever import MAX_K
from spaniel.models.counting import TokenCounter
from spaniel.rag.citations import Stored
from spaniel.rag.packing.base import Packer
from spaniel.retrieval.composition import as_later_stage, name_of
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import Pipeline
from spaniel.retrieval.prompt import Turn
from spaniel.retrieval.protocols import CutoffPolicy, Generator, Retriever, Where
from spaniel.retrieval.surrogates import without_halves

from .roles import QueryRewriter, Router

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = [
    "AskOptions",
    "Asked",
    "Excluded",
    "History",
    "Limits",
    "Parts",
    "asked_of",
    "default_pipeline",
    "ordinals_of",
    "turns_of",
]

DEPTH = 200
"""How deep an engine without a pipeline searches words alone; a hybrid search is as deep on each side."""

_MAX_ORDINAL = 1 << 62
History: TypeAlias = Sequence[Turn | tuple[str, str]]
Excluded: TypeAlias = Collection[int | str]
"""Ordinals of passages, and ids of passages or documents."""
Named: TypeAlias = Callable[[Iterable[str]], Mapping[str, Sequence[int]]]
"""Ids of passages or documents -> the ordinals behind each that is there; see `Segments.named`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read and written for an answer.

    Attributes:
        k: passages at most, before packing.
        budget_tokens: that packed passages may take.
        max_answer_tokens: that the answer may have.
        instructions: what the generator is told about form and duty; empty for its own.
        require_citations: an answer of which no citation holds is none: the engine abstains.
        history_turns: so many of the last turns are shown to the generator.
    """

    k: int = 10
    budget_tokens: int = 2000
    max_answer_tokens: int = 512
    instructions: str = ""
    require_citations: bool = False
    history_turns: int = 10

    def __post_init__(self) -> None:
        _check_k("answer", self.k)
        for name in ("budget_tokens", "max_answer_tokens"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise InvalidInput("answer", f"{name} is {value!r}; it must be a whole number of at least 1")
        if type(self.history_turns) is not int or self.history_turns < 0:
            raise InvalidInput("answer", f"history_turns is {self.history_turns!r}; it must be 0 or more")


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of an engine.

    Raises:
        InvalidInput: a part that does not play its role, by name.
    """

    pipeline: Pipeline
    generator: Generator
    packer: Packer
    count: TokenCounter
    documents: Stored
    cutoff: CutoffPolicy | None = None
    router: Router | None = None
    rewriter: QueryRewriter | None = None
    fallback: Generator | None = None
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for role, part, what in (
            ("generator", self.generator, Generator),
            ("packer", self.packer, Packer),
            ("router", self.router, Router),
            ("rewriter", self.rewriter, QueryRewriter),
            ("fallback", self.fallback, Generator),
        ):
            if isinstance(part, type):
                raise InvalidInput("engine", f"{role} is the class {part.__name__}; make an object of it first")
            if not isinstance(part, what) and not (part is None and role in ("router", "rewriter", "fallback")):
                raise InvalidInput("engine", f"{role} ({name_of(part)}) is no {what.__name__}")
        if not callable(self.count):
            raise InvalidInput("engine", f"counter is {type(self.count).__name__}; it must be a function of a text")
        if self.cutoff is not None:
            as_later_stage(2, self.cutoff, self.pipeline)
        if self.pipeline.passages is None:
            raise InvalidInput("engine", f"{self.pipeline.name} has no texts to answer from")

    @property
    def searching(self) -> list[Retriever]:
        """What may search for a question: the pipeline, and the arms of the router."""
        arms = getattr(self.router, "arms", {})
        return [self.pipeline, *(each for each in arms.values() if isinstance(each, Retriever))]


class AskOptions(TypedDict, total=False):
    """What may go with a question; `Engine.ask` says what each is."""

    history: History
    where: Where | None
    k: int | None
    exclude: Excluded | None
    preferences: Mapping[str, float] | None


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and what goes with it."""

    question: str
    k: int
    history: tuple[Turn, ...] = ()
    where: Where | None = None
    exclude: Collection[int] | None = None
    preferences: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.question, str) or not self.question.strip():
            raise InvalidInput("engine", f"the question is {self.question!r}; it must be text")
        _check_k("engine", self.k)


def asked_of(
    question: str,
    limits: Limits,
    named: Named,
    *,
    history: History = (),
    where: Where | None = None,
    k: int | None = None,
    exclude: Excluded | None = None,
    preferences: Mapping[str, float] | None = None,
) -> Asked:
    """The question with its `AskOptions`, checked, and what was not said as by default.

    Args:
        named: whose ids `exclude` may name.

    Raises:
        InvalidInput: a question that is no text, k out of range, a turn that is none, or what cannot be excluded.
    """
    turns = turns_of(history, last=limits.history_turns)
    question = without_halves(question) if isinstance(question, str) else question  # halves cannot be kept in a cache
    hidden = None if exclude is None else ordinals_of(exclude, named)
    return Asked(question, limits.k if k is None else k, turns, where, hidden, {**(preferences or {})})


def ordinals_of(excluded: Excluded, named: Named) -> frozenset[int]:
    """The ordinals meant: numbers are ordinals, texts ids; an id that is not there excludes nothing.

    Raises:
        InvalidInput: it is one text, or something in it is neither.

    Example:
        >>> sorted(ordinals_of([3, "dogs"], lambda ids: {"dogs": [0, 1]}))
        [0, 1, 3]
    """
    if isinstance(excluded, str | bytes) or not isinstance(excluded, Iterable):
        raise InvalidInput("exclude", f"is {excluded!r}; it must be a list of ids or ordinals")
    ids: list[str] = []
    ordinals: list[int] = []
    for each in excluded:
        if isinstance(each, str):
            ids.append(each)
        elif isinstance(each, Integral) and not isinstance(each, bool) and 0 <= each < _MAX_ORDINAL:
            ordinals.append(int(each))
        else:
            raise InvalidInput("exclude", f"holds {each!r}; it must hold ids (text) or ordinals (0 or more)")
    found = named(ids) if ids else {}
    return frozenset(ordinals).union(*found.values())


def _check_k(where: str, k: object) -> None:
    """As deep as retrievers go, and no deeper."""
    if type(k) is not int or not 1 <= k <= MAX_K:
        raise InvalidInput(where, f"k is {k!r}; it must be a whole number from 1 to {MAX_K}")


def turns_of(history: Iterable[Turn | tuple[str, str]], *, last: int) -> tuple[Turn, ...]:
    """The last turns of a conversation; pairs are a question and its answer.

    Example:
        >>> turns_of([("Who barks?", "Dogs.")], last=10)
        (Turn(role='user', text='Who barks?'), Turn(role='assistant', text='Dogs.'))
    """
    turns: list[Turn] = []
    for place, each in enumerate(history):
        if isinstance(each, Turn):
            turns.append(each)
        elif isinstance(each, tuple) and len(each) == 2 and all(isinstance(text, str) for text in each):
            turns += [Turn("user", each[0]), Turn("assistant", each[1])]
        else:
            raise InvalidInput("history", f"number {place} is {each!r}; pass Turn, or (question, answer)")
    return tuple(turns[len(turns) - last :] if last < len(turns) else turns)


def default_pipeline(index: "Index") -> Pipeline:
    """What `Index.search` does: words and vectors where the index holds both, else words."""
    return index.hybrid() if index.is_hybrid else Pipeline(index.bm25(DEPTH))

"""The stages that a pipeline can be made of: a closed table of dataclasses.

A new stage (an encoder, a reranker, a cut-off) is one dataclass here, or in a module that `spec.py` imports: its fields
are the keys that a TOML table may have, `make` gives the stage itself. Nothing is looked up by module path: what is
not in the table cannot be named.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeVar

from spaniel.index.sparse import likelihood
from spaniel.index.sparse.scorers import Scorer
from spaniel.retrieval import fusion
from spaniel.retrieval.composition import floor_of
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import fuse, rrf

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = [
    "STAGES",
    "Bm25",
    "Convex",
    "Likelihood",
    "MinMax",
    "Rrf",
    "StageSpec",
    "check_depth",
    "check_sources",
    "stage",
]


class StageSpec(Protocol):
    """What the dataclass of a stage has.

    Attributes:
        kind: "source" (searches), or "later" (orders or cuts what the stages before it have found).
    """

    kind: ClassVar[Literal["source", "later"]]

    def make(self, index: "Index", depth: int) -> object:
        """The stage over this index; `depth` is how deep a source searches unless it says otherwise."""
        ...


T = TypeVar("T", bound=type)
STAGES: dict[str, type[StageSpec]] = {}
"""Name in TOML (`type = "bm25"`) -> dataclass."""


def stage(name: str) -> Callable[[T], T]:
    """Put a dataclass into the table."""

    def register(spec: T) -> T:
        assert name not in STAGES
        STAGES[name] = spec
        return spec

    return register


@stage("bm25")
@dataclass(frozen=True, slots=True)
class Bm25:
    """BM25 and its kin; `depth` is how many passages it finds. See `index/sparse/scorers.py` for the formulas."""

    kind: ClassVar[Literal["source", "later"]] = "source"
    method: Literal["lucene", "robertson", "atire", "bm25l", "bm25+", "tfidf"] = "lucene"
    k1: float = 0.9
    b: float = 0.4
    delta: float = 0.5
    depth: int | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        Scorer(self.method, self.k1, self.b, self.delta)
        check_depth("bm25", self.depth)

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        made = index.bm25(self.depth or depth, method=self.method, k1=self.k1, b=self.b, delta=self.delta)
        made.name = self.name or {"lucene": "bm25", "bm25l": "bm25l", "bm25+": "bm25+", "tfidf": "tf-idf"}.get(
            self.method, f"bm25-{self.method}"
        )
        return made


@stage("ql")
@dataclass(frozen=True, slots=True)
class Likelihood:
    """Query likelihood; see `index/sparse/likelihood.py` for the formulas."""

    kind: ClassVar[Literal["source", "later"]] = "source"
    smoothing: Literal["dirichlet", "dirichlet-lucene", "jelinek-mercer"] = "dirichlet"
    mu: float = 1000.0
    lambda_: float = 0.1
    depth: int | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        likelihood.Likelihood(self.smoothing, self.mu, self.lambda_)
        check_depth("ql", self.depth)

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        made = index.likelihood(self.depth or depth, smoothing=self.smoothing, mu=self.mu, lambda_=self.lambda_)
        made.name = self.name or {"dirichlet": "ql", "jelinek-mercer": "ql-jm"}.get(self.smoothing, "ql-lucene")
        return made


@stage("rrf")
@dataclass(frozen=True, slots=True)
class Rrf:
    """Several sources, fused by reciprocal rank with the damping constant `k`."""

    kind: ClassVar[Literal["source", "later"]] = "source"
    sources: tuple[StageSpec, ...] = ()
    k: int = 60

    def __post_init__(self) -> None:
        check_sources("rrf", self.sources)
        if self.k < 1:
            raise InvalidInput("rrf", f"k is {self.k}; it must be at least 1")

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        return rrf(*(source.make(index, depth) for source in self.sources), k=self.k)


@stage("convex")
@dataclass(frozen=True, slots=True)
class Convex:
    """Several sources, fused by a weighted sum of z-scores; equal weights by default."""

    kind: ClassVar[Literal["source", "later"]] = "source"
    sources: tuple[StageSpec, ...] = ()
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_sources("convex", self.sources, self.weights)

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        made = [source.make(index, depth) for source in self.sources]
        how = partial(fusion.convex, weights=list(self.weights) or None, floors=[floor_of(each) for each in made])
        return fuse(*made, how=how, name="convex")


@stage("minmax")
@dataclass(frozen=True, slots=True)
class MinMax:
    """Several sources, fused by a weighted sum of scores stretched to 0..1; equal weights by default."""

    kind: ClassVar[Literal["source", "later"]] = "source"
    sources: tuple[StageSpec, ...] = ()
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_sources("minmax", self.sources, self.weights)

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        made = [source.make(index, depth) for source in self.sources]
        how = partial(fusion.minmax, weights=list(self.weights) or None, floors=[floor_of(each) for each in made])
        return fuse(*made, how=how, name="minmax")


def check_depth(name: str, depth: int | None) -> None:
    """Refuse a depth below 1."""
    if depth is not None and depth < 1:
        raise InvalidInput(name, f"depth is {depth}; it must be at least 1")


def check_sources(name: str, sources: tuple[StageSpec, ...], weights: tuple[float, ...] = ()) -> None:
    """Refuse no sources, and weights that are not one for each."""
    if not sources:
        raise InvalidInput(name, "has no sources", hint="give each a table [[stages.sources]]")
    if weights and len(weights) != len(sources):
        raise InvalidInput(name, f"{len(weights)} weights for {len(sources)} sources; there must be one for each")

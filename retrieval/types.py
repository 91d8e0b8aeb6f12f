"""The words of the field: what is indexed, asked, ranked and answered.

Struct of arrays inside (`Ranking` is two NumPy arrays), friendly objects at the edge (`Passage`, and `Hit` in
`results.py`). All of them are frozen. External string ids stand on documents and passages only; everything between
the index and the reader speaks of *ordinals*: the place of a passage in the order of insertion over the whole index.

Left out on purpose: anything that reads files or knows what an index is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidInput
from .policies.decision import Decision

__all__ = [
    "JSON",
    "Answer",
    "Citation",
    "Document",
    "Meta",
    "Passage",
    "Query",
    "QueryLike",
    "Ranking",
    "StagePlace",
    "StageRecord",
    "as_queries",
]

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
Meta: TypeAlias = Mapping[str, JSON]

_INT32, _FLOAT32 = np.dtype(np.int32), np.dtype(np.float32)


@dataclass(frozen=True, slots=True)
class Document:
    """One record of the source, before it is cut into passages. Checked by whoever reads it, not here."""

    id: str
    text: str
    title: str = ""
    meta: Meta = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passage:
    """A span of a document as it is stored.

    `start` and `end` are offsets in characters into the document's original text, so that every quotation can be
    checked: `document.text[start:end] == text`.
    """

    id: str
    doc_id: str
    start: int
    end: int
    text: str
    title: str = ""
    meta: Meta = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is asked. A plain `str` is accepted wherever one query is.

    Attributes:
        id: empty when nobody needs to tell queries apart.
        vector: float32 (d,), when it has been encoded already.
        weights: term -> weight, when a learned sparse model has chosen the terms.
    """

    id: str
    text: str
    vector: NDArray[np.float32] | None = None
    weights: Mapping[str, float] | None = None


QueryLike: TypeAlias = str | Query


def as_queries(queries: QueryLike | Iterable[QueryLike]) -> list[Query]:
    """Every way to write queries as a list of `Query`; plain strings get an empty id.

    Raises:
        InvalidInput: something in it is neither text nor a `Query`.
    """
    if not isinstance(queries, str | Query | Iterable):
        raise InvalidInput("queries", f"is {type(queries).__name__}; pass str or Query, or a list of them")
    several = [queries] if isinstance(queries, str | Query) else list(queries)
    for place, query in enumerate(several):
        if not isinstance(query, str | Query):
            raise InvalidInput("queries", f"number {place} is {type(query).__name__}; pass str or Query")
    return [Query("", query) if isinstance(query, str) else query for query in several]


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Passages of one query, best first.

    Attributes:
        ids: int32 (n,), passage ordinals, each once, read-only.
        scores: float32 (n,), finite, descending; equal scores by ascending ordinal; read-only.

    The constructor takes arrays that already keep this order and checks only their form, because kernels make
    thousands of rankings a second; `Ranking.of` checks everything, `Ranking.sorted` puts it in order.

    Example:
        >>> ranking = Ranking.sorted([5, 2, 9], [0.5, 0.5, 0.9])
        >>> ranking.ids.tolist()
        [9, 2, 5]
        >>> list(ranking[:2])
        [(9, 0.8999999761581421), (2, 0.5)]
    """

    ids: NDArray[np.int32]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        ids, scores = self.ids, self.scores
        if ids.dtype != _INT32 or scores.dtype != _FLOAT32 or ids.ndim != 1 or ids.shape != scores.shape:
            raise InvalidInput(
                "Ranking",
                f"ids {ids.dtype} {ids.shape} and scores {scores.dtype} {scores.shape}; "
                "they must be int32 (n,) and float32 (n,)",
                hint="Ranking.of and Ranking.sorted convert lists and other dtypes",
            )
        # Views: freezing the caller's own array would surprise whoever goes on filling it.
        if ids.flags.writeable:
            object.__setattr__(self, "ids", _frozen(ids))
        if scores.flags.writeable:
            object.__setattr__(self, "scores", _frozen(scores))

    @classmethod
    def empty(cls) -> "Ranking":
        """Nothing found."""
        return _EMPTY

    @classmethod
    def of(cls, ids: ArrayLike, scores: ArrayLike) -> "Ranking":
        """A ranking from values that are in order already; copies them.

        Raises:
            InvalidInput: another order, a repeated or negative ordinal, a score that is not finite.
        """
        ranking = cls(*_checked(ids, scores))
        same = ranking.scores[1:] == ranking.scores[:-1]
        right = (ranking.scores[1:] < ranking.scores[:-1]) | (same & (ranking.ids[1:] > ranking.ids[:-1]))
        if not right.all():
            place = int(np.flatnonzero(~right)[0])
            raise InvalidInput(
                "Ranking.of",
                f"ranks {place + 1} and {place + 2} are out of order (descending score, then ascending ordinal)",
                hint="Ranking.sorted sorts",
            )
        return ranking

    @classmethod
    def sorted(cls, ids: ArrayLike, scores: ArrayLike) -> "Ranking":
        """A ranking from values in any order, by descending score *as float32*, ties by ascending ordinal.

        Raises:
            InvalidInput: a repeated or negative ordinal, a score that is not finite.

        Cost: O(n log n).
        """
        ids_, scores_ = _checked(ids, scores)
        order = np.lexsort((ids_, -scores_))
        return cls(ids_[order], scores_[order])

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[tuple[int, float]]:
        return zip(self.ids.tolist(), self.scores.tolist(), strict=True)

    @overload
    def __getitem__(self, place: int) -> tuple[int, float]: ...
    @overload
    def __getitem__(self, place: slice) -> "Ranking": ...
    def __getitem__(self, place: int | slice) -> "tuple[int, float] | Ranking":
        """One (ordinal, score), or a shorter ranking; a slice that goes backwards is an error."""
        if isinstance(place, slice):
            if place.step is not None and place.step < 1:
                raise InvalidInput("Ranking", f"slice step {place.step} would turn the order round")
            return Ranking(self.ids[place], self.scores[place])
        return int(self.ids[place]), float(self.scores[place])

    def without(self, ordinals: Iterable[int]) -> "Ranking":
        """The same ranking with these passages left out."""
        dropped = np.fromiter(ordinals, dtype=np.int64)
        keep = ~np.isin(self.ids, dropped)
        return self if keep.all() else Ranking(self.ids[keep], self.scores[keep])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ranking):
            return NotImplemented
        return np.array_equal(self.ids, other.ids) and np.array_equal(self.scores, other.scores)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(f"{id_}: {score:.6g}" for id_, score in self[:5])
        return f"Ranking({len(self)} passages{': ' if shown else ''}{shown}{', ...' if len(self) > 5 else ''})"


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view."""
    view = array.view()
    view.setflags(write=False)
    return view


def _checked(ids: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Fresh int32 (n,) and float32 (n,) arrays of valid ordinals, each once, and finite scores."""
    wide = np.asarray(ids)
    if wide.size and wide.dtype.kind not in "iu":
        raise InvalidInput("Ranking", f"ordinals are {wide.dtype}; they must be integers")
    # Overflow to infinity is not silent: the check below names the value.
    with np.errstate(over="ignore"):
        narrow = np.array(scores, dtype=np.float32)
    if wide.ndim != 1 or wide.shape != narrow.shape:
        raise InvalidInput("Ranking", f"{wide.shape} ordinals and {narrow.shape} scores; both must be (n,)")
    if wide.size and (wide.min() < 0 or wide.max() > np.iinfo(np.int32).max):
        raise InvalidInput("Ranking", f"ordinals run from {wide.min()} to {wide.max()}; the range is 0 to 2**31 - 1")
    if len(np.unique(wide)) != len(wide):
        raise InvalidInput("Ranking", "an ordinal stands there twice")
    if not np.isfinite(narrow).all():
        place = int(np.flatnonzero(~np.isfinite(narrow))[0])
        raise InvalidInput("Ranking", f"the score of ordinal {wide[place]} is {narrow[place]}; scores must be finite")
    return wide.astype(np.int32), narrow


_EMPTY = Ranking(np.zeros(0, np.int32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class StageRecord:
    """What one stage of a pipeline did to one call.

    `n_in` and `n_out` count passages over all queries of the call; a source takes in none. `ms` is wall time. `why` is
    what a cut-off policy gives as its reasons, where the call was for one query.
    """

    name: str
    n_in: int
    n_out: int
    ms: float
    why: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StagePlace:
    """Where a hit stood after a stage; ranks count from 1."""

    stage: str
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Citation:
    """A claim of an answer and the span of the passage that it rests on.

    Attributes:
        answer_span: (start, end) in characters of `Answer.text`.
        passage_id: the passage cited.
        source_span: (start, end) in characters of the document's original text.
        text: the words cited, as they stand in the source.
        verified: the source was read again and holds `text` at `source_span`.
        doc_id: the document that the passage comes from; empty when it is not known.
    """

    answer_span: tuple[int, int]
    passage_id: str
    source_span: tuple[int, int]
    text: str
    verified: bool
    doc_id: str = ""

    @property
    def id(self) -> str:
        """The passage cited, under the name that hits use."""
        return self.passage_id


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine says, or why it says nothing.

    Attributes:
        text: with its markers, such as "[2]", which refer to `passages[1]`; empty when it abstains.
        citations: the verified ones, in the order of the text.
        reason: why it abstained; empty otherwise.
        usage: what it cost, such as {"prompt_tokens": 812, "answer_tokens": 40, "model_calls": 1}.
        cost: what the model's tokens cost, in the currency of the generator's prices; None without prices.
        trace: what each stage did and how long it took.
        question: as it was asked.
        passages: what the generator read, in the order of their numbers.
        dropped: reason -> how many citations were not shown for it.
        confidence: that the answer is right, 0 to 1, where the generator knows.
        decisions: "route", "rewrite" -> what a policy decided; `Engine.learn` tells the policies what it was worth.
        finish: how it ended: "stop", "length" (cut short), "abstain", "filter".
        notes: what a reader should know, such as that the answer is another generator's.
        ms: from question to answer, wall time.
        cached: it was kept from an earlier call, whose usage and trace these are.
    """

    text: str
    citations: Sequence[Citation] = ()
    abstained: bool = False
    reason: str = ""
    usage: Mapping[str, int] = field(default_factory=dict)
    trace: tuple[StageRecord, ...] = ()
    question: str = ""
    passages: tuple[Passage, ...] = ()
    dropped: Mapping[str, int] = field(default_factory=dict)
    confidence: float | None = None
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    finish: str = ""
    notes: tuple[str, ...] = ()
    ms: float = 0.0
    cached: bool = False
    cost: float | None = None

    def explain(self) -> str:
        """The stages as a table of lines, then what was decided, dropped and paid."""
        from .answers import explained

        return explained(self)

    def to_dict(self) -> dict[str, JSON]:
        """As `spaniel ask --json` prints it; see `answers.to_dict`."""
        from .answers import to_dict

        return to_dict(self)

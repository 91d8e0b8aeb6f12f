"""What every judge has in common: which questions it answers, how passages reach it, and counts.

A judge sees calls, each a query and the passages shown for it, in batches; it knows nothing of schedules. One that can
score can also prefer and order, by its scores; nothing is made up in the other direction.
"""

from abc import ABC
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from numbers import Real
from threading import Lock
from typing import NamedTuple, TypeAlias, cast

from spaniel.models.text import tokens_of
from spaniel.rerank.questions import Kind
from spaniel.retrieval.closing import Closing
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.types import Passage, Query

from .by_scores import order_of, preference

__all__ = ["SHOWN", "Call", "Judge", "Judged", "Said"]

SHOWN: dict[Kind, str] = {"score": "one passage", "prefer": "two passages", "order": "one passage or more"}
"""What a call of each kind shows."""

_Answer: TypeAlias = float | tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Call:
    """One question as a judge sees it.

    Attributes:
        query: what was asked.
        passages: in the order they are shown: one to score, two to compare, several to order.
        top: of an order, how many firsts are wanted; None for all.
    """

    query: Query
    passages: tuple[Passage, ...]
    top: int | None = None


class Said(NamedTuple):
    """What a judge said to one call, and the call's part of what that cost: see `Judged`.

    Attributes:
        charged: tokens as a budget counts them, which do not depend on the call's company.
    """

    answer: _Answer
    tokens: int = 0
    charged: int = 0
    truncated: int = 0
    repaired: int = 0
    model_calls: int = 0


@dataclass(frozen=True, slots=True)
class Judged:
    """What a judge said to some calls, and what that cost.

    Attributes:
        answers: one for each call, in their order. A score: float. A preference: float 0 to 1 that the passage shown
            first is better. An order: tuple of the places of `passages`, each once, best first. None where the judge
            failed for good; the driver decides what to make of it.
        tokens: read and written, of each call; what a judge has remembered costs none.
        truncated: passages that were longer than the judge reads.
        repaired: answers that had to be mended before they made sense.
        model_calls: runs of the model, or requests.
        truncated_by_call, repaired_by_call: the same, call by call, from a judge that can tell: what traces of queries
            that shared a batch go by. From one that cannot, the counts are spread evenly.
        alone: tokens that each call would have cost by itself, nothing being remembered; from a judge whose `tokens`
            depend on what else it was asked. Budgets go by these, lest company and history decide where they end.
    """

    answers: Sequence[_Answer]
    tokens: Sequence[int]
    truncated: int = 0
    repaired: int = 0
    model_calls: int = 0
    truncated_by_call: Sequence[int] | None = None
    repaired_by_call: Sequence[int] | None = None
    alone: Sequence[int] | None = None

    @property
    def each(self) -> Iterator[Said]:
        """Call by call. Runs of the model, and counts that the judge cannot tell apart, are spread over the calls."""
        n = len(self.answers)
        truncated = self.truncated_by_call or _spread(self.truncated, n)
        repaired = self.repaired_by_call or _spread(self.repaired, n)
        runs = _spread(self.model_calls, n)
        return map(Said, self.answers, self.tokens, self.charged, truncated, repaired, runs)

    @property
    def charged(self) -> Sequence[int]:
        """Tokens of each call as a budget counts them."""
        return self.tokens if self.alone is None else self.alone


def _spread(total: int, n: int) -> list[int]:
    """`total` as n whole numbers that differ by one at most."""
    return [total * (place + 1) // n - total * place // n for place in range(n)]


@dataclass(slots=True)
class _Counts:
    values: dict[str, int] = field(default_factory=lambda: {"model_calls": 0, "tokens": 0, "truncated": 0})
    lock: Lock = field(default_factory=Lock)


class Judge(Closing, ABC):
    """Answers questions about queries. Safe to call from several threads; a context manager.

    A subclass names in `kinds` what it can and overrides `_score`, `_prefer` or `_order`. The driver calls `answer`.

    Attributes:
        name: how traces and errors call it.
        identity: equal only for judges that say the same; "" when nobody has said what decides it. Runs that are kept
            are known by it.
        kinds: the questions it can answer.
        symmetric: what it says of two passages does not depend on which is shown first, so that one order is enough.
        batch: how many calls it likes to get at once; the driver looks at the clock between batches.
        remote: it waits for others, so that calls go out by themselves, `concurrency` of them at a time, instead of in
            batches; no query waits for another.
        wants_text: nobody asks it about a query without text, which keeps its order without a call. An oracle goes by
            the query's id.
    """

    name: str = "judge"
    identity: str = ""
    kinds: frozenset[Kind] = frozenset()
    symmetric: bool = False
    batch: int = 256
    remote: bool = False
    concurrency: int = 8
    wants_text: bool = True

    def can(self, kind: Kind) -> bool:
        """Whether it answers such questions, by itself or by its scores."""
        return kind in self.kinds or "score" in self.kinds

    def answer(self, kind: Kind, calls: Sequence[Call]) -> Judged:
        """Answer calls of one kind; independent of each other, in any number.

        Preferences and orders of a judge that only scores come from its scores; a passage that stands in several
        calls about the same query is then scored once, and its tokens stand with the first of them.

        Raises:
            InvalidInput: a kind that it cannot answer, or a call that shows another number of passages than its kind.
            ModelError: the judge fails as a whole (no such model, no connection after all tries), or what it said
                makes no sense (a score that is not finite, a preference outside 0 to 1, an order that lacks a passage).
        """
        if not self.can(kind):
            able = ", ".join(sorted(self.kinds)) or "nothing"
            raise InvalidInput(self.name, f"cannot answer {kind!r}; it can: {able}", "choose another schedule or judge")
        for call in calls:
            _check_shown(self.name, kind, call)
        if not calls:
            return Judged((), ())
        if kind not in self.kinds:
            return self._by_scores(kind, calls)
        judged = {"score": self._score, "prefer": self._prefer, "order": self._order}[kind](calls)
        _check_judged(self.name, kind, calls, judged)
        self._count(judged)
        return judged

    def _by_scores(self, kind: Kind, calls: Sequence[Call]) -> Judged:
        """Preferences or orders by the scores of the passages."""
        place: dict[tuple[str, str, str, str], int] = {}
        alone: list[Call] = []
        tokens_of: list[int] = []  # for each passage to score, the call that pays for it
        rows = []
        for at, call in enumerate(calls):
            row = []
            for passage in call.passages:
                key = (call.query.id, call.query.text, passage.id, passage.text)
                if key not in place:
                    place[key] = len(alone)
                    alone.append(Call(call.query, (passage,)))
                    tokens_of.append(at)
                row.append(place[key])
            rows.append(row)
        scored = self.answer("score", alone)
        tokens = [0] * len(calls)
        for at, n in zip(tokens_of, scored.tokens, strict=True):
            tokens[at] += n
        scores = cast("Sequence[float | None]", scored.answers)
        answers = [
            _from_scores(kind, [scores[i] for i in row], call.top) for row, call in zip(rows, calls, strict=True)
        ]
        charged = [sum(scored.charged[i] for i in row) for row in rows]
        return replace(
            scored, answers=answers, tokens=tokens, alone=charged, truncated_by_call=None, repaired_by_call=None
        )

    def _count(self, judged: Judged) -> None:
        counts = self._counts()
        with counts.lock:
            counts.values["model_calls"] += judged.model_calls
            counts.values["tokens"] += sum(judged.tokens)
            counts.values["truncated"] += judged.truncated

    def _score(self, calls: Sequence[Call]) -> Judged:
        raise NotImplementedError

    def _prefer(self, calls: Sequence[Call]) -> Judged:
        raise NotImplementedError

    def _order(self, calls: Sequence[Call]) -> Judged:
        raise NotImplementedError

    def estimate(self, calls: Sequence[Call]) -> list[int]:
        """Tokens that each call will cost by itself, before it is made: what a budget of tokens goes by.

        A token is taken as four bytes of UTF-8; a judge that has its tokenizer, or cuts long passages, says better.
        """
        return [tokens_of("".join(_texts(call))) for call in calls]

    def usage(self) -> dict[str, int]:
        """Totals since it was opened: {"model_calls", "tokens", "truncated"}; they only grow."""
        counts = self._counts()
        with counts.lock:
            return dict(counts.values)

    def _counts(self) -> _Counts:
        """Begun when first wanted: a judge of one's own need not call this class's `__init__`."""
        counts: _Counts = self.__dict__.setdefault("_counted", _Counts())
        return counts


def _texts(call: Call) -> Iterator[str]:
    yield call.query.text
    for passage in call.passages:
        yield passage.title
        yield passage.text


def _check_shown(name: str, kind: Kind, call: Call) -> None:
    n = len(call.passages)
    if (kind == "score" and n != 1) or (kind == "prefer" and n != 2) or n < 1:
        raise InvalidInput(name, f"a {kind} call shows {SHOWN[kind]}, not {n}")
    if call.top is not None and not 1 <= call.top <= n:
        raise InvalidInput(name, f"top is {call.top} of {n} passages; it must be 1 to {n}")


def _check_judged(name: str, kind: Kind, calls: Sequence[Call], judged: Judged) -> None:
    if not isinstance(judged, Judged):
        raise ModelError(f"{name}: _{kind} gave {type(judged).__name__}; it must give Judged(answers, tokens)")
    for counts in (judged.tokens, judged.charged):
        if len(judged.answers) != len(calls) or len(counts) != len(calls):
            raise ModelError(
                f"{name}: {len(judged.answers)} answers and {len(counts)} counts of tokens to {len(calls)} calls"
            )
    for call, answer in zip(calls, judged.answers, strict=True):
        if answer is not None and not _makes_sense(kind, len(call.passages), answer):
            raise ModelError(f"{name}: {answer!r} is no answer to a {kind} call about {_named(call)}")


def _makes_sense(kind: Kind, n: int, answer: float | tuple[int, ...]) -> bool:
    if kind == "order":
        return isinstance(answer, tuple) and len(answer) == n and sorted(answer) == list(range(n))
    if not isinstance(answer, Real) or not isfinite(answer):
        return False
    return kind == "score" or 0.0 <= answer <= 1.0


def _named(call: Call) -> str:
    """Query and passages as a message calls them."""
    ids = ", ".join(repr(passage.id) for passage in call.passages[:3])
    return f"query {call.query.id or call.query.text!r} and {ids}{', ...' if len(call.passages) > 3 else ''}"


def _from_scores(kind: Kind, scores: Sequence[float | None], top: int | None) -> float | tuple[int, ...] | None:
    known = [score for score in scores if score is not None]
    if len(known) < len(scores):
        return None
    return preference(known[0], known[1]) if kind == "prefer" else order_of(known, top)

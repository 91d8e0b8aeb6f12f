"""`rerank`: some texts in the order of what they say about a query."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias, overload

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON, Document, Passage, Query, QueryLike, as_queries

from .asking import BothOrders
from .budget import Budget
from .driver import Job, drive
from .game import OnFailure
from .judges.base import Judge
from .judges.open import open_judge
from .questions import Kind
from .reordered import scores_of
from .reranker import Rerank
from .schedules.base import Schedule
from .schedules.table import as_schedule
from .whole import check_whole

__all__ = ["JudgeLike", "Ranked", "TextLike", "rerank"]

TextLike: TypeAlias = str | Passage | Document

JudgeLike: TypeAlias = "Judge | Rerank | str | os.PathLike[str]"
"""A judge, a stage whose judge is meant, or the name of one (`judges/open.py`); a path is that of a cross-encoder."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One of the texts, in its new place.

    Attributes:
        index: its place in the list that was given, from 0.
        score: the judge's where the schedule has scores (its scale is the judge's), else n for the best of n, n - 1...
    """

    index: int
    score: float
    passage: Passage

    @property
    def id(self) -> str:
        """The passage's id; of a plain text, its place."""
        return self.passage.id

    @property
    def text(self) -> str:
        """The passage's text."""
        return self.passage.text

    def to_dict(self) -> dict[str, JSON]:
        """{"index", "score", "id", "text"}"""
        return {"index": self.index, "score": self.score, "id": self.id, "text": self.text}


@overload
def rerank(  # type: ignore[overload-overlap]  # a str is a sequence of str too; the first of the two is meant
    query: QueryLike,
    passages: Sequence[TextLike],
    judge: JudgeLike,
    *,
    schedule: Schedule | str | None = None,
    top_n: int | None = None,
    budget: Budget | None = None,
    both_orders: BothOrders | None = None,
    seed: int = 0,
    concurrency: int | None = None,
    on_failure: OnFailure = "neutral",
    retries: int = 0,
) -> list[Ranked]: ...
@overload
def rerank(
    query: Sequence[QueryLike],
    passages: Sequence[Sequence[TextLike]],
    judge: JudgeLike,
    *,
    schedule: Schedule | str | None = None,
    top_n: int | None = None,
    budget: Budget | None = None,
    both_orders: BothOrders | None = None,
    seed: int = 0,
    concurrency: int | None = None,
    on_failure: OnFailure = "neutral",
    retries: int = 0,
) -> list[list[Ranked]]: ...
def rerank(
    query: QueryLike | Sequence[QueryLike],
    passages: Sequence[TextLike] | Sequence[Sequence[TextLike]],
    judge: JudgeLike,
    *,
    schedule: Schedule | str | None = None,
    top_n: int | None = None,
    budget: Budget | None = None,
    both_orders: BothOrders | None = None,
    seed: int = 0,
    concurrency: int | None = None,
    on_failure: OnFailure = "neutral",
    retries: int = 0,
) -> list[Ranked] | list[list[Ranked]]:
    """Put texts in order for a query; or, given several queries and a list of texts for each, for each of them.

    One query alone and the same query among others get the same.

    Args:
        query: a text or `Query`, or several. Without text (nor an id that an oracle knows) nothing is asked, and the
            passages stay as they are.
        passages: in the order that is known so far, the best first: ties keep it, and a budget is spent on its first.
        judge: answers questions about them: a `Judge`, a stage such as `CrossEncoder`, whose judge is meant, or a
            model by name ("cosine:minilm", the folder of a cross-encoder), which is opened and closed in the call.
        schedule: asks; every text is scored by itself (`Pointwise`) unless you say otherwise. Also by name.
        top_n: how many of the best come back, all by default; schedules save calls on the others.
        budget, both_orders, seed, concurrency, on_failure, retries: see `driver.drive`.

    Raises:
        InvalidInput: another number of lists than of queries, or settings that make no sense.
        ModelError: the judge fails.
    """
    if top_n is not None:
        check_whole("rerank", "top_n", top_n, least=1, otherwise="or None for all")
    one = isinstance(query, str | Query)
    if not isinstance(query, Iterable | Query) or not isinstance(passages, Iterable):
        wrong = f"query is {type(query).__name__} and passages is {type(passages).__name__}"
        raise InvalidInput("rerank", f"{wrong}; give a text and a list of texts, or lists of both")
    lists: Any = [passages] if one else list(passages)
    queries = as_queries(query)
    if len(queries) != len(lists):
        raise InvalidInput("rerank", f"{len(lists)} lists of passages for {len(queries)} queries; give one for each")
    jobs = [Job(each, _as_passages(texts)) for each, texts in zip(queries, lists, strict=True)]
    longest = max((len(job.passages) for job in jobs), default=1)
    asking = as_schedule(schedule)
    with _opened(judge, asking.asks) as answering:
        played = drive(
            jobs,
            answering,
            asking,
            top=top_n or max(longest, 1),
            both_orders=both_orders,
            budget=budget,
            seed=seed,
            concurrency=concurrency,
            on_failure=on_failure,
            retries=retries,
        )
    found = []
    for job, (outcome, _) in zip(jobs, played, strict=True):
        pairs = zip(outcome.order, scores_of(outcome).tolist(), strict=True)
        found.append([Ranked(place, score, job.passages[place]) for place, score in pairs][:top_n])
    return found[0] if one else found


@contextmanager
def _opened(judge: JudgeLike, asks: Kind) -> Iterator[Judge]:
    """The judge; one that was opened here is closed again."""
    if isinstance(judge, str | os.PathLike):
        with open_judge(os.fspath(judge), asks) as opened:
            yield opened
    else:
        yield judge.judge if isinstance(judge, Rerank) else judge


def _as_passages(texts: Sequence[TextLike]) -> list[Passage]:
    if isinstance(texts, str | Passage | Document) or not isinstance(texts, Iterable):
        what = type(texts).__name__ if not isinstance(texts, Iterable) else "one text"
        raise InvalidInput("rerank", f"passages is {what}; give a list of texts")
    return [_as_passage(place, text) for place, text in enumerate(texts)]


def _as_passage(place: int, text: TextLike) -> Passage:
    if isinstance(text, Passage):
        return text
    if isinstance(text, Document):
        return Passage(text.id, text.id, 0, len(text.text), text.text, text.title, text.meta)
    if not isinstance(text, str):
        raise InvalidInput("rerank", f"passage {place} is {type(text).__name__}; give str, Passage or Document")
    return Passage(str(place), str(place), 0, len(text), text)

"""A judge by given utilities, for the tests of schedules, driver and reranker: it is right about everything."""

from collections.abc import Callable, Mapping, Sequence

from spaniel.rerank.judges.base import Call, Judge, Judged
from spaniel.rerank.judges.by_scores import order_of
from spaniel.rerank.questions import Answer, Kind, Order, Prefer, Question, Score
from spaniel.retrieval.types import Passage, Query

__all__ = ["ToyJudge", "exact", "toy_passages", "toy_queries"]


def exact(utilities: Sequence[float]) -> Callable[[Question], Answer]:
    """For `run_schedule`: answers by the utilities of the places; ties are a half, or stay as shown."""

    def answer(question: Question) -> Answer:
        match question:
            case Score(doc):
                return float(utilities[doc])
            case Prefer(first, second):
                return _won(utilities[first], utilities[second])
            case Order(docs, top):
                return tuple(docs[place] for place in order_of([utilities[doc] for doc in docs], top))

    return answer


def toy_passages(n: int, prefix: str = "p") -> list[Passage]:
    """Passages p0, p1, ... whose text is their id."""
    return [Passage(f"{prefix}{i}", f"{prefix}{i}", 0, len(f"{prefix}{i}"), f"{prefix}{i}") for i in range(n)]


def toy_queries(n: int) -> list[Query]:
    """Queries q0, q1, ..."""
    return [Query(f"q{i}", f"question {i}") for i in range(n)]


class ToyJudge(Judge):
    """Knows a utility for each passage id, or for each (query id, passage id); others have utility 0.

    Attributes:
        asked: every batch of calls that it got.
    """

    name = "toy"

    def __init__(
        self,
        utilities: Mapping[str, float] | Mapping[tuple[str, str], float],
        *,
        kinds: Sequence[Kind] = ("score", "prefer", "order"),
        symmetric: bool = False,
        fails: Callable[[Call], bool] = lambda call: False,
        batch: int = 256,
        remote: bool = False,
    ) -> None:
        super().__init__()
        self.utilities: Mapping[object, float] = dict(utilities)
        self.kinds = frozenset(kinds)
        self.symmetric, self.fails, self.batch, self.remote = symmetric, fails, batch, remote
        self.asked: list[tuple[Kind, list[Call]]] = []

    def _score(self, calls: Sequence[Call]) -> Judged:
        return self._judged("score", calls, lambda call: self._of(call)[0])

    def _prefer(self, calls: Sequence[Call]) -> Judged:
        return self._judged("prefer", calls, lambda call: _won(*self._of(call)))

    def _order(self, calls: Sequence[Call]) -> Judged:
        return self._judged("order", calls, lambda call: order_of(self._of(call), call.top))

    def _of(self, call: Call) -> list[float]:
        known = self.utilities
        return [known.get((call.query.id, p.id), known.get(p.id, 0.0)) for p in call.passages]

    def _judged(self, kind: Kind, calls: Sequence[Call], say: Callable[[Call], Answer]) -> Judged:
        self.asked.append((kind, list(calls)))
        answers = [None if self.fails(call) else say(call) for call in calls]
        return Judged(answers, [1 + len(call.passages) for call in calls], model_calls=len(calls))


def _won(first: float, second: float) -> float:
    return 1.0 if first > second else 0.0 if first < second else 0.5

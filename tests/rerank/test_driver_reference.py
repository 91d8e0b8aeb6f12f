"""The driver against the plainest one: question by question, with a dictionary."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from contracts.toy_judge import ToyJudge, toy_passages
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rerank.budget import Budget
from spaniel.rerank.driver import Job, drive
from spaniel.rerank.judges.base import Call, Judged
from spaniel.rerank.questions import Kind, Order, Outcome, Prefer, Question, Rounds, Score
from spaniel.retrieval.types import Query

N = 5
PASSAGES = toy_passages(N)


class Odd(ToyJudge):
    """Answers that depend on who is shown first, and are never the same for two calls."""

    def __init__(self, **settings: Any) -> None:
        super().__init__({}, **settings)

    def _score(self, calls: Sequence[Call]) -> Judged:
        return self._judged("score", calls, lambda call: worth(call.query, call.passages[0].id))

    def _prefer(self, calls: Sequence[Call]) -> Judged:
        return self._judged("prefer", calls, lambda call: likes(call.query, *(p.id for p in call.passages)))

    def _order(self, calls: Sequence[Call]) -> Judged:
        return self._judged("order", calls, lambda call: tuple(reversed(range(len(call.passages)))))


def worth(query: Query, id_: str) -> float:
    return float(int(id_[1:]) * 7 % 5) + len(query.text) / 100


def likes(query: Query, first: str, second: str) -> float:
    return (int(first[1:]) * 3 + int(second[1:]) + len(query.text)) % 11 / 10


def questions(kind: Kind) -> st.SearchStrategy[Question]:
    docs = st.lists(st.integers(0, N - 1), unique=True, min_size=2, max_size=N)
    if kind == "score":
        return st.builds(Score, st.integers(0, N - 1))
    if kind == "prefer":
        return docs.map(lambda some: Prefer(some[0], some[1]))
    return st.builds(Order, docs.map(tuple), st.sampled_from([None, 1, 2]))


@dataclass(frozen=True)
class Scripted:
    """Asks what it is told to and keeps the answers."""

    asks: Kind
    script: tuple[tuple[Question, ...], ...]
    told: list[list[Any]]
    name: ClassVar[str] = "scripted"

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        for questions_ in self.script:
            answers = yield questions_
            self.told.append(list(answers))
            if len(answers) < len(questions_):
                break
        return Outcome(tuple(range(n)))


def plainly(query: Query, script: Sequence[Sequence[Question]], calls: int | None, given_order: bool) -> dict[str, Any]:
    """What the driver has to do, the slow way."""
    known: dict[Any, Any] = {}
    spent = cached = depth = read = 0
    told: list[list[Any]] = []
    for round_ in script:
        answers: list[Any] = []
        before = spent
        for question in round_:
            shown: list[Any] = [question]
            if isinstance(question, Prefer) and not given_order:
                shown = [question, Prefer(question.second, question.first)]
            new = [each for each in shown if each not in known]
            if calls is not None and spent + len(new) > calls:
                break
            for each in new:
                known[each] = answered(query, each)
                read += len(each.docs) if isinstance(each, Order) else 1 if isinstance(each, Score) else 2
            spent, cached = spent + len(new), cached + len(shown) - len(new)
            if len(shown) == 2:
                answers.append((known[shown[0]] + 1 - known[shown[1]]) / 2)
            else:
                answers.append(known[question])
        told.append(answers)
        depth += spent > before
        if len(answers) < len(round_):
            break
    return {"told": told, "calls": spent, "cached": cached, "depth": depth, "docs_read": read}


def answered(query: Query, question: Question) -> Any:
    match question:
        case Score(doc):
            return worth(query, f"p{doc}")
        case Prefer(first, second):
            return likes(query, f"p{first}", f"p{second}")
        case Order(docs):
            return tuple(reversed(docs))


@given(st.data(), st.sampled_from(["score", "prefer", "order"]), st.none() | st.integers(0, 12), st.booleans())
def test_it_does_what_the_plainest_driver_does(
    data: st.DataObject, kind: Kind, calls: int | None, given_order: bool
) -> None:
    script = data.draw(st.lists(st.lists(questions(kind), max_size=6).map(tuple), max_size=4).map(tuple))
    settings = {"batch": data.draw(st.integers(1, 5)), "remote": data.draw(st.booleans())}
    query = Query("q", "x" * data.draw(st.integers(1, 9)))
    told: list[list[Any]] = []
    [(_, trace)] = drive(
        [Job(query, PASSAGES)],
        Odd(**settings),
        Scripted(kind, script, told),
        both_orders="given" if given_order else "both",
        budget=Budget(calls=calls),
    )
    expected = plainly(query, script, calls, given_order)
    assert told == expected.pop("told")
    assert {name: getattr(trace, name) for name in expected} == expected
    n_asked = sum(len(answers) for answers in told)
    assert trace.stopped == ("" if n_asked == sum(map(len, script)) else "calls")

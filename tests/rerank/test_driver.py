"""Many queries, real judges: company, batches, threads, budgets and failures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import pytest
from contracts.toy_judge import ToyJudge, toy_passages, toy_queries

from spaniel.rerank.budget import Budget
from spaniel.rerank.driver import Job, drive
from spaniel.rerank.judges.base import Call, Judge, Judged
from spaniel.rerank.questions import Kind, Order, Outcome, Prefer, Rounds
from spaniel.rerank.schedules.pointwise import Pointwise
from spaniel.rerank.schedules.table import read_schedule
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.types import Passage, Query


@dataclass(frozen=True, slots=True)
class Bubble:
    """One pass of neighbours from the bottom, each comparison a round of its own."""

    name: ClassVar[str] = "bubble"
    asks: ClassVar[Kind] = "prefer"

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        order = list(range(n))
        for place in reversed(range(1, n)):
            answers = yield [Prefer(order[place], order[place - 1])]
            if not answers:
                break
            if cast("float", answers[0]) > 0.5:
                order[place - 1], order[place] = order[place], order[place - 1]
        return Outcome(tuple(order))


@dataclass(frozen=True, slots=True)
class AllPairs:
    """Every pair in one round; order by wins."""

    name: ClassVar[str] = "pairs"
    asks: ClassVar[Kind] = "prefer"

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        pairs = [Prefer(i, j) for i in range(n) for j in range(i + 1, n)]
        wins = [0.0] * n
        if pairs:
            for pair, answer in zip(pairs, (yield pairs), strict=False):
                wins[pair.first] += cast("float", answer)
                wins[pair.second] += 1 - cast("float", answer)
        return Outcome(tuple(sorted(range(n), key=lambda doc: -wins[doc])))


@dataclass(frozen=True, slots=True)
class OneList:
    """All in one list."""

    name: ClassVar[str] = "list"
    asks: ClassVar[Kind] = "order"

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        answers = yield [Order(tuple(range(n)))]
        return Outcome(cast("tuple[int, ...]", answers[0]) if answers else tuple(range(n)))


N = 7
UTILITIES = {(f"q{q}", f"p{p}"): float((p * (q + 3) + q) % 11) for q in range(9) for p in range(N)}


def jobs(n: int = 9) -> list[Job]:
    return [Job(query, toy_passages(N)) for query in toy_queries(n)]


class BiasedJudge(ToyJudge):
    """Likes the one shown first, by an amount that hides small differences."""

    name = "biased"

    def _prefer(self, calls: Sequence[Call]) -> Judged:
        return self._judged("prefer", calls, lambda call: 0.9 if self._of(call)[0] + 3 > self._of(call)[1] else 0.2)


def results(played: Any) -> list[Any]:
    """What must not depend on company: all but the time."""
    return [(outcome.order, {**trace.to_json(), "seconds": 0}) for outcome, trace in played]


@pytest.mark.parametrize("schedule", [Bubble(), AllPairs(), OneList(), Pointwise()], ids=lambda each: each.name)
@pytest.mark.parametrize("both_orders", ["both", "random", "given"])
def test_company_batches_and_threads_do_not_matter(schedule: Any, both_orders: Any) -> None:
    def played(jobs: Sequence[Job], **judge: Any) -> list[Any]:
        return results(drive(jobs, BiasedJudge(UTILITIES, **judge), schedule, both_orders=both_orders, seed=5))

    together = played(jobs())
    assert [played([job])[0] for job in jobs()] == together
    assert played(jobs()[::-1])[::-1] == together
    assert played(jobs(), batch=1) == together
    assert played(jobs(), batch=5) == together
    assert played(jobs(), remote=True) == together


def test_seed_decides_the_random_order_and_nothing_else_does() -> None:
    def orders(seed: int) -> list[Any]:
        return results(drive(jobs(), BiasedJudge(UTILITIES), AllPairs(), both_orders="random", seed=seed))

    assert orders(1) == orders(1) != orders(2)


def test_a_schedule_may_be_meant_for_another_way() -> None:
    @dataclass(frozen=True, slots=True)
    class Meant(AllPairs):
        both_orders: ClassVar[str] = "random"

    pairs = N * (N - 1) // 2
    assert drive(jobs(1), ToyJudge(UTILITIES), Meant())[0][1].calls == pairs
    assert drive(jobs(1), ToyJudge(UTILITIES), Meant(), both_orders="both")[0][1].calls == 2 * pairs


def test_symmetric_judges_are_asked_once() -> None:
    [(outcome, trace)] = drive(jobs(1), ToyJudge(UTILITIES, symmetric=True), AllPairs())
    assert trace.calls == N * (N - 1) // 2
    [(same, twice)] = drive(jobs(1), ToyJudge(UTILITIES), AllPairs())
    assert outcome.order == same.order and twice.calls == 2 * trace.calls


@pytest.mark.parametrize("schedule", [AllPairs(), OneList(), Bubble()], ids=lambda each: each.name)
def test_a_judge_that_only_scores_is_asked_about_each_passage_once(schedule: Any) -> None:
    judge = ToyJudge(UTILITIES, kinds=("score",))
    for (outcome, trace), (exact, _) in zip(
        drive(jobs(), judge, schedule), drive(jobs(), ToyJudge(UTILITIES), schedule), strict=True
    ):
        assert outcome.order == exact.order
        assert trace.calls == trace.docs_read == N
    assert {kind for kind, _ in judge.asked} == {"score"}


def test_a_judge_cannot_be_asked_what_it_does_not_know() -> None:
    with pytest.raises(InvalidInput, match="schedule pointwise: asks 'score', which the judge toy cannot answer"):
        drive(jobs(), ToyJudge(UTILITIES, kinds=("prefer",)), Pointwise())


def test_batches_are_filled_from_all_queries() -> None:
    judge = ToyJudge(UTILITIES, batch=9)
    drive(jobs(), judge, Bubble(), both_orders="given")
    assert [len(calls) for _, calls in judge.asked] == [9] * (N - 1)


def test_no_more_queries_begin_than_fill_some_batches() -> None:
    begun = []

    def slowly() -> Any:
        for job in jobs():
            begun.append(job.query.id)
            yield job

    seen: list[int] = []

    class Watching(ToyJudge):
        def _score(self, calls: Sequence[Call]) -> Judged:
            seen.append(len(begun))
            return super()._score(calls)

    drive(slowly(), Watching(UTILITIES, batch=1), Pointwise())
    assert seen[0] == 1 and seen[-1] == 9


def test_tokens_are_estimated_before_and_counted_after() -> None:
    estimates = ToyJudge(UTILITIES).estimate([Call(jobs(1)[0].query, tuple(toy_passages(1)))])
    assert estimates == [3]  # ten letters of the question, two of the passage
    chinese = Passage("p", "p", 0, 4, "汉字汉字")
    assert ToyJudge(UTILITIES).estimate([Call(Query("", "汉字"), (chinese, chinese))]) == [8]  # 30 bytes
    [(_, trace)] = drive(jobs(1), ToyJudge(UTILITIES), Pointwise(), budget=Budget(tokens=10))
    assert (trace.calls, trace.tokens, trace.stopped) == (3, 6, "tokens")
    [(_, trace)] = drive(jobs(1), ToyJudge(UTILITIES), Bubble(), budget=Budget(tokens=11))
    # Two calls of 4 estimated and 3 used, twice: after the first pair 5 are left, which is less than 8.
    assert (trace.calls, trace.tokens, trace.stopped) == (2, 6, "tokens")


def test_budget_zero_is_the_first_stage_order() -> None:
    for schedule in (Pointwise(), AllPairs(), Bubble(), OneList()):
        for budget in (Budget(calls=0), Budget(tokens=0), Budget(seconds=0)):
            for outcome, trace in drive(jobs(), ToyJudge(UTILITIES), schedule, budget=budget):
                assert outcome.order == tuple(range(N)) and trace.calls == 0 and trace.stopped


def test_seconds_end_a_round_between_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr("spaniel.rerank.batched.perf_counter", lambda: float(next(clock)))
    judge = ToyJudge(UTILITIES, batch=2)
    [(outcome, trace)] = drive(jobs(1), judge, Pointwise(), budget=Budget(seconds=3))
    # Each batch takes a second: two calls in the first, then one at a time, a fourth of what is left.
    assert (trace.seconds, trace.stopped) == (3.0, "seconds")
    scored = [call.passages[0].id for _, calls in judge.asked for call in calls]
    assert trace.calls == len(scored) < N
    assert set(outcome.order[: len(scored)]) == {int(id_[1:]) for id_ in scored}


def test_budgets_that_make_no_sense_are_refused() -> None:
    with pytest.raises(InvalidInput, match="calls is -1; it must be at least 0, or None"):
        Budget(calls=-1)
    with pytest.raises(InvalidInput, match=r"calls is 2.5; it must be a whole number of at least 0, or None"):
        Budget(calls=2.5)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="tokens is '400'; it must be a whole number"):
        Budget(tokens="400")  # type: ignore[arg-type]
    for seconds in ("1", float("nan"), -0.1, True):
        with pytest.raises(InvalidInput, match=r"seconds is .*; it must be 0 or more"):
            Budget(seconds=seconds)  # type: ignore[arg-type]
    assert Budget(calls=np.int64(3), seconds=np.float32(2)).calls == 3  # type: ignore[arg-type]


def test_failures_are_neutral_and_counted() -> None:
    def fails(call: Call) -> bool:
        return any(passage.id == "p2" for passage in call.passages)

    [(outcome, trace)] = drive(jobs(1), ToyJudge(UTILITIES, fails=fails), Pointwise(), top=N)
    assert outcome.order[-1] == 2 and trace.failed == 1 and trace.calls == N
    [(outcome, trace)] = drive(jobs(1), ToyJudge(UTILITIES, fails=fails), OneList())
    assert outcome.order == tuple(range(N)) and trace.failed == 1
    [(_, trace)] = drive(jobs(1), ToyJudge(UTILITIES, fails=fails), AllPairs(), keep_log=True)
    assert trace.failed == 2 * (N - 1)
    assert {asked.answer for asked in trace.log if 2 in (asked.question.first, asked.question.second)} == {0.5}  # type: ignore[union-attr]


@pytest.mark.parametrize("schedule", ["pointwise", "heapsort", "quicksort", "sliding:passes=10"])
def test_a_passage_without_a_score_is_behind_all_whatever_asks(schedule: str) -> None:
    """It would be the best; what the judge says of others in later rounds lies far below what it said before."""
    utilities = {f"p{place}": [-100.0, -99, -98, -97, -5, -96, -95, -94, -93, 0][place] for place in range(10)}

    def order(*missing: str) -> tuple[int, ...]:
        judge = ToyJudge(utilities, kinds=["score"], fails=lambda call: call.passages[0].id in missing)
        job = Job(toy_queries(1)[0], toy_passages(10))
        [(outcome, trace)] = drive([job], judge, read_schedule(schedule), top=10)
        assert trace.failed == len(missing)
        return outcome.order

    assert order() == (9, 4, 8, 7, 6, 5, 3, 2, 1, 0)
    assert order("p9") == (4, 8, 7, 6, 5, 3, 2, 1, 0, 9)
    assert order("p4", "p9") == (8, 7, 6, 5, 3, 2, 1, 0, 4, 9)


@pytest.mark.parametrize("remote", [False, True])
def test_failures_are_errors_when_asked_to_be(remote: bool) -> None:
    judge = ToyJudge(UTILITIES, fails=lambda call: call.passages[0].id == "p3", remote=remote)
    with pytest.raises(ModelError, match="toy gave no answer for query 'q0' and 'p3'"):
        drive(jobs(1), judge, Pointwise(), on_failure="raise")


@pytest.mark.parametrize("remote", [False, True])
def test_calls_without_an_answer_are_made_again(remote: bool) -> None:
    def flaky(times: int) -> ToyJudge:
        """Fails the first so many times it is asked about p2."""
        left = {f"q{q}": times for q in range(9)}

        def fails(call: Call) -> bool:
            if call.passages[0].id == "p2" and left[call.query.id]:
                left[call.query.id] -= 1
                return True
            return False

        return ToyJudge(UTILITIES, fails=fails, remote=remote)

    whole = drive(jobs(), ToyJudge(UTILITIES), Pointwise())
    for (outcome, trace), (right, _) in zip(drive(jobs(), flaky(2), Pointwise(), retries=2), whole, strict=True):
        assert outcome.order == right.order
        assert (trace.calls, trace.retried, trace.failed) == (N + 2, 2, 0)
    [(outcome, trace)] = drive(jobs(1), flaky(3), Pointwise(), retries=2, top=N)
    assert outcome.order[-1] == 2 and (trace.calls, trace.retried, trace.failed) == (N + 2, 2, 1)
    [(_, trace)] = drive(jobs(1), flaky(3), Pointwise(), retries=2, budget=Budget(calls=N + 1))
    assert (trace.calls, trace.retried, trace.failed, trace.stopped) == (N + 1, 1, 1, "")
    with pytest.raises(ModelError, match="gave no answer"):
        drive(jobs(1), flaky(3), Pointwise(), retries=2, on_failure="raise")
    with pytest.raises(InvalidInput, match="retries is -1"):
        drive(jobs(1), flaky(3), Pointwise(), retries=-1)


@pytest.mark.parametrize("remote", [False, True])
def test_errors_of_the_judge_come_out(remote: bool) -> None:
    class Broken(ToyJudge):
        def _score(self, calls: Sequence[Call]) -> Judged:
            raise ModelError("no connection")

    with pytest.raises(ModelError, match="no connection"):
        drive(jobs(), Broken(UTILITIES, remote=remote), Pointwise())


class Rude(Judge):
    """Says whatever it is told to."""

    name = "rude"
    kinds = frozenset({"score", "prefer", "order"})

    def __init__(self, says: Judged) -> None:
        super().__init__()
        self.says = says

    def _score(self, calls: Sequence[Call]) -> Judged:
        return self.says

    _prefer = _order = _score


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("score", Judged([float("nan")], [1])),
        ("score", Judged([1.0, 2.0], [1, 1])),
        ("score", Judged([1.0], [])),
        ("score", Judged([(0,)], [1])),
        ("prefer", Judged([1.1], [1])),
        ("order", Judged([(0, 0)], [1])),
        ("order", Judged([0.5], [1])),
    ],
)
def test_what_makes_no_sense_is_the_judges_fault(kind: Kind, says: Judged) -> None:
    query, shown = toy_queries(1)[0], tuple(toy_passages(1 if kind == "score" else 2))
    with pytest.raises(ModelError, match="rude"):
        Rude(says).answer(kind, [Call(query, shown)])


def test_calls_show_as_many_passages_as_their_kind() -> None:
    query, judge = toy_queries(1)[0], ToyJudge({})
    for kind, n in (("score", 2), ("prefer", 1), ("prefer", 3), ("order", 0)):
        with pytest.raises(InvalidInput, match=f"a {kind} call shows"):
            judge.answer(cast("Kind", kind), [Call(query, tuple(toy_passages(n)))])
    with pytest.raises(InvalidInput, match="top is 3 of 2"):
        judge.answer("order", [Call(query, tuple(toy_passages(2)), top=3)])


def test_usage_adds_up_and_scores_make_the_other_answers() -> None:
    judge = ToyJudge({"p0": 1.0, "p1": 3.0, "p2": 3.0, "p3": 2.0}, kinds=("score",))
    query, passages = toy_queries(1)[0], tuple(toy_passages(4))
    orders = judge.answer("order", [Call(query, passages), Call(query, passages[::-1], top=1)])
    assert orders.answers == [(1, 2, 3, 0), (1, 0, 2, 3)] and sum(orders.tokens) == 8
    there, back = judge.answer("prefer", [Call(query, passages[:2]), Call(query, passages[1::-1])]).answers
    assert cast("float", there) + cast("float", back) == pytest.approx(1) and cast("float", there) < 0.5
    assert judge.answer("prefer", [Call(query, passages[1:3])]).answers == [0.5]
    assert judge.usage() == {"model_calls": 8, "tokens": 16, "truncated": 0}


def test_counts_of_a_batch_are_spread_where_the_judge_cannot_tell() -> None:
    def counted(name: str, n: int, **counts: Any) -> list[int]:
        return [getattr(said, name) for said in Judged([0.0] * n, [1] * n, **counts).each]

    assert counted("truncated", 3, truncated=2) == [0, 1, 1]
    assert counted("truncated", 3, truncated=2, truncated_by_call=[2, 0, 0]) == [2, 0, 0]
    assert sum(counted("repaired", 7, repaired=5)) == 5 == sum(counted("model_calls", 7, model_calls=5))

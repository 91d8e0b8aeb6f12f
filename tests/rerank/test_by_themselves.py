"""Calls that go out by themselves, to judges behind a network: who waits for whom, and until when."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from contracts.toy_judge import ToyJudge, toy_passages, toy_queries

from spaniel.rerank.budget import Budget
from spaniel.rerank.driver import Job, drive
from spaniel.rerank.judges.base import Call, Judged
from spaniel.rerank.schedules.allpair import Allpair
from spaniel.rerank.schedules.pointwise import Pointwise
from spaniel.rerank.schedules.sliding import Sliding

N = 7
ONE_BY_ONE = Sliding(passes=1)
"""N - 1 questions, each in a round of its own."""


def jobs(n: int) -> list[Job]:
    return [Job(query, toy_passages(N)) for query in toy_queries(n)]


def test_no_query_waits_for_another() -> None:
    """The second query is played to its end while the first call of the first hangs."""
    second_is_done = threading.Event()

    class Hanging(ToyJudge):
        def _prefer(self, calls: Sequence[Call]) -> Judged:
            if calls[0].query.id == "q0":
                assert second_is_done.wait(60)
            return super()._prefer(calls)

    played = drive(
        jobs(2),
        Hanging({}, remote=True),
        ONE_BY_ONE,
        both_orders="given",
        concurrency=2,
        on_progress=lambda n: second_is_done.set(),
    )
    assert [trace.calls for _, trace in played] == [N - 1, N - 1]


def test_calls_under_way_are_not_waited_for_when_the_seconds_end() -> None:
    release = threading.Event()

    class Hanging(ToyJudge):
        def _score(self, calls: Sequence[Call]) -> Judged:
            if calls[0].passages[0].id != "p0":
                release.wait(60)
            return super()._score(calls)

    [(outcome, trace)] = drive(
        jobs(1), Hanging({}, remote=True), Pointwise(), concurrency=2, budget=Budget(seconds=0.05)
    )
    release.set()
    assert outcome.order == tuple(range(N))
    assert trace.stopped == "seconds" and 2 <= trace.calls <= 3


class AtOnce(ThreadPoolExecutor):
    """Makes each call where it is submitted: a judge that is faster than whoever listens to it."""

    def submit(self, do: Any, /, *given: Any, **named: Any) -> "Future[Any]":  # type: ignore[override]
        future: Future[Any] = Future()
        future.set_result(do(*given, **named))
        return future


class Ticking(ToyJudge):
    """Each call takes ten seconds of a clock of its own."""

    now = 0.0

    def _prefer(self, calls: Sequence[Call]) -> Judged:
        self.now += 10 * len(calls)
        return super()._prefer(calls)


def test_seconds_end_a_round_of_calls_that_come_back_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Ticking({}, remote=True)
    monkeypatch.setattr("spaniel.rerank.by_themselves.perf_counter", lambda: judge.now)
    monkeypatch.setattr("spaniel.rerank.by_themselves.ThreadPoolExecutor", AtOnce)
    [(_, trace)] = drive(jobs(1), judge, Allpair(), budget=Budget(seconds=95), concurrency=2)
    assert trace.stopped == "seconds" and 95 <= trace.seconds <= 120
    assert trace.calls == len(judge.asked) == judge.now / 10 < N * (N - 1)


def test_waiting_for_other_queries_takes_no_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Ticking({}, remote=True)
    monkeypatch.setattr("spaniel.rerank.by_themselves.perf_counter", lambda: judge.now)
    monkeypatch.setattr("spaniel.rerank.by_themselves.ThreadPoolExecutor", AtOnce)
    played = drive(jobs(4), judge, ONE_BY_ONE, both_orders="given", budget=Budget(seconds=75), concurrency=1)
    assert judge.now == 4 * (N - 1) * 10
    assert [(trace.calls, trace.seconds, trace.stopped) for _, trace in played] == [(N - 1, (N - 1) * 10, "")] * 4

"""Who is taken on."""

from typing import cast

import pytest

from spaniel.rerank.serve.admission import Admission
from spaniel.rerank.serve.job import Job
from spaniel.rerank.serve.limits import Limits
from spaniel.rerank.serve.refusals import Busy
from spaniel.rerank.serve.speed import Speed
from spaniel.retrieval.errors import InvalidInput

NOW = 1000.0


class Waiting:
    def __init__(self, left: int, deadline: float | None = None) -> None:
        self.left, self.deadline = left, deadline
        self.due = NOW + 60 if deadline is None else deadline

    def end(self, now: float) -> float:
        return now + self.left


def jobs(*left: int, deadline: float | None = None) -> list[Job]:
    return cast(list[Job], [Waiting(each, deadline) for each in left])


def admission(tokens_per_s: float = 100, **limits: int) -> Admission:
    speed = Speed(2)
    speed.batch(int(tokens_per_s), 2.0)
    return Admission(Limits(**{"share_tokens": 10, "queue_tokens": 100, **limits}), speed, lambda: NOW)


def test_speed_is_that_of_all_workers() -> None:
    speed = Speed(2)
    assert speed.tokens_per_s == 0
    for _ in range(3):
        speed.batch(300, 2.0)
    assert speed.tokens_per_s == pytest.approx(300)


def test_with_nobody_there_every_request_is_taken_on() -> None:
    admission().check(1_000_000, jobs(), deadline=0.0)


def test_behind_one_huge_request_a_small_one_is_taken_on() -> None:
    admission().check(5, jobs(1_000_000), None)


def test_beside_small_ones_a_huge_one_is_taken_on() -> None:
    admission().check(1_000_000, jobs(10, 20, 30), None)


def test_refused_when_too_much_would_go_before_it() -> None:
    with pytest.raises(Busy, match="300 tokens are waiting, the limit is 100") as caught:
        admission().check(200, jobs(150, 150), None)
    assert (caught.value.reason, caught.value.retry_after_s) == ("tokens", 2.0)
    admission().check(45, jobs(150, 150), None)


def test_refused_when_too_many_wait() -> None:
    with pytest.raises(Busy, match="2 requests are waiting") as caught:
        admission(queue_requests=2).check(1, jobs(1, 1), None)
    assert (caught.value.reason, caught.value.retry_after_s) == ("requests", 1.0)


def test_refused_when_it_could_not_be_done_in_seven_tenths_of_its_time() -> None:
    with pytest.raises(Busy, match=r"0\.9 s of the 1\.2 s it has") as caught:
        admission().check(50, jobs(40), NOW + 1.2)
    assert (caught.value.reason, caught.value.retry_after_s) == ("deadline", 1.0)
    admission().check(50, jobs(40), NOW + 1.3)


def test_refused_when_another_one_would_be_late_for_it() -> None:
    before = jobs(50, deadline=NOW + 0.8)
    with pytest.raises(Busy, match="there first") as caught:
        admission().check(50, before, None)
    assert caught.value.reason == "deadline"
    admission(share_tokens=100).check(20, before, None)  # in one turn: what is due later goes behind
    admission().check(10, before, None)
    admission().check(50, jobs(50, deadline=NOW + 0.4), None)  # late whatever comes


def test_no_deadline_nothing_to_be_late_for() -> None:
    admission().check(50, jobs(40, 90), None)


@pytest.mark.parametrize("field", ["documents", "batch_tokens", "timeout_s"])
@pytest.mark.parametrize("value", [0, -1, True, "4"])
def test_limits_are_numbers_above_0(field: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=field):
        Limits(**{field: value})  # type: ignore[arg-type]


def test_a_gpu_takes_more_at_once() -> None:
    cpu, gpu = Limits.on("cpu", documents=5), Limits.on("cuda", queue_tokens=7)
    assert cpu == Limits(documents=5) and (cpu.batch_pairs, cpu.window_tokens) == (64, 32768)
    assert gpu.batch_tokens > cpu.batch_tokens and gpu.batch_pairs > cpu.batch_pairs and gpu.queue_tokens == 7

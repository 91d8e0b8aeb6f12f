"""What every schedule promises: inherit `ScheduleContract` and name the schedule."""

from dataclasses import is_dataclass, replace
from typing import Any, ClassVar

from spaniel.rerank.asking import number_of
from spaniel.rerank.driver import run_schedule
from spaniel.rerank.questions import Answer, Question
from spaniel.rerank.schedules.base import Schedule
from spaniel.rerank.schedules.table import read_schedule, written

from .toy_judge import exact

__all__ = ["ScheduleContract"]


def utilities(n: int) -> list[float]:
    """Far from the first-stage order, with ties."""
    return [float((place * 7 + 3) % 5) for place in range(n)]


class ScheduleContract:
    """The suite; `schedule` is a set-up small enough for a few passages, `n` how many are tried at most, `sure` how
    many firsts are right whenever the judge is: 0 where the schedule sees a sample only."""

    schedule: ClassVar[Any]
    n: ClassVar[int] = 12
    sure: ClassVar[int] = 2

    def run(self, n: int, top: int = 3, seed: int = 0, calls: int | None = None, answer: Any = None) -> Any:
        return run_schedule(
            self.schedule, n, answer or exact(utilities(n)), top=top, seed=seed, budget_calls=calls, keep_log=True
        )

    def test_plays_the_role_and_stands_in_the_table(self) -> None:
        schedule = self.schedule
        assert isinstance(schedule, Schedule) and is_dataclass(schedule)
        assert schedule.asks in ("score", "prefer", "order")
        assert read_schedule(written(schedule)) == schedule
        assert hash(schedule) == hash(replace(schedule))  # frozen

    def test_few_passages(self) -> None:
        for n in range(self.n + 1):
            for top in (1, 3, n, n + 5):
                outcome, _ = self.run(n, max(top, 1))  # which checks that it is an order
                assert len(outcome.order) == n
        assert self.run(0)[1].calls == 0
        assert self.schedule.asks == "score" or self.run(1)[1].calls == 0

    def test_seed_decides_everything(self) -> None:
        first, trace = self.run(self.n, seed=3)
        again, same = self.run(self.n, seed=3)
        assert first.order == again.order and trace.log == same.log

    def test_cut_at_any_call(self) -> None:
        whole, trace = self.run(self.n)
        for calls in range(trace.calls + 1):
            cut, spent = self.run(self.n, calls=calls)
            assert spent.calls <= calls
            assert spent.stopped == ("" if calls == trace.calls else "calls")
        assert cut.order == whole.order

    def test_nothing_asked_is_the_first_stage_order(self) -> None:
        outcome, _ = self.run(self.n, calls=0)
        assert outcome.order == tuple(range(self.n))

    def test_answers_that_agree_with_the_first_stage_change_nothing(self) -> None:
        outcome, _ = self.run(self.n, answer=exact([-float(place) for place in range(self.n)]))
        assert outcome.order[: self.sure] == tuple(range(self.sure))

    def test_a_judge_that_is_right_gets_the_firsts_right(self) -> None:
        for seed in range(5):
            worth = [float(number_of(f"{seed} {place}")) for place in range(self.n)]
            outcome, _ = self.run(self.n, seed=seed, answer=exact(worth))
            best = sorted(range(self.n), key=lambda place: -worth[place])
            assert list(outcome.order[: self.sure]) == best[: self.sure]

    def test_ties_keep_the_first_stage_order(self) -> None:
        outcome, _ = self.run(self.n, answer=exact([1.0] * self.n))
        assert self.schedule.asks == "order" or outcome.order[: self.sure] == tuple(range(self.sure))

    def test_any_answers_will_do(self) -> None:
        def contrary(question: Question) -> Answer:
            docs = getattr(question, "docs", None)
            return tuple(reversed(docs)) if docs else 0.0 if number_of(repr(question)) % 2 else 1.0

        assert len(self.run(self.n, answer=contrary)[0].order) == self.n

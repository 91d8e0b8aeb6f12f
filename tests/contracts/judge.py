"""What every judge promises: inherit `JudgeContract` and give it a `judge` fixture."""

from typing import cast

import pytest

from spaniel.rerank.judges.base import Call, Judge
from spaniel.rerank.questions import Kind
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Passage, Query

__all__ = ["JudgeContract"]

QUERY = Query("q", "how are keys rotated")
TEXTS = [
    "Keys are rotated by the operator every month, with the command rotate.",
    "Dogs bark at night.",
    "A key opens a lock.",
    "Rotation is the movement of a body around its axis.",
    "",
]
PASSAGES = tuple(Passage(f"p{place}", f"p{place}", 0, len(text), text) for place, text in enumerate(TEXTS))
SHOWN: dict[Kind, int] = {"score": 1, "prefer": 2, "order": 4}
KINDS: tuple[Kind, ...] = ("score", "prefer", "order")


class JudgeContract:
    """The suite. `exact` says that answers are equal to the last bit whatever the company."""

    tolerance: float = 1e-4

    @pytest.fixture
    def judge(self) -> Judge:
        raise NotImplementedError

    def calls(self, kind: Kind) -> list[Call]:
        n = SHOWN[kind]
        return [Call(QUERY, (PASSAGES * 2)[start : start + n]) for start in range(len(PASSAGES))]

    def test_says_what_it_is(self, judge: Judge) -> None:
        assert judge.name and judge.kinds and judge.batch >= 1 and judge.concurrency >= 1

    @pytest.mark.parametrize("kind", KINDS)
    def test_answers_what_it_can_and_refuses_the_rest(self, judge: Judge, kind: Kind) -> None:
        calls = self.calls(kind)
        if not judge.can(kind):
            with pytest.raises(InvalidInput, match="cannot answer"):
                judge.answer(kind, calls)
            return
        judged = judge.answer(kind, calls)  # which checks its form
        assert len(judged.answers) == len(calls)
        assert judge.answer(kind, []).answers == ()

    @pytest.mark.parametrize("kind", KINDS)
    def test_company_does_not_matter(self, judge: Judge, kind: Kind) -> None:
        if not judge.can(kind):
            return
        calls = self.calls(kind)
        together = judge.answer(kind, calls).answers
        alone = [judge.answer(kind, [call]).answers[0] for call in calls]
        if kind == "order":
            assert list(together) == alone
        else:
            assert cast("list[float]", list(together)) == pytest.approx(alone, abs=self.tolerance)

    def test_counts_only_grow(self, judge: Judge) -> None:
        kind = next(iter(judge.kinds))
        before = judge.usage()
        judged = judge.answer(kind, self.calls(kind))
        after = judge.usage()
        assert set(after) >= {"model_calls", "tokens", "truncated"}
        assert after["tokens"] - before["tokens"] == sum(judged.tokens)
        assert all(after[name] >= before[name] for name in before)

    def test_estimates_are_whole_numbers(self, judge: Judge) -> None:
        kind = next(iter(judge.kinds))
        calls = self.calls(kind)
        estimates = judge.estimate(calls)
        assert len(estimates) == len(calls) and all(type(n) is int and n >= 0 for n in estimates)

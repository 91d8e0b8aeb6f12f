"""The judge of the tests keeps the promises of judges."""

import pytest
from contracts.judge import JudgeContract
from contracts.toy_judge import ToyJudge

from spaniel.rerank.judges.base import Judge

UTILITIES = {"p0": 3.0, "p1": 1.0, "p2": 2.0}


class TestToyJudge(JudgeContract):
    @pytest.fixture
    def judge(self) -> Judge:
        return ToyJudge(UTILITIES)


class TestScoresAlone(JudgeContract):
    @pytest.fixture
    def judge(self) -> Judge:
        return ToyJudge(UTILITIES, kinds=("score",))


class TestPrefersAlone(JudgeContract):
    @pytest.fixture
    def judge(self) -> Judge:
        return ToyJudge(UTILITIES, kinds=("prefer",))

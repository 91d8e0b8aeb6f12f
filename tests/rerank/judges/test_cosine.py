"""The bi-encoder's judge over an encoder of words."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.judge import JudgeContract
from contracts.small_model import small_bert
from contracts.toy_encoder import ToyEncoder

from spaniel.models.encoders.open import open_encoder
from spaniel.rerank.budget import Budget
from spaniel.rerank.driver import Job, drive
from spaniel.rerank.judges.base import Call, Judge
from spaniel.rerank.judges.cosine import CosineJudge
from spaniel.rerank.schedules.heapsort import Heapsort
from spaniel.retrieval.types import Passage, Query


class TestContract(JudgeContract):
    tolerance = 0.0

    @pytest.fixture
    def judge(self) -> Judge:
        return CosineJudge(ToyEncoder())


def call(query: str, *texts: str, title: str = "") -> Call:
    return Call(Query("", query), tuple(Passage(text, text, 0, len(text), text, title) for text in texts))


TEXTS = [f"{'long ' * (place % 5)}text about {'abc'[place % 3]}" for place in range(20)]
JOBS = [Job(Query(text, text), call(text, *TEXTS).passages) for text in ("a", "what is b", "is there no more of c?")]


def test_scores_are_cosines() -> None:
    encoder = ToyEncoder(seed=3)
    calls = [call("a b", "b c", title="a"), call("a b", "d e f"), call("x", "a b c"), call("x", "")]
    judged = CosineJudge(encoder).answer("score", calls)
    texts = [("a b", "a b c"), ("a b", "d e f"), ("x", "a b c")]
    wanted = [
        float(encoder.encode([query], kind="query")[0] @ encoder.encode([text], kind="passage")[0])
        for query, text in texts
    ]
    np.testing.assert_allclose(judged.answers, [*wanted, 0.0], atol=1e-6)
    assert sum(judged.tokens) == 2 + 1 + 3 + 3


def test_a_text_is_encoded_once() -> None:
    encoder = ToyEncoder()
    judge = CosineJudge(encoder)
    first = judge.answer("score", [call("a", "b c"), call("a", "d"), call("e", "b c")])
    again = judge.answer("score", [call("e", "d"), call("a", "b c")])
    assert sorted(encoder.asked) == ["a", "b c", "d", "e"]
    assert again.answers[1] == first.answers[0]
    assert sum(again.tokens) == 0 == again.model_calls


def test_what_is_remembered_is_charged_all_the_same() -> None:
    calls = [call("a", "b c"), call("a", "much longer than the others"), call("e", "b c"), call("e", "")]
    judge = CosineJudge(ToyEncoder())
    before = judge.estimate(calls)
    assert before == [2, 8, 2, 1]  # four bytes a token, rounded up: this encoder has no tokenizer
    for _ in range(2):
        assert list(judge.answer("score", calls).charged) == before == judge.estimate(calls)
    assert judge.estimate([call("a", "b c", "much longer than the others")]) == [10]


def test_where_tokens_run_out_depends_on_no_company_and_no_history() -> None:
    def played(judge: Judge, *places: int) -> list[Any]:
        budget = Budget(tokens=40)
        return [
            (outcome.order, trace.calls, trace.charged, trace.stopped)
            for outcome, trace in drive([JOBS[place] for place in places], judge, Heapsort(), budget=budget)
        ]

    alone = [played(CosineJudge(ToyEncoder()), place)[0] for place in range(3)]
    assert {stopped for *_, stopped in alone} == {"tokens"}
    judge = CosineJudge(ToyEncoder())
    assert played(judge, 0, 1, 2) == alone
    assert played(judge, 2, 1, 0) == alone[::-1]


def test_tokens_are_those_of_the_texts(tmp_path: Path) -> None:
    """Of an encoder with a tokenizer, to the token, whatever else is in the batch."""
    pytest.importorskip("onnxruntime")
    with open_encoder(small_bert(tmp_path / "m"), cache=tmp_path) as encoder, CosineJudge(encoder) as judge:
        calls = [call("w1 w2", "w3"), call("w1 w2", "w4 " * 5000), call("w5", "w3")]
        longest = encoder.card.max_length
        assert judge.estimate(calls) == [4 + 3, 4 + longest, 3 + 3]
        judged = judge.answer("score", calls)
        assert list(judged.tokens) == [4 + 3, longest, 3] and list(judged.charged) == judge.estimate(calls)


def test_only_the_last_vectors_are_kept() -> None:
    encoder = ToyEncoder()
    judge = CosineJudge(encoder, kept=2)
    judge.answer("score", [call("a", text) for text in ("b", "c", "d")])
    encoder.asked.clear()
    judge.answer("score", [call("a", "d"), call("a", "b")])
    assert sorted(encoder.asked) == ["a", "b"]


def test_vectors_of_any_length_and_closing() -> None:
    class Long(ToyEncoder):
        closed = False

        def _encoded(self, texts, kind):  # type: ignore[no-untyped-def]
            made = super()._encoded(texts, kind)
            return type(made)(made.vectors * 7, made.tokens)

        def close(self) -> None:
            self.closed = True

    from dataclasses import replace

    long = Long()
    long.card = replace(long.card, normalised=False)
    with CosineJudge(long) as judge:
        (score,) = judge.answer("score", [call("a b", "b a")]).answers
    assert score == pytest.approx(1.0, abs=1e-6)
    assert long.closed

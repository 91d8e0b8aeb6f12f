"""The bi-encoder's judge over an encoder of words."""

import numpy as np
import pytest
from contracts.judge import JudgeContract
from contracts.toy_encoder import ToyEncoder

from spaniel.rerank.judges.base import Call, Judge
from spaniel.rerank.judges.cosine import CosineJudge
from spaniel.retrieval.types import Passage, Query


class TestContract(JudgeContract):
    tolerance = 0.0

    @pytest.fixture
    def judge(self) -> Judge:
        return CosineJudge(ToyEncoder())


def call(query: str, text: str, title: str = "") -> Call:
    return Call(Query("", query), (Passage(text, text, 0, len(text), text, title),))


def test_scores_are_cosines() -> None:
    encoder = ToyEncoder(seed=3)
    calls = [call("a b", "b c", "a"), call("a b", "d e f"), call("x", "a b c"), call("x", "")]
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

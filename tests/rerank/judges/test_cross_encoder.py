"""The cross-encoder's judge: what it scores is what the model says of the pair, whatever else is asked."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from contracts.cross_encoder import WORDS, small_cross_encoder, some_texts
from contracts.judge import JudgeContract

from spaniel.rerank.cross_encoders.base import PairModel
from spaniel.rerank.cross_encoders.open import open_pair_model
from spaniel.rerank.judges import cross_encoder
from spaniel.rerank.judges.base import Call, Judge
from spaniel.rerank.judges.cross_encoder import CrossEncoderJudge
from spaniel.retrieval.types import Passage, Query

pytest.importorskip("onnxruntime")


class TestContract(JudgeContract):
    tolerance = 0.0

    @pytest.fixture
    def judge(self, tmp_path_factory: pytest.TempPathFactory) -> Judge:
        place = tmp_path_factory.getbasetemp() / "contract"
        return CrossEncoderJudge(open_pair_model(small_cross_encoder(place / "m"), cache=place), threads=2)


QUERIES = [" ".join(WORDS[:4]), "w9 w8", ""]


@pytest.fixture(scope="module", params=["fp32", "int8"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PairModel]:
    place = tmp_path_factory.mktemp("models")
    opened = open_pair_model(small_cross_encoder(place / "m"), precision=request.param, cache=place)
    yield opened
    opened.close()


def call(query: str, *texts: str, top: int | None = None) -> Call:
    return Call(Query("", query), tuple(Passage(text, text, 0, len(text), text) for text in texts), top)


def scores(model: PairModel, query: str, texts: Sequence[str]) -> list[float]:
    return [float(model.logits([pair])[0]) for pair in model.tokenised(query, texts)]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("padding", [False, True])
def test_scores_are_the_model_s(model: PairModel, threads: int, padding: bool) -> None:
    judge = CrossEncoderJudge(model, threads=threads, padding=padding, budget=100)
    texts = some_texts(40, seed=3, longest=60)
    asked = [(query, text) for text in texts for query in QUERIES]
    judged = judge.answer("score", [call(query, text) for query, text in asked])
    wanted = [scores(model, query, [text])[0] for query, text in asked]
    if padding:
        np.testing.assert_allclose(judged.answers, wanted, atol=0.05)  # int8: padding may move a rounding
    else:
        assert list(judged.answers) == wanted
    pairs = [model.tokenised(query, [text])[0] for query, text in asked]
    assert list(judged.tokens) == [len(pair) for pair in pairs]
    assert judged.truncated == sum(len(query.split()) + len(text.split()) > 45 for query, text in asked) > 0
    assert judged.model_calls < len(asked)
    assert judge.usage()["tokens"] == sum(judged.tokens)


def test_an_estimate_is_what_it_costs(model: PairModel) -> None:
    judge = CrossEncoderJudge(model, threads=1)
    texts = ["w1 w2", "w3 " * 5000, ""]
    calls = [call(query, text) for text in texts for query in QUERIES]
    assert judge.estimate(calls) == list(judge.answer("score", calls).tokens)
    assert max(judge.estimate(calls)) == model.max_length
    one_by_one = judge.estimate([call(QUERIES[0], text) for text in texts])
    assert judge.estimate([call(QUERIES[0], *texts)]) == [sum(one_by_one)]


def test_preferences_and_orders_are_those_of_the_scores(model: PairModel) -> None:
    judge = CrossEncoderJudge(model, threads=1)
    texts = some_texts(6)
    found = scores(model, QUERIES[0], texts)
    (order,) = judge.answer("order", [call(QUERIES[0], *texts)]).answers
    assert list(order or ()) == sorted(range(6), key=lambda i: -found[i])
    (first,) = judge.answer("prefer", [call(QUERIES[0], texts[0], texts[1])]).answers
    assert (first > 0.5) == (found[0] > found[1])
    assert judge.symmetric


def test_a_title_stands_before_the_text(model: PairModel) -> None:
    judge = CrossEncoderJudge(model, threads=1)
    titled = Passage("1", "1", 0, 5, "w3 w4", "w1 w2")
    judged = judge.answer("score", [Call(Query("", "w5"), (titled,)), call("w5", "w1 w2 w3 w4")])
    assert judged.answers[0] == judged.answers[1]


def test_as_many_threads_as_the_control_group_allows(model: PairModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cross_encoder, "usable_cpus", lambda: 1)
    before = set(threading.enumerate())
    CrossEncoderJudge(model, budget=8).answer("score", [call("w1", text) for text in some_texts(20)])
    assert set(threading.enumerate()) <= before  # threads of earlier tests may end meanwhile


def test_what_was_closed_scores_no_more(tmp_path: Path) -> None:
    opened = open_pair_model(small_cross_encoder(tmp_path / "m"), cache=tmp_path)
    with CrossEncoderJudge(opened) as judge:
        judge.answer("score", [call("w1", "w2"), call("w1", "w2 w3")])
    with pytest.raises(Exception, match="closed"):
        opened.logits(opened.tokenised("w1", ["w2"]))

"""LLM judges: what they ask, how they take answers, when they ask again, and when they give up."""

from collections.abc import Callable, Iterator, Sequence
from threading import Event
from typing import Any

import pytest
from contracts.chat_server import ChatServer, ToyChat, passages_shown
from contracts.json_server import json_serving
from contracts.judge import JudgeContract

from spaniel.rerank.judges.base import Call, Judge
from spaniel.rerank.judges.llm_listwise import LLMListwise
from spaniel.rerank.judges.llm_pairwise import LLMPairwise
from spaniel.rerank.llm.chat import CallFailed, Message, Reply
from spaniel.rerank.llm.open import open_llm_judge
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.types import Passage, Query


def call(*texts: str, top: int | None = None) -> Call:
    passages = tuple(Passage(f"p{i}", f"p{i}", 0, len(text), text) for i, text in enumerate(texts))
    return Call(Query("q", "rotate key"), passages, top)


def says(*answers: Any) -> Callable[[Sequence[Message]], str | Reply]:
    """These answers, one after another; the last one for ever."""
    left = list(answers)

    def say(messages: Sequence[Message]) -> str | Reply:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    return say


def test_pairwise_by_words_and_by_likelihood() -> None:
    calls = [call("rotate the key", "a cat"), call("a cat", "rotate the key"), call("key", "key")]
    with LLMPairwise(ToyChat()) as judge:
        judged = judge.answer("prefer", calls)
    assert (judged.answers, judged.model_calls, judged.repaired) == ([1.0, 0.0, 1.0], 3, 0)
    assert judged.tokens == [10, 10, 10]
    judged = LLMPairwise(ToyChat(), mode="likelihood").answer("prefer", calls)
    assert judged.answers == pytest.approx([0.880797, 0.119203, 0.5], abs=1e-6)


def test_listwise_by_words_and_by_likelihood() -> None:
    texts = ("a cat", "key", "a dog", "rotate key key", "rotate key")
    for mode in ("generation", "likelihood"):
        judge = LLMListwise(ToyChat(), mode=mode)  # type: ignore[arg-type]
        answers = judge.answer("order", [call(*texts), call(*texts, top=2), call(*texts, top=1)]).answers
        assert answers == [(3, 4, 1, 0, 2), (3, 4, 0, 1, 2), (3, 0, 1, 2, 4)]


def test_one_of_many_is_asked_for_by_number_when_letters_run_out() -> None:
    chat = ToyChat()
    texts = [*["cat"] * 29, "key"]
    assert LLMListwise(chat).answer("order", [call(*texts, top=1)]).answers == [(29, *range(29))]
    assert passages_shown(chat.asked[0][1].content)[-1] == ("30", "key")
    with pytest.raises(InvalidInput, match="30 passages, and there are 26 letters"):
        LLMListwise(chat, mode="likelihood").answer("order", [call(*texts, top=1)])


def test_what_makes_no_sense_is_asked_again_once() -> None:
    chat = ToyChat(says("I cannot compare them", "A"))
    judged = LLMPairwise(chat).answer("prefer", [call("x", "y")])
    assert (judged.answers, judged.model_calls, judged.repaired, judged.tokens) == ([1.0], 2, 1, [20])
    first, second = chat.asked
    assert second[: len(first)] == first
    assert [each.role for each in second] == ["system", "user", "assistant", "user"]
    assert second[-1].content == "Answer with one letter and nothing else: A or B."


def test_a_cut_answer_gets_more_room_and_an_empty_one_another_word() -> None:
    chat = ToyChat(says(Reply("<think>hm", 5, (), cut=True), "B"))
    judge = LLMPairwise(chat, thinking_tokens=100)
    assert judge.answer("prefer", [call("x", "y")]).answers == [0.0]
    assert chat.limits == [132, 328]
    assert chat.asked[0] == chat.asked[1]
    chat = ToyChat(says("", "B"))
    assert LLMPairwise(chat).answer("prefer", [call("x", "y")]).answers == [0.0]
    assert [each.role for each in chat.asked[1]] == ["system", "user"]


def test_a_question_without_an_answer_is_none() -> None:
    def say(messages: Sequence[Message]) -> str:
        if "wicked" in messages[1].content:
            return "no"
        if "long" in messages[1].content:
            raise CallFailed("too long")
        return "[2] > [2] > [1]"

    judge = LLMListwise(ToyChat(say), concurrency=1)
    judged = judge.answer("order", [call("x", "y"), call("wicked", "y"), call("x", "long"), call("x", "y", "z")])
    assert judged.answers == [(1, 0), None, None, (1, 0, 2)]
    assert (judged.repaired, judged.model_calls) == (2, 5)
    assert judged.repaired_by_call == [1, 0, 0, 1]


@pytest.mark.parametrize("concurrency", [1, 8])
def test_one_refusal_before_any_answer_does_not_speak_for_the_model(concurrency: int) -> None:
    """Whatever is under way beside it: the others answer only when the refusal has been dealt with."""
    dealt_with = Event()

    def say(messages: Sequence[Message]) -> str:
        if "overlong" in messages[1].content:
            raise CallFailed("too long")
        if "<passage>" not in messages[1].content:
            dealt_with.set()
        assert dealt_with.wait(timeout=5)
        return "A"

    chat = ToyChat(say)
    with LLMPairwise(chat, concurrency=concurrency) as judge:
        judged = judge.answer("prefer", [call("x", "overlong"), *[call("x", "y")] * 7])
    assert judged.answers == [None, *[1.0] * 7]
    assert judged.model_calls == len(chat.asked) == 9


def test_a_model_that_speaks_and_takes_no_question_is_an_error() -> None:
    def say(messages: Sequence[Message]) -> str:
        if "<passage>" in messages[1].content:
            raise CallFailed("context of 10 tokens")
        return "A"

    for concurrency, before in ((1, 2), (5, 4)):
        judge = LLMPairwise(ToyChat(say), concurrency=concurrency)
        assert [judge.answer("prefer", [call("x", "y")]).answers for _ in range(before)] == [[None]] * before
        with pytest.raises(ModelError, match="context of 10 tokens"):
            judge.answer("prefer", [call("x", "y")])


def test_a_model_that_never_answers_is_an_error() -> None:
    chat = ToyChat(says(CallFailed("context of 10 tokens")))
    with pytest.raises(ModelError, match="context of 10 tokens"):
        LLMPairwise(chat, mode="likelihood").answer("prefer", [call("x", "y")])
    assert [asked[0] for asked in chat.asked] == [chat.asked[0][0]] * 2 and chat.limits[0] == chat.limits[1]
    judge = LLMPairwise(ToyChat(says("Sure, happy to help!")))
    assert [judge.answer("prefer", [call("x", "y")]).answers for _ in range(2)] == [[None], [None]]
    with pytest.raises(ModelError, match=r"make no sense.*Sure, happy to help") as caught:
        judge.answer("prefer", [call("x", "y")])
    assert "thinking_tokens" in caught.value.hint


def test_a_model_that_stops_answering_is_an_error() -> None:
    judge = LLMPairwise(ToyChat(says("A", CallFailed("gone"))), concurrency=1)
    assert judge.answer("prefer", [call("x", "y")] * 10).answers == [1.0] + [None] * 9
    with pytest.raises(ModelError, match="gone"):
        judge.answer("prefer", [call("x", "y")] * 10)


def test_an_error_of_the_whole_ends_the_batch() -> None:
    chat = ToyChat(says(ModelError("no such model")))
    with pytest.raises(ModelError, match="no such model"):
        LLMPairwise(chat, concurrency=1).answer("prefer", [call("x", "y")] * 500)
    assert len(chat.asked) < 500


def test_likelihood_needs_logprobs() -> None:
    with pytest.raises(ModelError, match="tells no log-probabilities") as caught:
        LLMPairwise(ToyChat(says("A")), mode="likelihood").answer("prefer", [call("x", "y")])
    assert "generation" in caught.value.hint


def test_passages_are_cut_and_counted_and_costs_are_foreseen() -> None:
    chat = ToyChat()
    judge = LLMPairwise(chat, max_passage_tokens=20)
    question = call("key " * 500, "cat")
    judged = judge.answer("prefer", [question])
    assert judged.truncated == 1
    assert judge.usage() == {"model_calls": 1, "tokens": 10, "truncated": 1}
    letters = sum(len(message.content) for message in chat.asked[0])
    assert judge.estimate([question])[0] == pytest.approx(letters / 4, rel=0.1)
    assert LLMListwise(chat, max_passage_tokens=20).estimate([question])[0] < 300


@pytest.mark.parametrize("judge", [LLMPairwise, LLMListwise])
@pytest.mark.parametrize(
    "options",
    [
        {"mode": "guess"},
        {"max_passage_tokens": 0},
        {"max_prompt_tokens": 0},
        {"concurrency": 0},
        {"thinking_tokens": -1},
        {"mode": "likelihood", "thinking_tokens": 5},
    ],
)
def test_options_are_checked(judge: Any, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        judge(ToyChat(), **options)


@pytest.mark.parametrize("top", [None, 1, 3])
@pytest.mark.parametrize("mode", ["generation", "likelihood"])
def test_passages_share_the_room_of_a_prompt(mode: Any, top: int | None) -> None:
    chat = ToyChat()
    judge = LLMListwise(chat, mode=mode, max_prompt_tokens=1000)
    judged = judge.answer("order", [call(*["key and lock " * 200] * 20, top=top), call("key", "lock", top=1)])
    assert judged.truncated_by_call == [20, 0]
    long = max(sum(len(message.content) for message in asked) for asked in chat.asked)
    assert 3600 < long <= 4000
    with pytest.raises(InvalidInput, match="max_prompt_tokens: is 100, and 20 passages"):
        LLMListwise(chat, mode=mode, max_prompt_tokens=100).answer("order", [call(*["key"] * 20)])


def test_order_and_result_do_not_depend_on_concurrency() -> None:
    calls = [call("rotate " * (i % 5), "key " * (i % 3)) for i in range(40)]
    one, many = (LLMPairwise(ToyChat(), concurrency=n).answer("prefer", calls) for n in (1, 8))
    assert one == many


def test_a_judge_for_the_schedule() -> None:
    chat = ToyChat()
    assert isinstance(open_llm_judge(chat, "prefer"), LLMPairwise)
    with open_llm_judge(chat, "order") as judge:
        assert isinstance(judge, LLMListwise) and judge.remote
    assert chat.closed
    with pytest.raises(InvalidInput, match="no scores"):
        open_llm_judge(chat, "score")
    with pytest.raises(InvalidInput, match="no BaseChatModel"):
        open_llm_judge(7, "order")


def test_over_http() -> None:
    with json_serving(ChatServer()) as server, open_llm_judge(f"{server.url}#m", "order", concurrency=2) as judge:
        judged = judge.answer("order", [call("cat", "key", "rotate key")] * 6)
    assert judged.answers == [(2, 1, 0)] * 6
    assert judged.tokens == [57] * 6
    assert len(server.asked) == 6


class TestPairwise(JudgeContract):
    @pytest.fixture
    def judge(self) -> Iterator[Judge]:  # type: ignore[override]
        with LLMPairwise(ToyChat(), mode="likelihood", concurrency=2) as judge:
            yield judge


class TestListwise(JudgeContract):
    @pytest.fixture
    def judge(self) -> Iterator[Judge]:  # type: ignore[override]
        with LLMListwise(ToyChat(), concurrency=2) as judge:
            yield judge

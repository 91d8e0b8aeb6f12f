"""The client and the remote reranker, against this package's server and one that misbehaves."""

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from contracts.fake_pair_model import FakePairModel, fake_score
from contracts.judge import JudgeContract
from contracts.reranker import Reranked, RerankerContract
from contracts.served import Served, on_a_port
from contracts.toy import ListStore

from spaniel.rerank.client import Dialect, RerankClient
from spaniel.rerank.judges.base import Call, Judge
from spaniel.rerank.judges.open import JudgeOptions, open_judge
from spaniel.rerank.remote import RemoteJudge, RemoteReranker
from spaniel.rerank.serve.auth import Keys
from spaniel.rerank.serve.limits import Limits
from spaniel.retrieval.errors import InvalidInput, LimitExceeded, ModelError
from spaniel.retrieval.types import Passage, Query, Ranking

TEXTS = [f"text number {place}" for place in range(20)]
KEY = "a-key-that-is-long-enough"
MODEL = FakePairModel()
LOGITS = [fake_score(MODEL, "a query", text) for text in TEXTS]
BEST = sorted(range(20), key=lambda place: -LOGITS[place])
DIALECTS: tuple[Dialect, ...] = ("jina", "cohere", "tei")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with on_a_port() as served:
        yield served


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_gives_the_same(served: Served, dialect: Dialect) -> None:
    client = RerankClient(served.url, dialect=dialect)
    found = client.rerank("a query", TEXTS)
    assert [place for place, _ in found] == BEST
    assert [score for _, score in found] == pytest.approx([1 / (1 + np.exp(-LOGITS[place])) for place in BEST])
    assert client.rerank("a query", TEXTS, top_n=3) == found[:3]
    assert client.rerank("a query", []) == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_raw_scores(served: Served, dialect: Dialect) -> None:
    done = RerankClient(served.url, dialect=dialect, raw_scores=True).score("a query", TEXTS)
    assert done.scores.tolist() == LOGITS
    assert (done.tokens, done.requests) == (0 if dialect == "tei" else 160, 1)


@pytest.mark.parametrize("url", ["{}", "{}/", "{}/v1", "{}/v1/rerank", "{}/rerank"])
def test_urls_of_server_version_and_route(served: Served, url: str) -> None:
    assert RerankClient(url.format(served.url)).rerank("a query", TEXTS)[0][0] == BEST[0]


def test_arguments_that_make_no_sense() -> None:
    for url in ("ftp://x", "localhost:80", "http://"):
        with pytest.raises(InvalidInput, match="URL"):
            RerankClient(url)
    with pytest.raises(InvalidInput, match="not one of jina, cohere, tei"):
        RerankClient("http://h", dialect="other")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="max_documents"):
        RerankClient("http://h", max_documents=0)
    with pytest.raises(InvalidInput, match="without TLS"):
        RerankClient("http://example.org", key=KEY)
    client = RerankClient("http://h")
    with pytest.raises(InvalidInput, match="the query is ' '"):
        client.rerank(" ", ["a"])
    with pytest.raises(InvalidInput, match="top_n is 0"):
        client.rerank("q", ["a"], top_n=0)
    with pytest.raises(InvalidInput, match="list of str"):
        client.rerank("q", "a")


def test_more_documents_than_the_server_takes() -> None:
    with on_a_port(limits=Limits(documents=6)) as served:
        client = RerankClient(served.url, raw_scores=True)
        done = client.score("a query", TEXTS)
        assert done.scores.tolist() == LOGITS
        assert done.requests == 2 + 4  # 20 and 10 are refused, then 5 at a time
        assert client.score("a query", TEXTS).requests == 4  # it knows now


@pytest.mark.parametrize(("dialect", "n"), [("jina", 2), ("cohere", 2), ("tei", 0)])
def test_texts_that_were_cut_are_counted(dialect: Dialect, n: int) -> None:
    with on_a_port(FakePairModel(max_length=8)) as served:
        client = RerankClient(served.url, dialect=dialect)
        assert client.score("q", ["word " * 20, "short", "word " * 9]).truncated == n
        judged = RemoteJudge(client).answer("score", [Call(Query("", "q"), (Passage("p", "p", 0, 99, "word " * 20),))])
        assert judged.truncated == (n > 0)


def test_budgets_go_by_estimates_that_end_where_the_server_stops_reading(served: Served) -> None:
    long, chinese = (Passage("p", "p", 0, 9, text) for text in ("word " * 4000, "汉" * 400))
    asked = Query("", "what")
    calls = [Call(asked, (long,)), Call(asked, (chinese,)), Call(asked, (chinese, long))]
    judge = RemoteJudge(RerankClient(served.url))
    assert judge.estimate(calls) == [512, 301, 1024]
    assert RemoteJudge(RerankClient(served.url), max_length=128).estimate(calls) == [128, 128, 256]
    judged = judge.answer("score", calls[:2])
    assert list(judged.charged) == [512, 301] != list(judged.tokens)
    with open_judge(f"remote:{served.url}", options=JudgeOptions(max_length=100)) as opened:
        assert opened.estimate(calls[:2]) == [100, 100]
    with pytest.raises(InvalidInput, match="max_length is 0"):
        RemoteReranker(served.url, max_length=0)


def test_keys(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{KEY}\n")
    file.chmod(0o600)
    with on_a_port(keys=Keys(file)) as served:
        with pytest.raises(ModelError, match="401") as refused:
            RerankClient(served.url).rerank("q", ["a"])
        assert "SPANIEL_RERANK_KEY" in refused.value.hint
        with pytest.raises(ModelError, match="401") as refused:
            RerankClient(served.url, key="another-key-altogether").rerank("q", ["a"])
        assert "another-key" not in str(refused.value)
        assert RerankClient(served.url, key=KEY).rerank("q", ["a"])
        monkeypatch.setenv("SPANIEL_RERANK_KEY_FILE", str(file))
        assert RerankClient(served.url).rerank("q", ["a"])


class TestRemoteJudge(JudgeContract):
    @pytest.fixture
    def judge(self, served: Served) -> Judge:
        return RemoteJudge(RerankClient(served.url))


class TestRemoteReranker(RerankerContract):
    @pytest.fixture
    def reranked(self, served: Served) -> Reranked:
        rankings = [
            Ranking.sorted(list(range(0, 20, 2)), np.linspace(9, 1, 10)),
            Ranking.sorted([5, 3, 9], [1, 1, 2]),
            Ranking.sorted([7], [1]),
        ]
        return Reranked(RemoteReranker(served.url, depth=6), ["one", "two", "three"], rankings, ListStore(TEXTS))


def test_a_blank_query_has_no_answer_and_stops_nobody(served: Served) -> None:
    ranking = Ranking.sorted([3, 1, 2], [3, 2, 1])
    reranker = RemoteReranker(served.url, raw_scores=True)
    blank, asked = reranker.rerank([" ", "a query"], [ranking, ranking], ListStore(TEXTS))
    assert blank.ids.tolist() == ranking.ids.tolist()
    assert asked.ids.tolist() == sorted([1, 2, 3], key=lambda place: -LOGITS[place])
    assert reranker.usage()["tokens"] == 24


@contextmanager
def answering(answer: Callable[[dict[str, Any]], tuple[int, dict[str, str], Any]]) -> Iterator[str]:
    """A server that says what the function says; its URL."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, headers, said = answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_busy_servers_are_asked_again_when_they_say() -> None:
    answers: list[tuple[int, dict[str, str], Any]] = [
        (429, {"Retry-After": "7"}, {"message": "busy"}),
        (503, {}, b"loading"),
        (200, {}, {"results": [{"index": 0, "relevance_score": 1}]}),
    ]
    waits: list[float] = []
    with answering(lambda body: answers.pop(0)) as url:
        assert RerankClient(url, sleep=waits.append).rerank("q", ["a"]) == [(0, 1.0)]
    assert waits == [7.0, 2.0]


def test_a_server_that_stays_busy_is_given_up() -> None:
    with answering(lambda body: (429, {"Retry-After": "1"}, {"message": "busy"})) as url:
        client = RerankClient(url, tries=3, sleep=lambda seconds: None)
        with pytest.raises(ModelError, match="3 tries") as failed:
            client.rerank("q", ["a"])
    assert failed.value.hint == "try again later"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([], "without a list of results"),
        ({"error": "no such thing"}, "no such thing"),
        ({"results": [{"index": 0, "relevance_score": 1}]}, "not 0 to 1"),
        ({"results": [{"index": 0, "relevance_score": 1}, {"index": 0, "relevance_score": 1}]}, "not 0 to 1"),
        ({"results": [{"index": 0, "relevance_score": 1}, {"index": True, "relevance_score": 1}]}, "not 0 to 1"),
        ({"results": [{"index": 0, "relevance_score": 1}, {"index": 1}]}, "score of document 1 is None"),
        (
            b'{"results": [{"index": 0, "relevance_score": NaN}, {"index": 1, "relevance_score": 1}]}',
            "document 0 is nan",
        ),
        (
            b'{"results": [{"index": 0, "relevance_score": "1"}, {"index": 1, "relevance_score": 1}]}',
            "no finite number",
        ),
        (b"<html>", "no JSON"),
    ],
)
def test_answers_that_make_no_sense(said: Any, told: str) -> None:
    with answering(lambda body: (200, {}, said)) as url, pytest.raises(ModelError, match=told):
        RerankClient(url, tries=1).rerank("q", ["a", "b"])


def test_answers_are_bounded() -> None:
    with answering(lambda body: (200, {}, b" " * (2 << 20))) as url, pytest.raises(LimitExceeded):
        RerankClient(url, tries=1).rerank("q", ["a"])


def test_the_client_needs_no_server() -> None:
    heavy = {"starlette", "uvicorn", "onnxruntime", "torch"}
    code = f"import sys, spaniel.rerank.remote; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_what_is_sent() -> None:
    sent: list[dict[str, Any]] = []

    def answer(body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        sent.append(body)
        results = [{"index": place, "relevance_score": 0.5, "score": 0.5} for place in range(2)]
        return 200, {}, results if "texts" in body else {"results": results, "usage": {"total_tokens": 9}}

    with answering(answer) as url:
        for dialect in DIALECTS:
            RerankClient(url, dialect=dialect, model="m").rerank("q", ["a", ""])
            RerankClient(url, dialect=dialect, raw_scores=True).rerank("q", ["a", ""])
    assert sent[::2] == [
        {"query": "q", "documents": ["a", " "], "model": "m", "return_documents": False},
        {"query": "q", "documents": ["a", " "], "model": "m"},
        {"query": "q", "texts": ["a", " "], "raw_scores": False, "truncate": True},
    ]
    assert all(body["raw_scores"] is True for body in sent[1::2])
    assert [body.get("use_activation") for body in sent[1::2]] == [False, False, None]  # vLLM's word


def test_a_document_too_large_for_the_server_is_cut() -> None:
    with on_a_port(max_body_bytes=20_000) as served:
        client = RerankClient(served.url)
        texts = ["a", "word " * 50_000, "b", "c" * 400]
        done = client.score("a query", texts)
        assert done.truncated == 1
        assert done.scores[[0, 2, 3]].tolist() == client.score("a query", [texts[0], *texts[2:]]).scores.tolist()
        assert client.score("a query", TEXTS).requests == 1  # one long document does not make later requests small
        with pytest.raises(ModelError, match="answers 413"):  # that is not the document's fault
            client.score("query " * 5000, ["a"])
        stage = RemoteReranker(served.url)
        _, traces = stage.traced(["a query"], [Ranking.of([0, 1], [2, 1])], ListStore(texts))
        assert (traces[0].failed, traces[0].truncated) == (0, 1)

"""The server's own rules, whatever the dialect: keys, limits, deadlines, states, failures."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from contracts.fake_pair_model import FakePairModel
from contracts.served import in_process
from starlette.types import Message

from spaniel.rerank.serve.app import create_app
from spaniel.rerank.serve.auth import Keys
from spaniel.rerank.serve.engine import Engine
from spaniel.rerank.serve.refusals import Busy, DeadlineExceeded
from spaniel.rerank.serve.scored import Scored
from spaniel.rerank.serve.settings import Settings, is_loopback
from spaniel.rerank.serve.tokenising import USUAL, Reading
from spaniel.retrieval.errors import InvalidInput, ModelError

ASK = {"query": "a query", "documents": ["one", "two words"]}
KEY, OTHER = "a-key-that-is-long-enough", "another-key-of-some-length"
POSTS = ["/v1/rerank", "/v2/rerank", "/rerank", "/score", "/v1/score"]


class Stub(Engine):
    """An engine that does to every request what it is told."""

    def __init__(self, outcome: Exception | None = None) -> None:
        super().__init__(lambda place: FakePairModel())
        self.state, self.outcome = "ready", outcome
        self.entered, self.cancelled = asyncio.Event(), asyncio.Event()
        self.deadlines: list[float | None] = []

    async def score_pairs(
        self,
        pairs: Sequence[tuple[str, str]],
        *,
        deadline: float | None = None,
        request_id: str = "",
        reading: Reading = USUAL,
    ) -> Scored:
        return await self.score("", [], deadline=deadline)

    async def score(
        self,
        query: str,
        texts: Sequence[str],
        *,
        deadline: float | None = None,
        request_id: str = "",
        reading: Reading = USUAL,
    ) -> Scored:
        self.deadlines.append(deadline)
        self.entered.set()
        if self.outcome is not None:
            raise self.outcome
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        raise AssertionError


def stubbed(outcome: Exception, path: str = "/v1/rerank", **headers: str) -> httpx.Response:
    """The answer when the engine ends so."""

    async def run() -> httpx.Response:
        app = create_app(Stub(outcome))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.post(path, json=ASK, headers=headers)

    return asyncio.run(run())


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(key_file(tmp_path / "keys", f"# ours\n{KEY}\n\n  {OTHER}  \n"))


def key_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_keys_guard_all_but_health(keys: Keys) -> None:
    async def work(client: httpx.AsyncClient, engine: Engine) -> None:
        for path in ("/health", "/ready", "/openapi.json"):
            assert (await client.get(path)).status_code == 200
        for given in (None, "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x", KEY, "Bearer \xe4"):
            headers = {} if given is None else {"Authorization": given.encode("latin-1")}
            for path in ("/info", "/v1/models", "/metrics"):
                assert (await client.get(path, headers=headers)).status_code == 401
            for path in POSTS:
                refused = await client.post(path, json=ASK, headers=headers)
                assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        for given in (f"Bearer {KEY}", f"bearer {OTHER}"):
            assert (await client.post("/rerank", json=ASK, headers={"Authorization": given})).status_code == 200
            assert (await client.get("/metrics", headers={"Authorization": given})).status_code == 200

    in_process(work, keys=keys)


def test_open_metrics_ask_for_no_key(keys: Keys) -> None:
    async def work(client: httpx.AsyncClient, engine: Engine) -> int:
        return (await client.get("/metrics")).status_code

    assert in_process(work, keys=keys, settings=Settings(open_metrics=True)) == 200


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        (f"{KEY}\n", 0o644, "chmod 600"),
        (f"{KEY}\n", 0o620, "others may read or change it"),
        ("# nothing\n\n", 0o600, "0 keys"),
        ("short\n", 0o600, "a key of 5 letters"),
        (f"two words {KEY}\n", 0o600, "spaces"),
        (f"{KEY}\xe4\n", 0o600, "outside ASCII"),
        ("x" * 20 + "\n" + "y" * (1 << 20), 0o600, "more than 1,048,576 bytes"),
        ("".join(f"{KEY}{n}\n" for n in range(1001)), 0o600, "1001 keys"),
    ],
)
def test_key_files_that_cannot_be_used(tmp_path: Path, text: str, mode: int, told: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Keys(key_file(tmp_path / "keys", text, mode))
    assert told in f"{refused.value} {refused.value.hint}"
    assert KEY not in str(refused.value)
    with pytest.raises(InvalidInput, match="cannot be read"):
        Keys(tmp_path / "none")


def test_keys_are_read_again_or_stay(keys: Keys) -> None:
    assert keys.file is not None
    assert keys.allow(f"Bearer {KEY}")
    key_file(keys.file, f"{OTHER}\n")
    assert keys.reload() == 1
    assert not keys.allow(f"Bearer {KEY}")
    key_file(keys.file, "")
    with pytest.raises(InvalidInput, match="0 keys"):
        keys.reload()
    assert keys.allow(f"Bearer {OTHER}")
    key_file(keys.file, f"{KEY}\n", 0o640)  # as containers mount secrets
    assert keys.reload() == 1


def test_compressed_bodies_are_refused() -> None:
    async def work(client: httpx.AsyncClient, engine: Engine) -> None:
        for coding, status in (("gzip", 415), ("br", 415), ("identity", 200), ("Identity", 200)):
            done = await client.post("/rerank", json=ASK, headers={"Content-Encoding": coding})
            assert done.status_code == status

    in_process(work)


def test_while_loading_and_when_failed() -> None:
    async def work(client: httpx.AsyncClient, engine: Engine) -> None:
        for path in POSTS:
            refused = await client.post(path, json=ASK)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert (await client.get("/ready")).status_code == 503
        assert (await client.get("/health")).json() == {"status": "ok"}
        assert (await client.get("/v1/models")).json()["data"] == []
        assert (await client.get("/info")).status_code == 200
        engine.state = "draining"
        refused = await client.post("/rerank", json=ASK)
        assert (refused.status_code, refused.headers["connection"]) == (503, "close")
        engine.state = "failed"
        assert (await client.get("/health")).status_code == 503

    in_process(work, start=False)


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (Busy("tokens", "9 tokens wait", 2.2), 429, "9 tokens wait"),
        (DeadlineExceeded(3.0), 504, "no answer within 3.0 s"),
        (ModelError("the model gave NaN"), 500, "the model gave NaN"),
        (ZeroDivisionError("secret"), 500, "internal error"),
        (MemoryError(), 500, "internal error"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank"])
def test_failures(path: str, error: Exception, status: int, told: str, caplog: pytest.LogCaptureFixture) -> None:
    answer = stubbed(error, path, **{"x-request-id": "mine"})
    assert answer.status_code == status
    assert told in answer.json()["message"]
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == answer.json()["id"] == "mine"
    if status == 429:
        assert answer.headers["retry-after"] == "3"
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(logged) == (status == 500)
    if "internal" in told:
        assert logged[0].exc_info


def test_failures_as_tei_writes_them() -> None:
    async def run() -> list[Any]:
        app = create_app(Stub(Busy("requests", "too many", 1.0)))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            tei = await client.post("/rerank", json={"query": "q", "texts": ["a"]})
            score = await client.post("/score", json={"text_1": "q", "text_2": ["a"]})
            return [tei.json(), score.json()]

    tei, score = asyncio.run(run())
    assert tei == {"error": "too many; try again in 1 s", "error_type": "Overloaded"}
    assert score["error"]["code"] == 429


def test_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spaniel.rerank.serve.answers.time.monotonic", lambda: 1000.0)
    engine = Stub(ModelError("enough"))

    async def run() -> list[int]:
        app = create_app(engine, Settings(timeout_s=30))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            given = ["", "250", "1e9", "0", "-1", "nan", "soon"]
            headers = [{"x-timeout-ms": each} if each else {} for each in given]
            return [(await client.post("/rerank", json=ASK, headers=each)).status_code for each in headers]

    assert asyncio.run(run()) == [500, 500, 500, 422, 422, 422, 422]
    assert engine.deadlines == [1030.0, 1000.25, 1030.0]


def test_a_client_that_leaves_takes_its_work_along() -> None:
    async def run() -> tuple[bool, str]:
        engine, gone = Stub(), asyncio.Event()
        messages: list[Message] = [{"type": "http.request", "body": json.dumps(ASK).encode(), "more_body": False}]

        async def receive() -> Message:
            if messages:
                return messages.pop(0)
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            pass

        app = create_app(engine)
        scope = {"type": "http", "method": "POST", "path": "/rerank", "headers": [], "query_string": b""}
        task = asyncio.create_task(app(scope, receive, send))  # type: ignore[arg-type]
        await engine.entered.wait()
        assert not engine.cancelled.is_set()
        gone.set()
        await task
        return engine.cancelled.is_set(), engine.metrics.render()

    cancelled, metrics = asyncio.run(run())
    assert cancelled
    assert 'spaniel_http_requests_total{route="/rerank",status="499"} 1' in metrics
    assert "spaniel_http_body_bytes 0" in metrics


def test_bodies_are_bounded() -> None:
    async def pieces(n: int, size: int) -> AsyncIterator[bytes]:
        for _ in range(n):
            yield b" " * size

    async def work(client: httpx.AsyncClient, engine: Engine) -> None:
        large = await client.post("/v1/rerank", content=b" " * 1001)
        assert (large.status_code, large.headers["connection"]) == (413, "close")
        assert "1001 bytes; the limit is 1,000" in large.json()["message"]
        chunked = await client.post("/v1/rerank", content=pieces(11, 100))
        assert chunked.status_code == 413
        lying = await client.post("/v1/rerank", content=pieces(11, 100), headers={"Content-Length": "7"})
        assert lying.status_code == 413
        assert (await client.post("/v1/rerank", content=b" " * 1000)).status_code == 400
        assert "spaniel_http_body_bytes 0" in engine.metrics.render()

    in_process(work, settings=Settings(max_body_bytes=1000))


def test_all_bodies_together_are_bounded() -> None:
    async def work(client: httpx.AsyncClient, engine: Engine) -> None:
        done = await client.post("/v1/rerank", content=b" " * 600)
        assert (done.status_code, done.headers["retry-after"]) == (429, "1")
        assert (await client.post("/v1/rerank", content=b" " * 500)).status_code == 400

    in_process(work, settings=Settings(max_bodies_bytes=500))


def test_a_body_that_does_not_come() -> None:
    never = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await never.wait()

    async def work(client: httpx.AsyncClient, engine: Engine) -> httpx.Response:
        return await client.post("/rerank", content=slowly())

    done = in_process(work, settings=Settings(body_timeout_s=0.05))
    assert (done.status_code, done.headers["connection"]) == (408, "close")


def test_ids_are_kept_when_they_are_fit_to_be() -> None:
    async def work(client: httpx.AsyncClient, engine: Engine) -> None:
        for given, kept in (("abc-1", True), ("x" * 129, False), ("two words", False), ("\t", False)):
            found = (await client.get("/health", headers={"x-request-id": given})).headers["x-request-id"]
            assert (found == given) == kept
            assert len(found) <= 128

    in_process(work)


def test_every_request_is_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def work(client: httpx.AsyncClient, engine: Engine) -> None:
        await client.post("/rerank", json=ASK, headers={"x-request-id": "mine"})
        await client.post("/no%0Asuch")

    with caplog.at_level(logging.INFO, logger="spaniel.rerank.serve.requests"):
        in_process(work)
    lines = [record.getMessage() for record in caplog.records if record.name.endswith("requests")]
    assert lines[0].startswith("mine POST /rerank 200 ")
    assert lines[0].endswith(" ms 2 pairs, 13 tokens")
    assert "POST /no?such 404" in lines[1]


def test_routes_that_are_not_there() -> None:
    async def work(client: httpx.AsyncClient, engine: Engine) -> None:
        for path in ("/", "/v1/v1/rerank", "/rerank/", "/v1/embeddings"):
            missing = await client.post(path, json=ASK)
            assert missing.status_code == 404
            assert "/v1/rerank" in missing.json()["message"]
        for path in POSTS:
            wrong = await client.get(path)
            assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
            assert wrong.json()["error"]["hint"] == "use POST"
        assert (await client.head("/health")).status_code == 200
        counted = [line for line in engine.metrics.render().splitlines() if "http_requests_total{" in line]
        assert 'spaniel_http_requests_total{route="other",status="404"} 4' in counted

    in_process(work)


def test_the_document_has_every_path() -> None:
    async def work(client: httpx.AsyncClient, engine: Engine) -> set[str]:
        return set((await client.get("/openapi.json")).json()["paths"])

    app = create_app(Stub())
    paths = {getattr(route, "path", "") for route in app.routes}
    assert in_process(work) == paths - {"/metrics", "/openapi.json"}


def test_info_models_and_metrics() -> None:
    async def work(client: httpx.AsyncClient, engine: Engine) -> None:
        await client.post("/rerank", json=ASK)
        info = (await client.get("/info")).json()
        assert (info["model_id"], info["max_input_length"], info["max_client_batch_size"]) == ("fake", 512, 1000)
        assert (await client.get("/v1/models")).json()["data"][0]["id"] == "fake"
        metrics = await client.get("/metrics")
        assert metrics.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert 'spaniel_http_requests_total{route="/rerank",status="200"} 1' in metrics.text
        assert "te_request_success 1" in metrics.text

    in_process(work)


def test_settings_are_checked() -> None:
    for wrong in ({"timeout_s": 0}, {"drain_s": float("inf")}, {"max_body_bytes": 0}, {"idle_timeout_s": float("nan")}):
        with pytest.raises(InvalidInput, match=next(iter(wrong))):
            Settings(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("host", "is_it"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.1", False),
        ("localhost.example.org", False),
        ("", False),
    ],
)
def test_loopback(host: str, is_it: bool) -> None:
    assert is_loopback(host) == is_it

"""The service on a port: connections that never end, signals, draining, TLS."""

import asyncio
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from contracts.cross_encoder import small_cross_encoder
from contracts.fake_pair_model import FakePairModel, fake_score
from contracts.served import on_a_port

from spaniel.rerank.client import RerankClient
from spaniel.rerank.serve.auth import Keys
from spaniel.rerank.serve.engine import Engine
from spaniel.rerank.serve.run import Service
from spaniel.retrieval.errors import InvalidInput, ModelError

GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
TWO_LENGTHS = b"POST /rerank HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n"
ASK = {"query": "w1 w2", "documents": ["w3 w4", "w5"]}


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    address = httpx.URL(url)
    with socket.create_connection((address.host, address.port or 0), timeout=20) as made:
        yield made


def heard(made: socket.socket) -> bytes:
    """All until the server closes the connection; the socket's time limit fails the test otherwise."""
    said = b""
    try:
        while piece := made.recv(1 << 16):
            said += piece
    except ConnectionError:
        pass
    return said


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", b""),
        (b"POST /rerank HT", b""),
        (b"POST /rerank HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n", b""),
        (b"POST /rerank HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", b" 408 "),
        (b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", b" 200 "),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n.", b" 200 "),
        (b"no HTTP at all\r\n\r\n", b" 400 "),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 3000, b" 400 "),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: x\r\n\r\nzz\r\n", b" 400 "),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 3000 + b"\r\n\r\n", b" 431 "),
        (b"GET /health?" + b"a" * 3000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b" 431 "),
        (TWO_LENGTHS + b"\r\n0\r\n\r\n" + GET, b" 400 "),
        (TWO_LENGTHS.replace(b"1.1", b"1.0").replace(b"Content-Length: 9\r\n", b"") + b"\r\n0\r\n\r\n", b" 400 "),
    ],
)
def test_connections_that_say_no_more_are_closed(sent: bytes, told: bytes) -> None:
    times = {"header_timeout_s": 0.05, "body_timeout_s": 0.05, "idle_timeout_s": 0.05, "write_timeout_s": 0.05}
    with on_a_port(max_header_bytes=2000, **times) as served, connected(served.url) as made:
        made.sendall(sent)
        said = heard(made)
        assert told in said
        assert bool(said) == bool(told)
        assert said.count(b"HTTP/1.1 ") <= 1  # what comes behind is no request


def test_a_body_that_nobody_reads_ends() -> None:
    """The answer is given and the client goes on sending: the connection is not idle, and still ends."""
    with on_a_port(header_timeout_s=0.1) as served, connected(served.url) as made:
        made.sendall(b"POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n")
        with pytest.raises(ConnectionError):
            while True:
                made.sendall(b" " * 1000)


def test_a_client_that_does_not_read_its_answer_is_cut_off() -> None:
    documents = [{"text": "a", "more": "x" * 1000}] * 1000
    body = json.dumps({"query": "q", "documents": documents, "return_documents": True}).encode()
    with on_a_port(write_timeout_s=0.1) as served, connected(served.url) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = f"POST /rerank HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        for _ in range(30):  # answers of a megabyte each, more than the system's buffers take
            try:
                made.sendall(head + body)
            except ConnectionError:
                return
        with pytest.raises(ConnectionError):
            while True:
                made.sendall(b" ")


def test_a_client_that_closes_its_sending_side_gets_no_answer() -> None:
    """As docs/serving.md says: the server cannot tell it from one that has gone."""
    body = json.dumps(ASK).encode()
    model = FakePairModel()
    with on_a_port(model) as served, connected(served.url) as made:
        model.gate.clear()
        made.sendall(f"POST /rerank HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        made.shutdown(socket.SHUT_WR)
        assert heard(made) == b""
        model.gate.set()


def test_more_connections_than_allowed() -> None:
    with on_a_port(max_connections=2, idle_timeout_s=20) as served:
        with connected(served.url) as one, connected(served.url) as two:
            for made in (one, two):
                made.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                assert b" 200 " in made.recv(1000)
            with connected(served.url) as three:
                assert b"503 Service Unavailable" in heard(three)
        # both have left; the server may need a moment to see it
        assert any(httpx.get(f"{served.url}/health").status_code == 200 for _ in range(100))


def test_what_is_under_way_is_finished() -> None:
    model = FakePairModel()
    with ThreadPoolExecutor(1) as other, on_a_port(model) as served:
        model.gate.clear()
        model.running.clear()  # warming up has set it
        answer = other.submit(httpx.post, f"{served.url}/rerank", json=ASK, timeout=20)
        assert model.running.wait(20)
        served.service.stop()
        with httpx.Client() as client:
            while client.get(f"{served.url}/ready").json()["status"] != "draining":
                pass
            refused = client.post(f"{served.url}/rerank", json=ASK)
            assert (refused.status_code, refused.headers["connection"]) == (503, "close")
        model.gate.set()
        assert answer.result().status_code == 200
    assert served.whole


def test_draining_has_an_end() -> None:
    model = FakePairModel()
    with ThreadPoolExecutor(1) as other, on_a_port(model, drain_s=0.05) as served:
        model.gate.clear()
        model.running.clear()  # warming up has set it
        answer = other.submit(httpx.post, f"{served.url}/rerank", json=ASK, timeout=20)
        assert model.running.wait(20)
        served.service.stop()
        try:
            assert answer.result().status_code == 503
        finally:
            model.gate.set()
    assert served.whole is False


def test_everybody_gets_the_answers_to_their_own_questions() -> None:
    model = FakePairModel()
    with on_a_port(model) as served, ThreadPoolExecutor(12) as clients:

        def ask(number: int) -> bool:
            query, texts = (
                f"query number {number}",
                [f"text {number} {'word ' * place}" for place in range(number % 9 + 1)],
            )
            done = RerankClient(served.url, dialect="tei", raw_scores=True).score(query, texts)
            return done.scores.tolist() == [fake_score(model, query, text) for text in texts]

        assert all(clients.map(ask, range(120)))


def test_what_cannot_be_read_again_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "keys"
    file.write_text("a-key-that-is-long-enough\n")
    file.chmod(0o600)
    keys, models = Keys(file), [FakePairModel()]

    async def run() -> None:
        engine = Engine(lambda place: models.pop(), workers=1)
        await engine.start()
        service = Service(engine, keys=keys)
        file.write_text("short\n")
        models.append(FakePairModel(poison=""))
        models[0].closed = True  # a model that fails
        await service.hang_up()
        assert (await engine.score("q", ["a"])).model == "fake"
        file.write_text("another-key-of-some-length\n")
        models.append(FakePairModel("new"))
        await service.hang_up()
        assert (await engine.score("q", ["a"])).model == "new"
        await engine.drain(5)

    with caplog.at_level("INFO", logger="spaniel.rerank.serve"):
        asyncio.run(run())
    told = [record.getMessage() for record in caplog.records]
    assert "the keys stay what they were" in told[0]
    assert "the model stays what it was" in told[1]
    assert told[2] == "keys read again: 1"
    assert "model read again" in told[3]
    assert keys.allow("Bearer another-key-of-some-length")


def test_a_model_that_cannot_be_loaded_ends_it() -> None:
    def load(place: str | None) -> Any:
        raise ModelError("no such model")

    service = Service(Engine(load, workers=1), port=0)
    with pytest.raises(ModelError, match="no such model"):
        asyncio.run(service.run())


def test_who_may_reach_it(tmp_path: Path) -> None:
    engine = Engine(lambda place: FakePairModel())
    with pytest.raises(InvalidInput, match=r"0\.0\.0\.0 can be reached from other machines"):
        Service(engine, host="0.0.0.0")
    assert Service(engine, host="0.0.0.0", insecure=True).url == "http://0.0.0.0:8080"
    file = tmp_path / "keys"
    file.write_text("a-key-that-is-long-enough\n")
    file.chmod(0o600)
    assert Service(engine, host="::", keys=Keys(file)).url == "http://[::]:8080"
    with pytest.raises(InvalidInput, match="go together"):
        Service(engine, certificate=file)


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InvalidInput, match=f"cannot listen on 127.0.0.1:{port}") as caught:
            Service(Engine(lambda place: FakePairModel()), port=port).bind()
        assert "--port" in caught.value.hint
    with pytest.raises(InvalidInput, match="cannot listen on") as caught:
        Service(Engine(lambda place: FakePairModel()), host="203.0.113.7", insecure=True).bind()
    assert not caught.value.hint


def test_tls(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [openssl, *words, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=60
    )
    service = Service(
        Engine(lambda place: FakePairModel(), workers=1), port=0, certificate=certificate, private_key=key
    )
    service.bind()
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(service.run(ready.set)))
    thread.start()
    try:
        assert ready.wait(20)
        assert service.url.startswith("https://")
        with httpx.Client(verify=ssl.create_default_context(cafile=str(certificate))) as client:
            assert client.post(f"{service.url}/rerank", json=ASK).status_code == 200
    finally:
        service.stop()
        thread.join(20)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_cross_encoder(tmp_path_factory.mktemp("model"))


@contextmanager
def command(*words: str, cache: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`spaniel rerank serve` in a process of its own, once it is ready; and its URL."""
    environment = {**os.environ, "SPANIEL_CACHE": str(cache)}
    with subprocess.Popen(
        [sys.executable, "-m", "spaniel", "rerank", "serve", "--port", "0", "--json", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                process.wait(30)
                assert process.stderr is not None
                raise AssertionError(process.stderr.read())
            yield process, json.loads(line)["url"]
        finally:
            process.kill()


def test_the_command_from_beginning_to_end(model: Path, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("first-key-of-the-test\n")
    keys.chmod(0o600)
    words = ("--model", str(model), "--api-key-file", str(keys), "--threads", "1", "--verbose")
    with command(*words, cache=tmp_path) as (process, url):
        first = RerankClient(url, key="first-key-of-the-test", tries=1)
        found = first.rerank("w1 w2", ["w3", "w4 w5", "w1"])
        assert sorted(place for place, _ in found) == [0, 1, 2]
        keys.write_text("second-key-of-the-test\n")
        process.send_signal(signal.SIGHUP)
        second = RerankClient(url, key="second-key-of-the-test", tries=1)
        while True:
            try:
                assert second.rerank("w1 w2", ["w3", "w4 w5", "w1"]) == found
                break
            except ModelError as error:
                assert "401" in str(error)
        with pytest.raises(ModelError, match="401"):
            first.rerank("w1", ["w2"])
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0
        assert out == ""
        assert "POST /v1/rerank 200" in err
        assert "keys read again: 1" in err
        assert "Traceback" not in err


def test_the_command_says_why_it_does_not_start(model: Path, tmp_path: Path) -> None:
    for words, told in (
        (("--model", str(model), "--host", "0.0.0.0"), "no keys"),
        (("--model", str(tmp_path / "none")), "none"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "spaniel", "rerank", "serve", "--port", "0", "--json", *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        assert told in json.loads(done.stderr.splitlines()[-1])["error"]["message"]
        assert done.stdout == ""

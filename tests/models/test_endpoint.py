"""Embedding endpoints: what is sent, in which order it comes back, and every way an answer can be wrong."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.json_server import json_serving
from contracts.toy_encoder import ToyEncoder

from spaniel.models.card import ModelCard
from spaniel.models.encoders.endpoint import EndpointEncoder, endpoint_key, endpoint_url
from spaniel.models.encoders.http_json import Poster
from spaniel.models.encoders.open import open_encoder
from spaniel.retrieval.errors import InvalidInput, LimitExceeded, ModelError

from .endpoint_server import EmbeddingServer

SECRET = "sk-very-secret"


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "SPANIEL_EMBEDDINGS_KEY",
        "SPANIEL_EMBEDDINGS_KEY_FILE",
        "SPANIEL_EMBEDDINGS_HOSTS",
        "OPENAI_API_KEY",
        "http_proxy",
        "HTTP_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with json_serving(EmbeddingServer()) as running:
        yield running


def opened(
    server: EmbeddingServer, waits: list[float] | None = None, *, key: str = "", threads: int = 1, timeout_s: float = 10
) -> EndpointEncoder:
    card = ModelCard("toy", f"{server.url}#toy", "endpoint", "", server.dimension)
    sleep = (waits if waits is not None else []).append
    poster = Poster(endpoint_url(card.source)[0], key, timeout_s=timeout_s, tries=3, sleep=sleep)
    return EndpointEncoder(card, poster, threads=threads)


def test_opened_by_url_and_again_by_card(server: EmbeddingServer) -> None:
    with open_encoder(f"{server.url}#toy", query_prompt="query: ") as encoder:
        assert encoder.card == ModelCard("toy", f"{server.url}#toy", "endpoint", "", 4, query_prompt="query: ")
        vectors = encoder.encode(["a", "b"], kind="query")
    np.testing.assert_allclose(vectors, ToyEncoder(4).encode(["query: a", "query: b"], kind="query"), atol=1e-6)
    body, headers = server.asked[-1]
    assert (body["path"], body["model"]) == ("/v1/embeddings", "toy")
    assert "Authorization" not in headers
    asked = len(server.asked)
    assert open_encoder(encoder.card).card == encoder.card
    assert len(server.asked) == asked, "the card knows the dimension"


@pytest.mark.parametrize("threads", [1, 4])
def test_many_texts_in_several_requests(server: EmbeddingServer, threads: int) -> None:
    server.change = lambda good: good | {"data": good["data"][::-1]}  # the order is that of `index`
    texts = ["", *(f"word{i}" for i in range(199))]
    encoder = opened(server, threads=threads)
    wanted = ToyEncoder(4).encode([" ", *texts[1:]], kind="query")
    np.testing.assert_allclose(encoder.encode(texts, kind="query"), wanted, atol=1e-6)
    assert encoder.usage() == {"model_calls": 4, "tokens": 600, "truncated": 0}
    assert max(len(body["input"]) for body, _ in server.asked) == 64


def test_long_texts_go_in_smaller_requests(server: EmbeddingServer) -> None:
    opened(server).encode(["x" * 150_000, "y" * 150_000, "z"], kind="passage")
    assert [len(body["input"]) for body, _ in server.asked] == [1, 2]


def test_raw_vectors_are_normalised(server: EmbeddingServer) -> None:
    def tripled(good: dict[str, Any]) -> dict[str, Any]:
        return {"data": [entry | {"embedding": [3 * x for x in entry["embedding"]]} for entry in good["data"]]}

    server.change = tripled
    assert np.linalg.norm(opened(server).encode(["a"], kind="query")) == pytest.approx(1)
    with open_encoder(f"{server.url}#toy", normalise=False) as raw:
        assert np.linalg.norm(raw.encode(["a"], kind="query")) == pytest.approx(3)


def test_busy_servers_are_asked_again(server: EmbeddingServer) -> None:
    waits: list[float] = []
    server.failures = [(429, {"Retry-After": "7"}, b""), (500, {}, b"")]
    assert opened(server, waits).encode(["a"], kind="query").shape == (1, 4)
    assert waits == [7, 2]


def test_a_date_to_try_again(server: EmbeddingServer) -> None:
    waits: list[float] = []
    server.failures = [
        (503, {"Retry-After": "Fri, 01 Jan 2010 00:00:00 GMT"}, b""),
        (503, {"Retry-After": "soon"}, b""),
    ]
    opened(server, waits).encode(["a"], kind="query")
    assert waits == [0, 2]


def test_a_server_that_stays_busy(server: EmbeddingServer) -> None:
    waits: list[float] = []
    server.failures = [(503, {}, b"overloaded")] * 3
    with pytest.raises(ModelError, match="503 Service Unavailable: overloaded; 3 tries"):
        opened(server, waits).encode(["a"], kind="query")
    assert len(waits) == 2


def test_a_build_against_a_server_that_stays_busy_can_go_on_later(server: EmbeddingServer) -> None:
    encoder = open_encoder(f"{server.url}#toy")
    server.failures = [(503, {"Retry-After": "3600"}, b"")]
    with pytest.raises(ModelError, match="3600") as caught:
        encoder.encode(["a"], kind="query")
    assert "a build goes on" in caught.value.hint


def test_a_server_that_asks_for_an_hour(server: EmbeddingServer) -> None:
    server.failures = [(429, {"Retry-After": "3600"}, b"")]
    with pytest.raises(ModelError, match="asks to wait 3600 s"):
        opened(server).encode(["a"], kind="query")


def test_a_key_that_is_missing_or_wrong(server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.key = "other"
    with pytest.raises(ModelError, match="401") as caught:
        open_encoder(f"{server.url}#toy")
    assert "SPANIEL_EMBEDDINGS_KEY" in caught.value.hint
    monkeypatch.setenv("SPANIEL_EMBEDDINGS_KEY", SECRET)
    with pytest.raises(ModelError, match="bad key Bearer ") as caught:
        open_encoder(f"{server.url}#toy")
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(Poster(server.url, SECRET))


def test_keys(server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server.key = SECRET
    (tmp_path / "key").write_text(SECRET + "\n")
    monkeypatch.setenv("SPANIEL_EMBEDDINGS_KEY_FILE", str(tmp_path / "key"))
    assert open_encoder(f"{server.url}#toy").card.dimension == 4
    monkeypatch.setenv("SPANIEL_EMBEDDINGS_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(InvalidInput, match="cannot be read"):
        open_encoder(f"{server.url}#toy")
    monkeypatch.delenv("SPANIEL_EMBEDDINGS_KEY_FILE")
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    assert endpoint_key(server.url) == "", "the key of one company goes to nobody else"
    assert endpoint_key("https://api.openai.com/v1/embeddings") == SECRET


def test_redirects_are_not_followed(server: EmbeddingServer) -> None:
    server.failures = [(307, {"Location": "http://127.0.0.1:9/v1/embeddings"}, b"")]
    with pytest.raises(ModelError, match="307"):
        opened(server, key=SECRET).encode(["a"], kind="query")


def test_a_request_too_large_is_halved(server: EmbeddingServer) -> None:
    server.failures = [(413, {}, b"")]
    encoder = opened(server)
    texts = ["a", "b", "c"]
    np.testing.assert_allclose(
        encoder.encode(texts, kind="passage"), ToyEncoder(4).encode(texts, kind="passage"), atol=1e-6
    )
    assert [len(body["input"]) for body, _ in server.asked] == [3, 1, 2]
    server.failures = [(413, {}, b"")]
    with pytest.raises(ModelError, match="413"):
        encoder.encode(["a"], kind="passage")


def test_a_text_it_will_not_read(server: EmbeddingServer) -> None:
    waits: list[float] = []
    server.failures = [(400, {}, b'{"error": {"message": "maximum context length is 512 tokens"}}')]
    with pytest.raises(ModelError, match=r"400 Bad Request: .*512 tokens"):
        opened(server, waits).encode(["a"], kind="query")
    assert waits == []


def embedding(values: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda good: {"data": [{**entry, "embedding": values} for entry in good["data"]]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda good: {"data": good["data"][:1]}, "1 vectors for 2 texts"),
        (lambda good: {"data": good["data"] * 2}, "4 vectors for 2 texts"),
        (lambda good: {"data": [entry | {"index": 0} for entry in good["data"]]}, r"indexes \[0, 0\]"),
        (lambda good: {"data": [entry | {"index": "0"} for entry in good["data"]]}, "indexes"),
        (embedding([1, 2, 3]), "vector 0 has 3 dimensions, not 4"),
        (embedding([1, 2, 3, None]), "vector 0 is no list of numbers"),
        (embedding([]), "vector 0 is no list of numbers"),
        (embedding("AAAA"), "vector 0 is no list of numbers"),
        (embedding([1, 2, 3, float("nan")]), "vector of text 0 holds NaN, infinity or values above"),
        (embedding([1, 2, 3, 1e300]), "vector of text 0 holds NaN, infinity or values above"),
        (lambda good: {"error": "model not loaded"}, 'without "data": model not loaded'),
        (lambda good: ["data"], 'without "data"'),
        (lambda good: {"data": [1, 2]}, 'without "data"'),
        (lambda good: b"<html>", "no JSON"),
        (lambda good: b"[" * 100_000, "no JSON"),
    ],
)
def test_wrong_answers(server: EmbeddingServer, change: Callable[[dict[str, Any]], Any], said: str) -> None:
    server.change = change
    with pytest.raises(ModelError, match=said):
        opened(server).encode(["a", "b"], kind="query")


def test_an_answer_without_end(server: EmbeddingServer) -> None:
    server.change = lambda good: b" " * (2 << 20)
    with pytest.raises(LimitExceeded):
        opened(server).encode(["a"], kind="query")


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        waits: list[float] = []
        with pytest.raises(ModelError, match=r"no answer .*refused") as caught:
            opened(EmbeddingServer(url=url), waits).encode(["a"], kind="query")
        assert waits == [], "who starts no server here waits for none"
        assert "start the server" in caught.value.hint


def test_a_server_that_says_nothing() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        with pytest.raises(ModelError, match=r"no answer .*timed out"):
            opened(EmbeddingServer(url=url), timeout_s=0.05).encode(["a"], kind="query")


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that says what `answer` writes, once; its URL."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listening.accept()
                with connection:
                    connection.recv(1 << 16)
                    answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize("status", [200, 400])
def test_a_server_that_never_comes_to_an_end(status: int) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 {status} OK\r\nContent-Length: 1000000\r\n\r\n".encode())
        while True:  # until the other side has closed
            connection.sendall(b" ")
            threading.Event().wait(0.005)

    with raw_server(drip) as url:
        poster = Poster(f"{url}/embeddings", timeout_s=5, limit_s=0.2, tries=2, sleep=lambda wait_s: None)
        with pytest.raises(ModelError, match=r"no answer .*within 0\.2 s|answers 400"):
            poster.post({}, max_bytes=1 << 20)


def test_certificates_are_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    read: list[ssl.SSLContext] = []
    create = ssl.create_default_context

    def reading() -> ssl.SSLContext:
        read.append(create())
        return read[-1]

    monkeypatch.setattr(ssl, "create_default_context", reading)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))  # none that was read before
    for _ in range(3):
        with (
            raw_server(lambda connection: connection.sendall(b"no TLS")) as url,
            pytest.raises(ModelError, match="SSL"),
        ):
            Poster(url.replace("http:", "https:"), SECRET, tries=1).post({}, max_bytes=1000)
    [context] = read
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname


def test_the_key_stands_in_no_message(server: EmbeddingServer) -> None:
    for said in (SECRET, "x" * 290 + SECRET):
        server.change = lambda good, said=said: {"error": {"message": f"bad key {said}"}}
        with pytest.raises(ModelError, match='without "data"') as caught:
            opened(server, key=SECRET).encode(["a"], kind="query")
        assert SECRET[:6] not in str(caught.value)
    for line in (
        f"HTTP/1.1 400 denied {SECRET}",
        f"XX {SECRET}",
        f"HTTP/1.1 200 OK\r\nA: {SECRET}\r\nContent-Length: x",
    ):
        with raw_server(lambda connection, line=line: connection.sendall(f"{line}\r\n\r\n".encode())) as url:
            with pytest.raises(ModelError) as caught:
                Poster(f"{url}/embeddings", SECRET, tries=1).post({}, max_bytes=1000)
            assert SECRET not in str(caught.value)


def test_a_server_s_words_can_be_printed(server: EmbeddingServer) -> None:
    server.change = lambda good: b'{"error": "\\ud800"}'
    with pytest.raises(ModelError, match='without "data"') as caught:
        opened(server).encode(["a"], kind="query")
    str(caught.value).encode()


def test_a_proxy_does_not_see_what_stays_on_this_machine(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with json_serving(EmbeddingServer()) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.removesuffix("/v1"))
        assert opened(server, key=SECRET).encode(["a"], kind="query").shape == (1, 4)
        assert proxy.asked == []


def test_an_index_gets_no_key_for_a_port_of_this_machine(
    server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANIEL_EMBEDDINGS_KEY", SECRET)
    card = open_encoder(f"{server.url}#toy").card
    assert server.asked[-1][1]["Authorization"] == f"Bearer {SECRET}"
    open_encoder(card).encode(["a"], kind="query")
    assert "Authorization" not in server.asked[-1][1]
    monkeypatch.setenv("SPANIEL_EMBEDDINGS_HOSTS", "127.0.0.1")
    open_encoder(card).encode(["a"], kind="query")
    assert server.asked[-1][1]["Authorization"] == f"Bearer {SECRET}"


def test_offline_means_offline(server: EmbeddingServer) -> None:
    with pytest.raises(ModelError, match="not to be used"):
        open_encoder(f"{server.url}#toy", offline=True)
    assert server.asked == []

"""Where an endpoint may be, and where a key may go: URLs that are kept and shown, hosts that an index may name."""

from dataclasses import replace

import pytest

from spaniel.models.card import ModelCard
from spaniel.models.encoders.endpoint import endpoint_url
from spaniel.models.encoders.http_json import Poster
from spaniel.models.encoders.open import open_encoder
from spaniel.rerank.client import RerankClient
from spaniel.retrieval.errors import InvalidInput, ModelError

SECRET = "sk-very-secret"


def test_an_index_cannot_send_queries_where_it_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANIEL_EMBEDDINGS_KEY", SECRET)
    card = ModelCard("m", "https://stranger.invalid/v1#m", "endpoint", "", 4)
    with pytest.raises(ModelError, match="would send queries to 'stranger") as caught:
        open_encoder(card)
    assert "SPANIEL_EMBEDDINGS_HOSTS=stranger.invalid" in caught.value.hint
    with pytest.raises(ModelError, match="would send"):
        open_encoder(replace(card, runtime="onnx"))
    monkeypatch.setenv("SPANIEL_EMBEDDINGS_HOSTS", "other.invalid, stranger.invalid")
    assert open_encoder(card).card == card


def test_a_key_never_travels_in_the_clear() -> None:
    with pytest.raises(InvalidInput, match=r"not sent without TLS to example\.org"):
        Poster("http://example.org/v1", SECRET)
    with pytest.raises(InvalidInput, match="line ends"):
        Poster("https://example.org/v1", "a\r\nHost: b")


@pytest.mark.parametrize(
    "url",
    [
        f"http://user:{SECRET}@127.0.0.1:1/v1",
        f"http://{SECRET}@h/v1",
        f"http://user:{SECRET}@[::1/v1",
        f"user:{SECRET}@h/v1",
        f"ftp://user:{SECRET}@h/v1",
        f"https://h/v1?key={SECRET}",
    ],
)
def test_a_secret_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    for use in (Poster, RerankClient, endpoint_url):
        with pytest.raises(InvalidInput) as caught:
            use(url)
        assert SECRET not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "http://h/v1",
        "http://user:pw@h/v1#m",
        "https://h/v1?key=abc#m",
        "https://h/v1?sk-SECRET#m",
        "https://h/v1?token=#m",
        "https://h/v1?api-version=1&sk-SECRET#m",
        "http://[::1/v1#m",
        "https://h:99999/v1#m",
    ],
)
def test_urls_that_cannot_be_kept(url: str) -> None:
    with pytest.raises(InvalidInput):
        endpoint_url(url)
    with pytest.raises((InvalidInput, ModelError)):
        open_encoder(ModelCard("m", url, "endpoint", "", 4))


def test_urls() -> None:
    assert endpoint_url("https://h/v1/embeddings#org/m") == ("https://h/v1/embeddings", "org/m")
    assert endpoint_url("https://h/d?api-version=3#m") == ("https://h/d/embeddings?api-version=3", "m")

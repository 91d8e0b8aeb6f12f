"""Clients that others wrote, unchanged, against a base URL."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from contracts.fake_pair_model import FakePairModel, fake_score
from contracts.served import Served, on_a_port

from spaniel.rerank.serve.auth import Keys

KEY = "a-key-that-is-long-enough"
TEXTS = [f"text number {place}" for place in range(7)]
MODEL = FakePairModel()
BEST = sorted(range(7), key=lambda place: -fake_score(MODEL, "a query", TEXTS[place]))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    file = tmp_path_factory.mktemp("keys") / "keys"
    file.write_text(f"# the test's\n{KEY}\n")
    file.chmod(0o600)
    with on_a_port(keys=Keys(file)) as served:
        yield served


@pytest.fixture(scope="module")
def cohere() -> Any:
    with warnings.catch_warnings():  # the package's own affair
        warnings.simplefilter("ignore")
        return pytest.importorskip("cohere", reason="the cohere package is not installed")


def test_cohere_second_version(served: Served, cohere: Any) -> None:
    with cohere.ClientV2(KEY, base_url=served.url) as client:
        answer = client.rerank(model="rerank-v3.5", query="a query", documents=TEXTS, top_n=3, max_tokens_per_doc=4096)
    assert [result.index for result in answer.results] == BEST[:3]
    assert answer.meta.billed_units.search_units == 1
    assert answer.meta.api_version.version == "2"
    assert answer.id


def test_cohere_first_version(served: Served, cohere: Any) -> None:
    documents = [{"text": text, "id": str(place)} for place, text in enumerate(TEXTS)]
    with cohere.Client(KEY, base_url=served.url) as client:
        answer = client.rerank(model="rerank-english-v2.0", query="a query", documents=documents, return_documents=True)
    assert [result.index for result in answer.results] == BEST
    assert [result.document.text for result in answer.results] == [TEXTS[place] for place in BEST]


def test_cohere_raises_its_own_errors(served: Served, cohere: Any) -> None:
    with (
        cohere.ClientV2("another-key-altogether", base_url=served.url) as client,
        pytest.raises(cohere.UnauthorizedError, match="not known here"),
    ):
        client.rerank(model="m", query="q", documents=["a"])
    with cohere.ClientV2(KEY, base_url=served.url) as client:
        with pytest.raises(cohere.UnprocessableEntityError, match="query: is blank"):
            client.rerank(model="m", query="", documents=["a"])
        with pytest.raises(cohere.core.ApiError, match="documents is 1001"):
            client.rerank(model="m", query="q", documents=["a"] * 1001)


def test_langchain_cohere(served: Served, cohere: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = pytest.importorskip("langchain_cohere", reason="langchain-cohere is not installed")
        from langchain_core.documents import Document
    ranker = package.CohereRerank(model="rerank-v3.5", base_url=served.url, cohere_api_key=KEY, top_n=2)
    documents = [Document(page_content=text, metadata={"place": place}) for place, text in enumerate(TEXTS)]
    with ranker.client:
        found = ranker.compress_documents(documents, "a query")
    assert [document.metadata["place"] for document in found] == BEST[:2]
    assert found[0].metadata["relevance_score"] > found[1].metadata["relevance_score"]


def test_as_jina_readers_ask(served: Served) -> None:
    """What langchain's and LlamaIndex's Jina rerankers send, and the fields that they read."""
    body = {"model": "jina-reranker-v1-base-en", "query": "a query", "documents": TEXTS, "top_n": 4}
    with httpx.Client(headers={"Authorization": f"Bearer {KEY}", "Accept-Encoding": "identity"}) as client:
        answer = client.post(f"{served.url}/v1/rerank", json=body).raise_for_status().json()
        assert [each["index"] for each in answer["results"]] == BEST[:4]
        assert all(0 < each["relevance_score"] < 1 for each in answer["results"])
        asked = {**body, "return_documents": True}
        answer = client.post(f"{served.url}/v1/rerank", json=asked).raise_for_status().json()
        assert [each["document"]["text"] for each in answer["results"]] == [TEXTS[place] for place in BEST[:4]]


def test_as_tei_readers_ask(served: Served) -> None:
    """What Haystack's TEI ranker sends: its answer is a bare list, its failures have `error` and `error_type`."""
    body = {"query": "a query", "texts": TEXTS, "raw_scores": False, "truncate": True, "truncation_direction": "Right"}
    with httpx.Client(headers={"Authorization": f"Bearer {KEY}"}) as client:
        answer = client.post(f"{served.url}/rerank", json=body).raise_for_status().json()
        assert [each["index"] for each in answer] == BEST
        refused = client.post(f"{served.url}/rerank", json={**body, "texts": ["a"] * 1001})
        assert refused.status_code == 413
        assert refused.json()["error_type"] == "Validation"
        info = client.get(f"{served.url}/info").json()
        assert (info["max_client_batch_size"], info["model_type"]) == (1000, {"reranker": {}})


def test_keys_files_of_the_test_are_private(served: Served) -> None:
    assert isinstance(served.service.keys.file, Path)
    assert len(served.service.keys) == 1

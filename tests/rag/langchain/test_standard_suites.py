"""The standard suites of langchain-tests, none of their tests overridden."""

import functools
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from contracts.toy_encoder import ToyEncoder
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests.embeddings import EmbeddingsIntegrationTests
from langchain_tests.integration_tests.retrievers import RetrieversIntegrationTests
from langchain_tests.integration_tests.vectorstores import VectorStoreIntegrationTests
from langchain_tests.unit_tests.embeddings import EmbeddingsUnitTests

import spaniel
from spaniel.rag.langchain import SpanielEmbeddings, SpanielRetriever, SpanielVectorStore


@functools.cache
def small_index() -> str:
    """An index of four passages about dogs."""
    folder = tempfile.mkdtemp()
    texts = ["Dogs bark at night.", "A dog fetches sticks.", "Dogs and cats sleep.", "The dog is a spaniel."]
    documents = [spaniel.Document(f"d{place}", text) for place, text in enumerate(texts)]
    spaniel.build(documents, folder, dense=ToyEncoder()).close()
    return folder


class TestRetriever(RetrieversIntegrationTests):
    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return SpanielRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"source": spaniel.open(small_index()).bm25()}

    @property
    def retriever_query_example(self) -> str:
        return "what do dogs do?"


class TestRetrieverOfADirectory(TestRetriever):
    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"source": small_index(), "retriever": "bm25"}


class TestRetrieverOfAPipeline(TestRetriever):
    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        kb = spaniel.open(small_index())
        return {"source": spaniel.rrf(kb.bm25(), kb.dense(encoder=ToyEncoder()))}


class TestVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self) -> Iterator[VectorStore]:
        store = SpanielVectorStore(self.get_embeddings())
        yield store
        store.close()


class TestBinaryVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self) -> Iterator[VectorStore]:
        store = SpanielVectorStore(self.get_embeddings(), store="binary")
        yield store
        store.close()


class OfOurs:
    """What both suites of embeddings ask for."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        return SpanielEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"model": ToyEncoder()}


class TestEmbeddings(OfOurs, EmbeddingsIntegrationTests): ...


class TestEmbeddingsUnit(OfOurs, EmbeddingsUnitTests): ...

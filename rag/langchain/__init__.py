"""Spaniel for langchain-core: a retriever, a vector store, embeddings, and a compressor that reranks.

    from spaniel.rag.langchain import SpanielRetriever

    retriever = SpanielRetriever(source="kb", k=5)
    retriever.invoke("how do I rotate a key?")

The other way round, a chat model of langchain-core writes answers as `spaniel.rag.generators` shows, and judges as
`spaniel.rerank.llm.langchain`. Needs the extra `langchain`; nothing else of Spaniel imports langchain-core, which takes
half a second. Score and span of what was found stand in a document's metadata under keys that begin with `spaniel.`
(documents.py).
"""

import importlib
from typing import TYPE_CHECKING, Any

from spaniel.retrieval.errors import require

if TYPE_CHECKING:
    from .compressor import SpanielReranker as SpanielReranker
    from .embeddings import SpanielEmbeddings as SpanielEmbeddings
    from .retriever import SpanielRetriever as SpanielRetriever
    from .vectorstore import SpanielVectorStore as SpanielVectorStore

__all__ = ["SpanielEmbeddings", "SpanielReranker", "SpanielRetriever", "SpanielVectorStore"]

_HOME = {
    "SpanielEmbeddings": "embeddings",
    "SpanielReranker": "compressor",
    "SpanielRetriever": "retriever",
    "SpanielVectorStore": "vectorstore",
}


def __getattr__(name: str) -> Any:
    """A class, loaded when it is first used.

    Raises:
        MissingExtra: langchain-core is not installed.
    """
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("langchain_core", extra="langchain")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value

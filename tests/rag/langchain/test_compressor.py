"""Any judge of ours as a document compressor."""

import asyncio

import pytest
from contracts.toy_encoder import ToyEncoder
from langchain_core.documents import Document

from spaniel.rag.langchain import SpanielReranker
from spaniel.rerank.judges.cosine import CosineJudge
from spaniel.rerank.reranker import Rerank

DOCUMENTS = [
    Document(page_content=text, metadata={"n": n}) for n, text in enumerate(["cats purr", "birds", "dogs bark"])
]


def test_the_best_come_first_with_their_scores() -> None:
    reranker = SpanielReranker(judge=CosineJudge(ToyEncoder()), top_n=2)
    found = reranker.compress_documents(DOCUMENTS, "dogs bark")
    assert found[0].metadata["n"] == 2
    assert len(found) == 2
    assert found[0].metadata["spaniel.score"] > found[1].metadata["spaniel.score"]
    assert all("spaniel.score" not in each.metadata for each in DOCUMENTS)
    assert asyncio.run(reranker.acompress_documents(DOCUMENTS, "dogs bark")) == found


def test_a_stage_and_a_schedule() -> None:
    stage = Rerank(CosineJudge(ToyEncoder()), depth=10)
    found = SpanielReranker(judge=stage, top_n=None).compress_documents(DOCUMENTS, "cats purr")
    assert found[0].metadata["n"] == 0
    assert len(found) == 3


def test_no_documents_and_no_such_number() -> None:
    assert SpanielReranker(judge="cosine:none").compress_documents([], "x") == []
    with pytest.raises(ValueError, match="top_n"):
        SpanielReranker(judge="cosine:none", top_n=0)

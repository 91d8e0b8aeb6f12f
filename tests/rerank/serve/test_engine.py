"""The engine as a request meets it."""

import asyncio

import numpy as np
import pytest
from contracts.fake_pair_model import FakePairModel, fake_score

from spaniel.rerank.serve.engine import Engine
from spaniel.rerank.serve.limits import Limits
from spaniel.rerank.serve.refusals import NotReady
from spaniel.retrieval.errors import LimitExceeded


def test_scores_come_in_the_order_of_the_texts() -> None:
    model = FakePairModel()

    async def run() -> None:
        engine = Engine(lambda name: model)
        with pytest.raises(NotReady, match="loading"):
            await engine.score("q", ["a"])
        await engine.start()
        texts = ["a b c", "", "d", "a b c"]
        scored = await engine.score("some words", texts)
        assert scored.logits.dtype == np.float64
        assert scored.logits.tolist() == [fake_score(model, "some words", text) for text in texts]
        assert (scored.tokens, scored.truncated, scored.model) == (8 + 5 + 6 + 8, 0, "fake")

    asyncio.run(run())


def test_more_documents_than_allowed_are_named() -> None:
    async def run() -> None:
        engine = Engine(lambda name: FakePairModel(), limits=Limits(documents=2))
        await engine.start()
        with pytest.raises(LimitExceeded, match="documents is 3, the limit is 2"):
            await engine.score("q", ["a"] * 3)

    asyncio.run(run())

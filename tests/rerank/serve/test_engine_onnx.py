"""The engine over a real session: scores are those of the model alone, whatever shares their batch."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from contracts.cross_encoder import small_cross_encoder

from spaniel.rerank.cross_encoders.open import open_pair_model
from spaniel.rerank.serve.engine import Engine
from spaniel.rerank.serve.limits import Limits


@pytest.mark.parametrize("workers", [1, 2])
def test_scores_are_those_of_the_model_alone(tmp_path: Path, workers: int) -> None:
    folder = small_cross_encoder(tmp_path / "model")
    alone = open_pair_model(folder, cache=tmp_path / "cache")
    rng = np.random.default_rng(3)
    requests = [
        (f"w{number}", [" ".join(f"w{word}" for word in rng.integers(0, 40, rng.integers(0, 60))) for _ in range(20)])
        for number in range(6)
    ]

    async def run() -> None:
        engine = Engine(
            lambda name: open_pair_model(folder, cache=tmp_path / "cache"),
            limits=Limits(batch_tokens=100),
            workers=workers,
        )
        await engine.start()
        every = await asyncio.gather(*(engine.score(query, texts) for query, texts in requests))
        report = await engine.reload()
        assert report.sha256 == report.previous_sha256 and report.largest_difference == 0
        assert report.rank_correlation == pytest.approx(1)
        again = await engine.score(*requests[0])
        for (query, texts), scored in [*zip(requests, every, strict=True), (requests[0], again)]:
            pairs = alone.tokenised(query, texts)
            single = np.concatenate([alone.logits([pair]) for pair in pairs])
            np.testing.assert_allclose(scored.logits, single, atol=1e-5)
            assert scored.truncated == sum(pair.truncated for pair in pairs) > 0
        assert await engine.drain(10)

    asyncio.run(run())

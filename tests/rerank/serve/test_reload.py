"""Another model in the place of the one that answers."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest
from contracts.fake_pair_model import FakePairModel, fake_score, serving
from numpy.typing import NDArray

from spaniel.rerank.cross_encoders.base import Pair
from spaniel.rerank.serve.limits import Limits
from spaniel.rerank.serve.refusals import Busy, NotReady
from spaniel.rerank.serve.reload import probe, warm_up
from spaniel.retrieval.errors import ModelError


class Constant(FakePairModel):
    def logits(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        return np.full(len(pairs), 0.5, np.float32)


class ReadsPadding(FakePairModel):
    def logits(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        return super().logits(pairs) + np.float32(len(pairs) > 1)


class Nan(FakePairModel):
    def logits(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        return np.full(len(pairs), np.nan, np.float32)


class Impostor(FakePairModel):
    """The files of one, the scores of another."""

    def __init__(self) -> None:
        super().__init__(seed=9)
        self.sha256 = FakePairModel().sha256


def test_the_new_model_answers_and_the_old_one_is_closed() -> None:
    async def test() -> None:
        old, new = FakePairModel("old"), FakePairModel("new", seed=1)
        async with serving(old, new) as engine:
            report = await engine.reload("somewhere")
            assert (report.model, report.sha256, report.previous_sha256) == ("new", new.sha256, old.sha256)
            assert report.largest_difference > 0 and report.rank_correlation is not None
            assert -1 <= report.rank_correlation <= 1
            assert set(report.to_json()) >= {"model", "sha256", "load_s"}
            scored = await engine.score("q", ["a"])
            assert (scored.model, scored.logits[0]) == ("new", fake_score(new, "q", "a"))
            assert old.closed and not new.closed
        assert new.closed

    asyncio.run(test())


def test_a_request_is_scored_by_the_model_it_began_with() -> None:
    async def test() -> None:
        old, new = FakePairModel("old"), FakePairModel("new", seed=1)
        async with serving(old, new, limits=Limits(batch_tokens=20)) as engine:
            old.gate.clear()
            began = asyncio.create_task(engine.score("q", ["a b"] * 20))
            while not old.running.is_set() or engine._queue.pairs < 16:
                await asyncio.sleep(0)
            reloading = asyncio.create_task(engine.reload())
            await asyncio.sleep(0)
            later = asyncio.create_task(engine.score("q", ["c"]))
            assert not old.closed
            old.gate.set()
            assert (await began).logits.tolist() == [fake_score(old, "q", "a b")] * 20
            assert (await reloading).model == "new"
            assert (await later).logits.tolist()[0] in (fake_score(old, "q", "c"), fake_score(new, "q", "c"))

    asyncio.run(test())


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (Constant, "the score 0.5"),
        (ReadsPadding, "pairs beside it"),
        (Nan, "no number"),
        (Impostor, "the same files give other scores"),
    ],
)
def test_a_bad_model_leaves_the_old_one_serving(bad: type[FakePairModel], why: str) -> None:
    async def test() -> None:
        old, new = FakePairModel(), bad()
        async with serving(old, new) as engine:
            with pytest.raises(ModelError, match=why):
                await engine.reload()
            assert new.closed and not old.closed
            assert (await engine.score("q", ["a"])).logits.tolist() == [fake_score(old, "q", "a")]
            assert engine.metrics.reloads.value(outcome="inference") == 1

    asyncio.run(test())


def test_one_reload_at_a_time_and_none_while_draining() -> None:
    async def test() -> None:
        old, new = FakePairModel(), FakePairModel(seed=1)
        async with serving(old, new) as engine:
            new.gate.clear()
            first = asyncio.create_task(engine.reload())
            while not new.running.is_set():
                await asyncio.sleep(0)
            with pytest.raises(Busy, match="another reload"):
                await engine.reload()
            draining = asyncio.create_task(engine.drain(10))
            await draining
            with pytest.raises(NotReady):
                await engine.reload()
            new.gate.set()
            with pytest.raises(NotReady):
                await first
            while not (new.closed and old.closed):
                await asyncio.sleep(0)

    asyncio.run(test())


def test_a_reload_that_is_given_up_closes_what_it_opened() -> None:
    async def test() -> None:
        old, new = FakePairModel(), FakePairModel(seed=1)
        async with serving(old, new) as engine:
            new.gate.clear()
            reloading = asyncio.create_task(engine.reload())
            while not new.running.is_set():
                await asyncio.sleep(0)
            reloading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reloading
            new.gate.set()
            while not new.closed:
                await asyncio.sleep(0)
            assert (await engine.score("q", ["a"])).model == "fake"
            assert not old.closed

    asyncio.run(test())


def test_what_is_run_before_a_model_answers() -> None:
    model = FakePairModel(max_length=100)
    tokens, seconds = warm_up(model, Limits(batch_tokens=50))
    assert (tokens, seconds > 0) == (30, True)
    assert model.ran == [[5], [100], [5] * 6]
    assert len(probe(model)) == 15

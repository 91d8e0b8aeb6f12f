"""The engine as requests meet it. Models are held by their gate, so that nothing depends on time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from contracts.fake_pair_model import FakePairModel, fake_score, serving

from spaniel.rerank.serve.engine import Engine
from spaniel.rerank.serve.limits import Limits
from spaniel.rerank.serve.refusals import Busy, DeadlineExceeded, NotReady
from spaniel.rerank.serve.scored import Scored
from spaniel.retrieval.errors import LimitExceeded, ModelError


async def until(true: Callable[[], bool]) -> None:
    """Let the others go on until something is so; the test's time limit ends it."""
    while not true():
        await asyncio.sleep(0)


async def held(model: FakePairModel, engine: Engine) -> "asyncio.Task[Scored]":
    """A request of one pair that runs, and does not end before the gate is opened."""
    model.gate.clear()
    model.running.clear()
    task = asyncio.create_task(engine.score("held", ["back"]))
    await until(model.running.is_set)
    return task


def queued(engine: Engine) -> int:
    return engine._queue.pairs


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())  # type: ignore[arg-type]


def test_scores_come_in_the_order_of_the_texts() -> None:
    async def test() -> None:
        model = FakePairModel()
        async with serving(model) as engine:
            texts = ["a b c", "", "d", "a b c"]
            scored = await engine.score("some words", texts)
            assert scored.logits.dtype == np.float64
            assert scored.logits.tolist() == [fake_score(model, "some words", text) for text in texts]
            assert (scored.tokens, scored.truncated, scored.model) == (8 + 5 + 6 + 8, 0, "fake")
            assert min(scored.queue_s, scored.tokenise_s, scored.inference_s) >= 0
            assert len((await engine.score("q", [])).logits) == 0

    run(test)


@pytest.mark.parametrize("workers", [1, 3])
def test_many_requests_side_by_side(workers: int) -> None:
    rng = np.random.default_rng(5)
    requests = [
        (f"q{number}", [" ".join(["w"] * rng.integers(0, 90)) + f" {place}" for place in range(rng.integers(1, 70))])
        for number in range(25)
    ]

    async def test() -> None:
        model = FakePairModel(max_length=64)
        async with serving(model, limits=Limits(batch_tokens=200, share_tokens=300), workers=workers) as engine:
            every = await asyncio.gather(*(engine.score(query, texts) for query, texts in requests))
            for (query, texts), scored in zip(requests, every, strict=True):
                assert scored.logits.tolist() == [fake_score(model, query, text) for text in texts]
            pairs = [(f"q{place}", f"word {place}") for place in range(50)]
            scored = await engine.score_pairs(pairs)
            assert scored.logits.tolist() == [fake_score(model, *pair) for pair in pairs]
            assert max(max(lengths) * len(lengths) for lengths in model.ran) <= 200
            assert queued(engine) == 0 and engine._queue.tokens == 0
            assert engine.metrics.success.value() == 26
            assert engine.metrics.pairs.value() == sum(map(len, model.ran))

    run(test)


def test_pairs_of_several_requests_share_a_batch_by_length() -> None:
    async def test() -> None:
        model = FakePairModel()
        async with serving(model, limits=Limits(batch_tokens=40)) as engine:
            first = await held(model, engine)
            others = [asyncio.create_task(engine.score("q", ["a " * n, "a " * 26])) for n in (5, 6, 6, 5)]
            await until(lambda: queued(engine) == 8)
            model.gate.set()
            await asyncio.gather(first, *others)
            assert model.ran == [[5], [9, 9, 10, 10], [30], [30], [30], [30]]

    run(test)


def test_a_small_request_does_not_wait_for_a_large_one() -> None:
    async def test() -> None:
        model = FakePairModel()
        limits = Limits(batch_tokens=40, share_tokens=80, window=2)
        async with serving(model, limits=limits) as engine:
            first = await held(model, engine)
            large = asyncio.create_task(engine.score("q", ["a b c d e f"] * 400))
            await until(lambda: queued(engine) == 400)
            small = asyncio.create_task(engine.score("q", ["a b c d e"] * 4))
            await until(lambda: queued(engine) == 404)
            model.gate.set()
            await asyncio.gather(first, small, large)
            assert model.ran.index([9] * 4) < 6 and len(model.ran) > 100

    run(test)


def test_a_large_request_is_not_overtaken_for_ever() -> None:
    async def test() -> None:
        model = FakePairModel()
        limits = Limits(batch_tokens=40, share_tokens=40, window=1)
        async with serving(model, limits=limits) as engine:
            first = await held(model, engine)
            large = asyncio.create_task(engine.score("q", ["a b c d e f"] * 40))
            await until(lambda: queued(engine) == 40)
            model.gate.set()
            n_small = 0
            while not large.done():  # there is always a small one waiting
                await asyncio.gather(*(engine.score("q", ["a b c d e f"] * 4) for _ in range(4)))
                n_small += 4
            assert n_small <= 100
            await first

    run(test)


def test_inside_a_turn_the_earliest_deadline_goes_first() -> None:
    async def test() -> None:
        model = FakePairModel()
        async with serving(model, limits=Limits(batch_tokens=8)) as engine:
            first, now = await held(model, engine), time.monotonic()
            late = asyncio.create_task(engine.score("q", ["a"], deadline=now + 600))
            await until(lambda: queued(engine) == 1)
            soon = asyncio.create_task(engine.score("q", ["a b"], deadline=now + 500))
            await until(lambda: queued(engine) == 2)
            model.gate.set()
            await asyncio.gather(first, late, soon)
            assert model.ran == [[5], [6], [5]]

    run(test)


def test_pairs_of_a_departed_client_leave_the_queue() -> None:
    async def test() -> None:
        model = FakePairModel()
        async with serving(model) as engine:
            first = await held(model, engine)
            gone = asyncio.create_task(engine.score("q", ["never run"] * 70))
            await until(lambda: queued(engine) == 70)
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
            assert (queued(engine), engine._queue.tokens) == (0, 0)
            model.gate.set()
            await first
            assert model.ran == [[5]]
            assert engine.metrics.dropped.value() == 70
            assert engine.metrics.failure.value(err="cancelled") == 1

    run(test)


def test_a_client_that_leaves_while_its_pairs_run_hurts_nobody() -> None:
    async def test() -> None:
        model = FakePairModel()
        async with serving(model) as engine:
            gone = await held(model, engine)
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
            model.gate.set()
            assert (await engine.score("q", ["a"])).logits.tolist() == [fake_score(model, "q", "a")]

    run(test)


def test_a_deadline_that_passes() -> None:
    async def test() -> None:
        model = FakePairModel()
        async with serving(model) as engine:
            first = await held(model, engine)
            with pytest.raises(DeadlineExceeded, match="no answer within"):
                await engine.score("q", ["a"] * 3, deadline=time.monotonic() + 0.01)
            assert queued(engine) == 0
            with pytest.raises(DeadlineExceeded):
                await engine.score("q", ["a"] * 3, deadline=time.monotonic() - 1)
            model.gate.set()
            await first
            assert engine.metrics.failure.value(err="deadline") == 2

    run(test)


def test_refusals() -> None:
    async def test() -> None:
        model = FakePairModel()
        engine = Engine(lambda name: model)
        with pytest.raises(NotReady, match="loading"):
            await engine.score("q", ["a"])
        async with serving(model, limits=Limits(documents=2, queue_requests=1)) as engine:
            with pytest.raises(LimitExceeded, match="documents is 3, the limit is 2"):
                await engine.score("q", ["a"] * 3)
            first = await held(model, engine)
            with pytest.raises(Busy, match="1 requests are waiting"):
                await engine.score("q", ["a"])
            assert engine.metrics.refused.value(reason="requests") == 1
            model.gate.set()
            await first

    run(test)


def test_a_pair_that_the_model_cannot_stand_fails_its_own_request() -> None:
    async def test() -> None:
        model = FakePairModel()
        async with serving(model) as engine:
            first = await held(model, engine)
            bad = asyncio.create_task(engine.score("q", ["fine", "poison"]))
            good = asyncio.create_task(engine.score("q", ["fine", "fine"]))
            await until(lambda: queued(engine) == 4)
            model.gate.set()
            with pytest.raises(ModelError, match="poisoned"):
                await bad
            assert (await good).logits.tolist() == [fake_score(model, "q", "fine")] * 2
            await first
            assert model.ran[1] == [5, 5, 5, 5]

    run(test)


def test_a_tokenizer_that_fails_fails_its_own_request() -> None:
    class Odd(FakePairModel):
        def tokenised(self, query, passages, *, max_passage_tokens=None):  # type: ignore[no-untyped-def]
            if query == "odd":
                raise KeyError("odd")
            return super().tokenised(query, passages)[: -1 if query == "short" else None]

    async def test() -> None:
        async with serving(Odd()) as engine:
            with pytest.raises(ModelError, match="cannot tokenise"):
                await engine.score("odd", ["a"])
            with pytest.raises(ModelError, match="1 pairs of 2 texts"):
                await engine.score("short", ["a", "b"])
            await engine.score("q", ["a"])

    run(test)


def test_drain_waits_for_those_who_are_there() -> None:
    async def test() -> None:
        model = FakePairModel()
        async with serving(model) as engine:
            first = await held(model, engine)
            draining = asyncio.create_task(engine.drain(60))
            await until(lambda: engine.state == "draining")
            with pytest.raises(NotReady, match="draining"):
                await engine.score("q", ["a"])
            assert not first.done() and not model.closed
            model.gate.set()
            assert await draining is True
            assert (await first).logits.tolist() == [fake_score(model, "held", "back")]
            assert model.closed

    run(test)


def test_drain_refuses_those_who_take_too_long() -> None:
    async def test() -> None:
        model = FakePairModel()
        async with serving(model) as engine:
            first = await held(model, engine)
            waiting = asyncio.create_task(engine.score("q", ["a"] * 100))
            await until(lambda: queued(engine) == 100)
            draining = asyncio.create_task(engine.drain(0.01))
            for task in (first, waiting):
                with pytest.raises(NotReady, match="draining"):
                    await task
            model.gate.set()
            assert await draining is False
            assert model.closed and model.ran == [[5]]

    run(test)


def test_a_model_that_does_not_load() -> None:
    def load(name: str | None) -> FakePairModel:
        raise ModelError("no such model")

    async def test() -> None:
        engine = Engine(load)
        with pytest.raises(ModelError, match="no such model"):
            await engine.start()
        assert engine.state == "failed" and engine.info()["state"] == "failed"
        with pytest.raises(NotReady, match="failed"):
            await engine.score("q", ["a"])
        assert await engine.drain(1) is True

    run(test)


def test_info_and_metrics() -> None:
    async def test() -> None:
        async with serving(FakePairModel(), workers=2) as engine:
            await engine.score("q", ["a " * 600])
            info = engine.info()
            assert (info["state"], info["model"], info["workers"], info["architecture"]) == ("ready", "fake", 2, "fake")
            text = engine.metrics.render()
            for line in (
                "te_request_success 1",
                "spaniel_truncated_documents_total 1",
                "te_queue_size 0",
                "spaniel_ready 1",
            ):
                assert f"\n{line}\n" in text

    run(test)

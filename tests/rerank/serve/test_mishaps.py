"""What goes wrong beside the model: the engine goes on, or says that it cannot; it never waits for ever."""

import asyncio
import threading
import time

import httpx
import numpy as np
import pytest
from contracts.fake_pair_model import FakePairModel, fake_score, serving
from contracts.served import in_process
from starlette.testclient import TestClient

from spaniel.rerank.serve import queue as queue_module
from spaniel.rerank.serve.app import create_app
from spaniel.rerank.serve.aside import aside
from spaniel.rerank.serve.engine import Engine
from spaniel.rerank.serve.held import Held
from spaniel.rerank.serve.job import Job
from spaniel.rerank.serve.limits import Limits
from spaniel.rerank.serve.queue import PairQueue
from spaniel.rerank.serve.refusals import DeadlineExceeded, NotReady
from spaniel.rerank.serve.speed import Speed
from spaniel.retrieval.errors import ModelError


def test_an_error_beside_the_model_fails_its_batch_and_no_other() -> None:
    async def test() -> None:
        model = FakePairModel()
        async with serving(model) as engine:
            assert engine._workers is not None
            told, engine._workers._on_batch = engine._workers._on_batch, lambda lengths, seconds: 1 / 0
            with pytest.raises(ModelError, match=r"the server failed .ZeroDivisionError"):
                await engine.score("q", ["a"])
            engine._workers._on_batch = told
            assert (await engine.score("q", ["a"])).logits.tolist() == [fake_score(model, "q", "a")]
            assert engine.healthy

    asyncio.run(test())


def test_an_error_in_the_queue_fails_one_request_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = queue_module.best_run

    async def test() -> None:
        model = FakePairModel()
        async with serving(model) as engine:
            monkeypatch.setattr(queue_module, "best_run", lambda *given, **more: 1 / 0)
            with pytest.raises(ModelError, match=r"the queue failed .ZeroDivisionError"):
                await engine.score("q", ["a", "b"])
            monkeypatch.setattr(queue_module, "best_run", whole)
            assert (await engine.score("q", ["a"])).logits.tolist() == [fake_score(model, "q", "a")]
            assert engine.healthy and engine._queue.tokens == 0

    asyncio.run(test())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_worker_is_seen() -> None:
    class Leaves(FakePairModel):
        def logits(self, pairs):  # type: ignore[no-untyped-def]
            if any(len(pair) == 7 for pair in pairs):
                raise SystemExit
            return super().logits(pairs)

    async def test() -> None:
        async with serving(Leaves()) as engine:
            client = TestClient(create_app(engine))
            assert [client.get(path).status_code for path in ("/health", "/ready")] == [200, 200]
            with pytest.raises(DeadlineExceeded):
                await engine.score("q", ["a b c"], deadline=time.monotonic() + 0.05)
            assert engine._workers is not None and not engine.healthy
            assert [client.get(path).status_code for path in ("/health", "/ready")] == [503, 503]
            assert "\nspaniel_ready 0\n" in engine.metrics.render()

    asyncio.run(test())


def test_a_drain_does_not_wait_for_a_batch_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spaniel.rerank.serve.engine._LEAVING_S", 0.01)

    async def test() -> None:
        model = FakePairModel()
        async with serving(model) as engine:
            model.gate.clear()
            task = asyncio.create_task(engine.score("held", ["back"]))
            await asyncio.to_thread(model.running.wait)
            assert await engine.drain(0.01) is False
            with pytest.raises(NotReady, match="draining"):
                await task
            assert not model.closed  # it still runs
            model.gate.set()
            assert engine._workers is not None and engine._workers.join(60)
            assert model.closed

    asyncio.run(test())


def test_a_model_that_is_still_loading_is_not_waited_for() -> None:
    gate, model = threading.Event(), FakePairModel()
    closed = threading.Event()
    model.close = closed.set  # type: ignore[method-assign]

    def load(name: str | None) -> FakePairModel:
        assert gate.wait(60)
        return model

    async def test() -> None:
        engine = Engine(load)
        starting = asyncio.create_task(engine.start())
        await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        assert await engine.drain(60) is True

    asyncio.run(test())  # asyncio.to_thread would wait here
    gate.set()
    assert closed.wait(60)


def test_the_outcome_of_work_aside() -> None:
    async def test() -> None:
        assert await aside(lambda: 5) == 5
        with pytest.raises(KeyError):
            await aside(lambda: {}["no"])
        gate, unused = threading.Event(), asyncio.Queue[int]()
        left = aside(lambda: 7 if gate.wait(60) else 0, unused.put_nowait)
        left.cancel()
        gate.set()
        assert await unused.get() == 7

    asyncio.run(test())


def test_what_cannot_be_done_in_time_is_not_run_while_others_wait() -> None:
    async def test() -> None:
        model, dropped = FakePairModel(), list[int]()
        speed = Speed(1)
        queue, held = PairQueue(Limits(), speed, dropped.append, clock=lambda: 100.0), Held(model)

        def job(number: int, n: int, deadline: float) -> Job:
            pairs = model.tokenised("q", ["a b c d e f"] * n)
            job = Job(number, n, 10 * n, deadline, held, deadline)
            job.tokenised(pairs, rest=0)
            queue.put(job, 0, pairs)
            return job

        late = job(1, 30, 100.9)
        speed.batch(200, 1.0)
        assert {each.job for each in queue.take()} == {late}  # alone: whatever the speed is thought to be
        queue.drop(late)
        late, other = job(2, 30, 101.0), job(3, 1, 102.0)
        assert [each.job for each in queue.take()] == [other] and dropped == [30]
        await asyncio.sleep(0)
        assert isinstance(late.done.exception(), DeadlineExceeded) and queue.tokens == 0
        assert np.isfinite(queue.now)

    asyncio.run(test())


def test_what_never_reaches_the_engine_is_counted_too() -> None:
    async def work(client: httpx.AsyncClient, engine: Engine) -> dict[str, float]:
        good = {"query": "q", "texts": ["a", "b"]}
        await client.post("/rerank", json=good | {"texts": ["a"] * 3})
        await client.post("/rerank", json={"query": 5, "texts": []})
        await client.post("/rerank", json=good)
        engine.state = "draining"
        await client.post("/rerank", json=good)
        engine.state = "ready"
        metrics = engine.metrics
        return {err: metrics.failure.value(err=err) for err in ("validation", "not_ready")} | {
            "all": metrics.count.value()
        }

    assert in_process(work, limits=Limits(documents=2)) == {"validation": 2, "not_ready": 1, "all": 4}

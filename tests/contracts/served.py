"""A reranker behind HTTP for tests: in process by ASGI, or on a real port in a thread of its own."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
from contracts.fake_pair_model import FakePairModel

from spaniel.rerank.serve.app import create_app
from spaniel.rerank.serve.auth import Keys
from spaniel.rerank.serve.engine import Engine
from spaniel.rerank.serve.limits import Limits
from spaniel.rerank.serve.run import Service
from spaniel.rerank.serve.settings import Settings

__all__ = ["Served", "in_process", "on_a_port"]

T = TypeVar("T")


def in_process(
    work: Callable[[httpx.AsyncClient, Engine], Awaitable[T]],
    *,
    model: FakePairModel | None = None,
    limits: Limits | None = None,
    settings: Settings | None = None,
    keys: Keys | None = None,
    admin_keys: Keys | None = None,
    start: bool = True,
) -> T:
    """The outcome of `work`, which is given a client and the engine behind it; no socket is opened."""

    async def run() -> T:
        engine = Engine(lambda place: model or FakePairModel(), limits=limits, workers=1)
        if start:
            await engine.start()
        app = create_app(engine, settings, keys, admin_keys)
        try:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
                return await work(client, engine)
        finally:
            if start:
                await engine.drain(5)

    return asyncio.run(run())


class Served:
    """A service on a free port of this machine, with its event loop in another thread."""

    def __init__(self, model: FakePairModel, **settings: Any) -> None:
        self.model = model
        limits = settings.pop("limits", None)
        keys = settings.pop("keys", None) or Keys(None)
        self.service = Service(
            Engine(lambda place: model, limits=limits, workers=1), Settings(**settings), keys, port=0
        )
        self.service.bind()
        self.whole: bool | None = None
        self.failed: BaseException | None = None

    @property
    def url(self) -> str:
        return self.service.url

    @property
    def engine(self) -> Engine:
        return self.service.engine


@contextmanager
def on_a_port(model: FakePairModel | None = None, **settings: Any) -> Iterator[Served]:
    """The service while the block runs; drained after it. `settings` are those of `Settings`, and `limits`, `keys`."""
    served = Served(model or FakePairModel(), **settings)
    ready = threading.Event()

    def run() -> None:
        try:
            served.whole = asyncio.run(served.service.run(ready.set))
        except BaseException as error:  # noqa: BLE001 - the thread that waits raises it
            served.failed = error
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(30)
    try:
        if served.failed:
            raise served.failed
        yield served
    finally:
        served.model.gate.set()
        served.service.stop()
        thread.join(30)
    if served.failed:
        raise served.failed

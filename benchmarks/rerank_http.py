"""What HTTP costs around the engine of the rerank server: the same requests to the engine itself and over a socket.

    python -m benchmarks.rerank_http

The model takes no time, so that what is left is queue, JSON, Starlette, uvicorn and the loopback interface; one
client, one request after the other. Compare with what a model takes: 2 ms a document of 50 tokens (rerank_serve.py).
"""

import argparse
import asyncio
import json
import statistics
import threading
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import machine
from spaniel.rerank.client import RerankClient
from spaniel.rerank.cross_encoders.base import Pair
from spaniel.rerank.serve.engine import Engine
from spaniel.rerank.serve.run import Service

__all__ = ["main"]

TEXT = "a passage of some fifty words, as searches find them " * 5


class NoModel:
    """Tokens that are made up and scores that cost nothing, but differ by text."""

    name, sha256, max_length, info = "none", "0" * 64, 512, dict[str, bool]()

    def tokenised(self, query: str, passages: Sequence[str], *, max_passage_tokens: int | None = None) -> list[Pair]:
        types = np.zeros(60, np.int64)
        return [Pair(np.full(60, sum(map(ord, text[-3:])), np.int64), types, False) for text in passages]

    def logits(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        return np.array([pair.ids[0] / 100 for pair in pairs], np.float32)

    def close(self) -> None:
        pass


def by_engine(texts: list[str], n: int) -> list[float]:
    """Milliseconds of each of n requests to the engine."""

    async def run() -> list[float]:
        engine = Engine(lambda place: NoModel())
        await engine.start()
        took = []
        for _ in range(n):
            begun = time.perf_counter()
            await engine.score("a query", texts)
            took.append((time.perf_counter() - begun) * 1000)
        await engine.drain(5)
        return took

    return asyncio.run(run())


def over_http(texts: list[str], n: int) -> list[float]:
    """Milliseconds of each of n requests over a socket, each on a connection of its own, as our client makes them."""
    service = Service(Engine(lambda place: NoModel()), port=0)
    service.bind()
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(service.run(ready.set)))
    thread.start()
    ready.wait()
    client, took = RerankClient(service.url), []
    for _ in range(n):
        begun = time.perf_counter()
        client.score("a query", texts)
        took.append((time.perf_counter() - begun) * 1000)
    service.stop()
    thread.join()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = []
    for n_documents in given.documents:
        texts = [f"{TEXT} {place}" for place in range(n_documents)]
        alone, http = (statistics.median(way(texts, given.requests)) for way in (by_engine, over_http))
        rows.append({"documents": n_documents, "engine_ms": round(alone, 2), "http_ms": round(http, 2)})
    if given.json:
        print(json.dumps({"machine": machine(), "rows": rows}))
        return
    print(machine())
    for row in rows:
        print(f"{row['documents']:>5} documents: engine {row['engine_ms']:>7} ms, over HTTP {row['http_ms']:>7} ms")


if __name__ == "__main__":
    main()

"""A client that loads a rerank server, over plain sockets, so that the client itself costs next to nothing.

Open loop: requests are sent when their time has come, whether or not earlier ones have been answered, and a latency
counts from that time. So a server that falls behind cannot hide it by slowing the client down.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["Answer", "Client", "closed_loop", "open_loop"]


@dataclass(slots=True)
class Answer:
    """How a request went.

    Attributes:
        number: of the request in the list.
        status: of HTTP; 0 when there was no answer.
        seconds: from the time it was due to the last byte.
        retry_after_s: what a 429 said, 0 for others.
        results: how many scores came back.
        error: why there was no answer.
    """

    number: int
    status: int
    seconds: float
    retry_after_s: float = 0.0
    results: int = 0
    error: str = ""


@dataclass
class Client:
    """Connections to one server, kept open and used again; as many as requests are under way.

    Attributes:
        timeout_s: what each request is given, as `x-timeout-ms`; None: the server's own.
        patience_s: after which a request counts as lost; longer than what the server was told.
    """

    host: str
    port: int
    timeout_s: float | None = None
    patience_s: float = 120.0
    free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(default_factory=list)

    async def post(self, number: int, body: bytes, due_s: float) -> Answer:
        """Send one request of POST /rerank and read its answer."""
        try:
            async with asyncio.timeout(self.patience_s):
                status, head, text = await self._exchange("POST /rerank", body)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            return Answer(number, 0, time.perf_counter() - due_s, error=f"{type(error).__name__}: {error}")
        retry = head.get("retry-after", "0")
        return Answer(number, status, time.perf_counter() - due_s, float(retry), text.count(b'"index"'))

    async def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of a GET."""
        status, _, text = await self._exchange(f"GET {path}", b"")
        return status, text

    def close(self) -> None:
        """All connections."""
        for _, writer in self.free:
            writer.close()
        self.free.clear()

    async def _exchange(self, line: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        while self.free and self.free[-1][0].at_eof():  # the server has ended what was idle for too long
            self.free.pop()[1].close()
        reader, writer = self.free.pop() if self.free else await asyncio.open_connection(self.host, self.port)
        try:
            head = f"{line} HTTP/1.1\r\nhost: {self.host}\r\ncontent-type: application/json\r\n"
            if self.timeout_s is not None:
                head += f"x-timeout-ms: {1000 * self.timeout_s:.0f}\r\n"
            writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines[1:])}
            text = await reader.readexactly(int(headers.get("content-length", "0")))
        except BaseException:
            writer.close()
            raise
        if headers.get("connection") == "close":
            writer.close()
        else:
            self.free.append((reader, writer))
        return int(lines[0].split()[1]), headers, text


async def open_loop(client: Client, bodies: Sequence[bytes], rate: float, seconds: float, *, seed: int) -> list[Answer]:
    """Requests arrive as a Poisson process of `rate` a second, for so long; the answers of all of them."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.exponential(1 / rate, int(rate * seconds * 2) + 20))
    begun, tasks = time.perf_counter(), []
    for number, at in enumerate(times[times < seconds].tolist()):
        await asyncio.sleep(max(0.0, begun + at - time.perf_counter()))
        place = number % len(bodies)
        tasks.append(asyncio.create_task(client.post(place, bodies[place], begun + at)))
    return list(await asyncio.gather(*tasks))


async def closed_loop(client: Client, bodies: Sequence[bytes], *, n_clients: int) -> list[Answer]:
    """Every request once; so many are under way at any time. One that is refused for load comes again when it may."""
    coming = iter(enumerate(bodies))

    async def answered(number: int, body: bytes) -> Answer:
        while (answer := await client.post(number, body, time.perf_counter())).status == 429:
            await asyncio.sleep(answer.retry_after_s)
        return answer

    async def one() -> list[Answer]:
        return [await answered(number, body) for number, body in coming]

    return [answer for each in await asyncio.gather(*(one() for _ in range(n_clients))) for answer in each]

"""Around every request: its id, how long it took, what it came to; in the answer, the counts and the log."""

import asyncio
import logging
import re
import time
from collections.abc import Collection
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .answers import CLIENT_GONE
from .errors import ClientGone
from .metrics import Metrics

__all__ = ["Watching"]

_ID = re.compile(r"[!-~]{1,128}")

_log = logging.getLogger("spaniel.rerank.serve.requests")


class Watching:
    """ASGI middleware.

    Args:
        routes: paths that are counted by name; all else is counted as "other".
    """

    def __init__(self, app: ASGIApp, *, metrics: Metrics, routes: Collection[str]) -> None:
        self.app, self.metrics, self.routes = app, metrics, frozenset(routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        state = scope.setdefault("state", {})
        state["request_id"], state["done"] = id_, _ = _id_of(scope), ""
        begun, status = time.monotonic(), CLIENT_GONE

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                took_ms = (time.monotonic() - begun) * 1000
                message["headers"] = [*_told(message["headers"], took_ms), (b"x-request-id", id_.encode())]
            await send(message)

        try:
            await self.app(scope, receive, sent)
        except ClientGone:
            state["done"] = "the client has gone"
            await _answer_empty(sent, CLIENT_GONE)
        except asyncio.CancelledError:  # only when the server ends, after all time for draining
            state["done"] = "cut off"
            if status == CLIENT_GONE:
                await _answer_empty(sent, 503)
        finally:
            seconds = time.monotonic() - begun
            route = scope["path"] if scope["path"] in self.routes else "other"
            self.metrics.response(route, status, seconds)
            words = (id_, scope["method"], scope["path"][:200], status, seconds * 1000, state["done"])
            _log.info("%s %s %s %d %.1f ms %s", *map(_clean, words))


def _told(headers: list[tuple[bytes, bytes]], took_ms: float) -> list[tuple[bytes, bytes]]:
    """The headers with the whole time added to `Server-Timing`."""
    total = f"total;dur={took_ms:.1f}".encode()
    timings = [value for name, value in headers if name.lower() == b"server-timing"]
    others = [each for each in headers if each[0].lower() != b"server-timing"]
    return [*others, (b"server-timing", b", ".join([*timings, total]))]


async def _answer_empty(send: Send, status: int) -> None:
    """The server wants an answer to every request, though nobody may read this one."""
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def _id_of(scope: Scope) -> str:
    """The client's own id where it is fit to be repeated, else a new one."""
    given = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
    return given if _ID.fullmatch(given) else uuid4().hex


def _clean(value: object) -> object:
    """A path must not be able to write lines of the log."""
    return "".join(each if each.isprintable() else "?" for each in value) if isinstance(value, str) else value

"""uvicorn's HTTP/1.1, with a limit for everything that a client could make last.

uvicorn bounds the time between requests and nothing else: a client may send its headers a byte a minute, read its
answer never, go on sending a body that nobody wants, and open as many connections as there are file descriptors. Each
of those ends here, with the connection.
"""

import json
from asyncio import TimerHandle, Transport
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from .settings import Settings

__all__ = ["bounded"]


def bounded(settings: Settings) -> type[H11Protocol]:
    """The protocol with these limits, as `uvicorn.Config(http=...)` takes it."""
    return type("BoundedProtocol", (_BoundedProtocol,), {"settings": settings})


class _BoundedProtocol(H11Protocol):
    settings: Settings
    transport: Transport
    _waiting: TimerHandle | None = None
    _writing: TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        full = len(self.connections) >= self.settings.max_connections
        super().connection_made(transport)
        if full:
            transport.write(_plain(503, "Service Unavailable", "too many connections", "Retry-After: 1\r\n"))
            self._end()
        else:
            self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        self._stop_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        # Between requests, whatever has come by now is the beginning of one, or of its headers.
        self._await_request()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_request()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing = self.loop.call_later(self.settings.write_timeout_s, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_writing()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._end()

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            self._end()

    def send_400_response(self, msg: str) -> None:
        """What h11 cannot read: no HTTP, or more headers than allowed."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(_plain(400, "Bad Request", "this is no HTTP/1.1, or its headers are too large"))
        self._end()

    def _await_request(self) -> None:
        """While no whole headers are there, or a body that nobody reads goes on: that must end soon."""
        idle = self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None
        unread = self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY
        if not idle and not unread:
            self._stop()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(self.settings.header_timeout_s, self.transport.abort)

    def _end(self) -> None:
        """Close, and do not wait for ever until the client has read the rest."""
        self.transport.close()
        self._stop_writing()
        self._writing = self.loop.call_later(self.settings.write_timeout_s, self.transport.abort)

    def _stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _stop_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None


def _plain(status: int, reason: str, told: str, headers: str = "") -> bytes:
    """A whole answer, for when there is no request that it could answer."""
    body = json.dumps({"message": told, "error": {"type": reason.replace(" ", ""), "message": told}})
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}{headers}Connection: close\r\n\r\n{body}".encode()

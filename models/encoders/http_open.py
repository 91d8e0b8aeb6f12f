"""Opens URLs within a time for the whole, without following redirects.

A limit of urllib holds for one read, and a server that sends a byte now and then would keep it waiting for ever. So a
timer closes the connections when the time for the whole is over.
"""

import http.client
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Timer
from typing import Any

__all__ = ["opening"]


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> None:
        return None  # urllib then raises HTTPError with the 3xx


class _Opened(urllib.request.AbstractHTTPHandler):
    """Keeps the sockets of the connections it opens."""

    sockets: list[socket.socket]

    def do_open(self, http_class: Any, req: Any, **options: Any) -> Any:
        def connection(host: str, **more: Any) -> Any:
            made = http_class(host, **more)
            connect = made.connect

            def connected() -> None:
                connect()
                self.sockets.append(made.sock)

            made.connect = connected
            return made

        return super().do_open(connection, req, **options)


class _Http(_Opened, urllib.request.HTTPHandler):
    pass


class _Https(_Opened, urllib.request.HTTPSHandler):
    pass


@contextmanager
def opening(end: float, *, direct: bool) -> Iterator[urllib.request.OpenerDirector]:
    """What opens a URL; its connections are closed at `end`, and what follows is a TimeoutError.

    Args:
        end: by `time.monotonic`.
        direct: through no proxy.
    """
    handlers = _Http(), _Https()
    sockets: list[socket.socket] = []
    late = Event()
    for handler in handlers:
        handler.sockets = sockets

    def over() -> None:
        late.set()
        for each in sockets:
            with suppress(OSError):
                socket.socket.shutdown(each, socket.SHUT_RDWR)  # of TLS too, without its goodbye

    limit_s = max(0.0, end - time.monotonic())
    timer = Timer(limit_s, over)
    timer.daemon = True
    timer.start()
    proxies = [urllib.request.ProxyHandler({})] if direct else []
    try:
        yield urllib.request.build_opener(_NoRedirects, *handlers, *proxies)
    except (OSError, http.client.HTTPException):
        if late.is_set():
            raise TimeoutError(f"no whole answer within {limit_s:.3g} s") from None
        raise
    finally:
        timer.cancel()
    if late.is_set():
        raise TimeoutError(f"no whole answer within {limit_s:.3g} s")

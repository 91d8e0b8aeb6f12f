"""Opens URLs within a time for the whole, without following redirects.

A limit of urllib holds for one read, and a server that sends a byte now and then would keep it waiting for ever. So a
timer closes the connections when the time for the whole is over.
"""

import http.client
import os
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
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
    """With the certificates read once in a process: that takes far longer than a request."""

    def __init__(self) -> None:
        urllib.request.AbstractHTTPHandler.__init__(self)  # HTTPSHandler's own reads them, from Python 3.12 on

    def https_open(self, req: urllib.request.Request) -> Any:
        named = (os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        return self.do_open(http.client.HTTPSConnection, req, context=_trusting(named))


@cache
def _trusting(named: tuple[str | None, str | None]) -> ssl.SSLContext:
    """What checks servers' certificates by the roots of this machine, or those that the environment names."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


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

"""One process that serves: binding, signals, draining, and what is told when.

    bound -> loading (503 but for /health) -> ready -> SIGTERM: draining (503), what is under way is finished -> gone
    SIGHUP, at any time after: the keys are read again at once, the model as soon as no other reload is under way

The port is bound before the model is loaded, so that whoever watches sees "loading" and not a closed door. A second
SIGTERM or SIGINT ends the process at once.
"""

import asyncio
import errno
import logging
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from spaniel.retrieval.errors import InvalidInput, SpanielError

from .app import create_app
from .auth import Keys
from .engine import Engine
from .protocol import bounded
from .refusals import Busy
from .settings import Settings, is_loopback

__all__ = ["Service"]

_CLOSING_S = 5
_BUSY_S = 1.0

_log = logging.getLogger("spaniel.rerank.serve")


class _Server(uvicorn.Server):
    """Signals are ours: uvicorn would send itself those that it has handled, and so never exit with 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(slots=True)
class Service:
    """A reranker on a port.

    Attributes:
        engine: not started yet.
        keys, admin_keys: of those who may ask, and of those who may reload (`create_app`).
        host, port: where to listen; port 0 takes a free one, and `port` is it once `bind` has returned.
        insecure: listen where other machines can reach it although there are no keys.
        certificate, private_key: PEM files; both or none.
        interrupted: it was SIGINT that ended it.

    Raises:
        InvalidInput: other machines could reach it and there are no keys; or one of the PEM files alone.
    """

    engine: Engine
    settings: Settings = field(default_factory=Settings)
    keys: Keys = field(default_factory=lambda: Keys(None))
    host: str = "127.0.0.1"
    port: int = 8080
    insecure: bool = False
    admin_keys: Keys = field(default_factory=lambda: Keys(None))
    certificate: Path | None = None
    private_key: Path | None = None
    interrupted: bool = False
    _socket: socket.socket | None = None
    _reloading: asyncio.Task[None] | None = None
    _stale: bool = False
    _loop: asyncio.AbstractEventLoop | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        if not is_loopback(self.host) and not self.keys.required and not self.insecure:
            hint = "give a file of keys with --api-key-file, or --insecure to let everybody in"
            raise InvalidInput("host", f"{self.host} can be reached from other machines, and there are no keys", hint)
        if (self.certificate is None) != (self.private_key is None):
            raise InvalidInput("TLS", "a certificate and its private key go together", "give both files")

    @property
    def url(self) -> str:
        """Where a client finds it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http{'s' if self.certificate else ''}://{host}:{self.port}"

    def bind(self) -> None:
        """Take the port.

        Raises:
            InvalidInput: it is taken, or this machine has no such address; or the PEM files cannot be used.
        """
        if self.certificate and self.private_key:
            _check_pair(self.certificate, self.private_key)
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            listening = socket.socket(family, kind, protocol)
            try:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listening.bind(address)
            except BaseException:
                listening.close()
                raise
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            hint = "another program listens there; choose another --port, or 0 for any that is free" if taken else ""
            raise InvalidInput(
                "port", f"cannot listen on {self.host}:{self.port} ({error.strerror or error})", hint
            ) from error
        self._socket, self.port = listening, listening.getsockname()[1]

    def stop(self) -> None:
        """Drain and end, as after SIGTERM; from any thread, once it runs."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> bool:
        """Serve until a signal ends it. True: everything that was under way was answered.

        Args:
            on_ready: called once the model is loaded and requests are taken.

        Raises:
            ModelError: the model cannot be loaded.
        """
        if self._socket is None:
            self.bind()
        self._loop, server = asyncio.get_running_loop(), _Server(self._config())
        with self._signals():
            serving = asyncio.create_task(server.serve(sockets=[self._socket] if self._socket else None))
            try:
                return await self._served(serving, on_ready)
            finally:
                server.should_exit = True
                await serving

    async def _served(self, serving: asyncio.Task[None], on_ready: Callable[[], None]) -> bool:
        stopped = asyncio.create_task(self._stop.wait())
        starting = asyncio.create_task(self.engine.start())
        try:
            await asyncio.wait({starting, stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                on_ready()
                await asyncio.wait({stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (starting, stopped):
                task.cancel()
            with suppress(asyncio.CancelledError, SpanielError):
                await starting
        return await self.engine.drain(self.settings.drain_s)

    def _config(self) -> uvicorn.Config:
        files: dict[str, Any] = {}
        if self.certificate and self.private_key:
            files = {"ssl_certfile": str(self.certificate), "ssl_keyfile": str(self.private_key)}
        return uvicorn.Config(
            create_app(self.engine, self.settings, self.keys, self.admin_keys),
            http=bounded(self.settings),
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=self.settings.idle_timeout_s,  # type: ignore[arg-type] # given to call_later
            timeout_graceful_shutdown=_CLOSING_S,
            h11_max_incomplete_event_size=self.settings.max_header_bytes,
            **files,
        )

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals are heard while the block runs; after the first that ends it, the next ends the process.

        In another thread than the first there are none.
        """
        loop = asyncio.get_running_loop()
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def end(number: signal.Signals) -> None:
            self.interrupted = number is signal.SIGINT
            for each in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(each)
            self._stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end, number)
        loop.add_signal_handler(signal.SIGHUP, self.hang_up)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def hang_up(self) -> asyncio.Task[None]:
        """Read the keys and the model again, as after SIGHUP; what cannot be read stays what it was, and the log says
        why. The keys have been read on return, for one that was taken out is good no longer; the model has been once
        the task is done, after the last call at the latest. In the event loop.
        """
        for what, keys in (("keys", self.keys), ("admin keys", self.admin_keys)):
            try:
                if n_keys := keys.reload():
                    _log.info("%s read again: %d", what, n_keys)
            except SpanielError as error:
                _log.error("the %s stay what they were: %s", what, error)
        self._stale = True
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.get_running_loop().create_task(self._reload())
        return self._reloading

    async def _reload(self) -> None:
        while self._stale:
            self._stale = False
            await self._reload_once()

    async def _reload_once(self) -> None:
        try:
            report = await self.engine.reload()
            _log.info("model read again: %s", report.to_json())
        except Busy:  # by POST /admin/reload, which may have read the files before they were changed
            self._stale = True
            await asyncio.sleep(_BUSY_S)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the new one, the old one goes on
            foreseen = isinstance(error, SpanielError)
            _log.error("the model stays what it was: %s", error, exc_info=None if foreseen else error)


def _check_pair(certificate: Path, private_key: Path) -> None:
    """Try the files before anything is loaded; a key with a password would make the server ask for it and wait."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, private_key, password="")
    except (OSError, ValueError) as error:
        hint = "PEM files: the certificate with its chain, and its key without a password"
        raise InvalidInput("TLS", f"{certificate} and {private_key} cannot be used ({error})", hint) from error

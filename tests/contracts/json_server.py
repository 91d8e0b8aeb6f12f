"""A server of JSON on this machine, for tests of what speaks to one."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol, TypeVar

__all__ = ["json_serving"]


class Answers(Protocol):
    """What answers requests: (status, headers, body) to a body, its `path` in it, and headers.

    The body may come in parts, which are sent as they come; the connection ends with them.
    """

    url: str

    def answer(self, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, dict[str, str], Any]: ...


Server = TypeVar("Server", bound=Answers)


@contextmanager
def json_serving(server: Server) -> Iterator[Server]:
    """The server while the block runs; `url` ends with /v1."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def do_GET(self) -> None:
            self._answer({})

        def _answer(self, body: dict[str, Any]) -> None:
            status, headers, answer = server.answer({**body, "path": self.path}, dict(self.headers.items()))
            whole = isinstance(answer, bytes)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(answer)), **headers} if whole else headers).items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):  # who asked may be gone
                for part in [answer] if whole else answer:
                    self.wfile.write(part)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    server.url = f"http://127.0.0.1:{listening.server_address[1]}/v1"
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()

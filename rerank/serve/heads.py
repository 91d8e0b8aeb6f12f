"""Request lines and headers that are refused before anything goes by them.

h11 bounds what it keeps while a head is not whole, not a head that arrives in one piece; and it reads a body by
`Transfer-Encoding` where a `Content-Length` stands beside it. Another program on the way may go by the other, and take
what follows for a request of its own (RFC 9112, sec. 6.1), so that the connection ends here.
"""

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from .answers import refused
from .errors import Problem

__all__ = ["CheckedHeads"]

_CLOSE = {"Connection": "close"}


class CheckedHeads:
    """ASGI middleware: 431 for a head of more than `max_bytes`, 400 for a body of two lengths, and the end."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self.app, self.max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = self._problem(scope)
        answer = self.app if problem is None else refused(problem, Request(scope))
        await answer(scope, receive, send)

    def _problem(self, scope: Scope) -> Problem | None:
        size = _size(scope)
        if size > self.max_bytes:
            told = f"the request's line and headers have {size:,} bytes; the limit is {self.max_bytes:,}"
            return Problem(431, "HeadersTooLarge", told, headers=dict(_CLOSE))
        names = {name for name, _ in scope["headers"]}
        if b"transfer-encoding" in names and (b"content-length" in names or scope["http_version"] == "1.0"):
            told = "Transfer-Encoding goes with neither Content-Length nor HTTP/1.0"
            return Problem(400, "BadRequest", told, hint="send one of the two", headers=dict(_CLOSE))
        return None


def _size(scope: Scope) -> int:
    """Bytes of the head as it is commonly written."""
    line = len(scope["method"]) + len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"]) + 13
    return line + sum(len(name) + len(value) + 4 for name, value in scope["headers"])

"""Reading a request's body: bounded in bytes, for one request and for all of them together, and in time."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request

from .errors import ClientGone, Problem
from .settings import Settings

__all__ = ["Bodies"]

_CLOSE = {"Connection": "close"}
_DISCARDED_BYTES = 16 << 20
_DISCARDED_S = 2.0


@dataclass(slots=True)
class Bodies:
    """Bodies that are being read or answered.

    Attributes:
        held_bytes: of all of them.
    """

    settings: Settings
    held_bytes: int = 0

    @contextmanager
    def holding(self) -> Iterator["Held"]:
        """What is read inside the block is counted until it ends."""
        held = Held(self)
        try:
            yield held
        finally:
            self.held_bytes -= held.n_bytes


@dataclass(slots=True)
class Held:
    """The body of one request."""

    bodies: Bodies
    n_bytes: int = 0

    async def read(self, request: Request) -> bytes:
        """The whole body.

        Raises:
            Problem: 413 too large, 408 too slow, 415 compressed, 429 when there is no room for it beside the others.
            ClientGone: the connection ended before the body did.
        """
        settings = self.bodies.settings
        coding = request.headers.get("content-encoding", "identity")
        if coding.strip().lower() != "identity":  # a small one could become a large one
            told = f"the body's coding is {coding[:40]!r}"
            raise Problem(415, "UnsupportedCoding", told, hint="send it as it is", headers=dict(_CLOSE))
        said = request.headers.get("content-length", "")
        if said.isdigit() and int(said) > settings.max_body_bytes:
            if "100-continue" not in request.headers.get("expect", "").lower():  # else it has not been sent
                await _discard(request)
            raise _too_large(said, settings)
        pieces = []
        try:
            async with asyncio.timeout(settings.body_timeout_s):
                async for piece in request.stream():
                    self._take(len(piece))
                    pieces.append(piece)
        except TimeoutError:
            said = f"no whole body within {settings.body_timeout_s:g} s"
            raise Problem(408, "Timeout", said, headers=dict(_CLOSE)) from None
        except ClientDisconnect:
            raise ClientGone from None
        except Problem:
            pieces.clear()
            await _discard(request)
            raise
        return b"".join(pieces)

    def _take(self, n_bytes: int) -> None:
        settings = self.bodies.settings
        self.n_bytes += n_bytes
        self.bodies.held_bytes += n_bytes
        if self.n_bytes > settings.max_body_bytes:
            raise _too_large("more", settings)
        if self.bodies.held_bytes > settings.max_bodies_bytes:
            said = f"bodies of more than {settings.max_bodies_bytes:,} bytes are under way"
            raise Problem(429, "Overloaded", said, hint="try again in 1 s", headers={"Retry-After": "1", **_CLOSE})


def _too_large(said: str, settings: Settings) -> Problem:
    what = f"the body has {said} bytes" if said.isdigit() else "the body is too large"
    hint = "send fewer documents in a request, or shorter ones"
    return Problem(
        413, "TooLarge", f"{what}; the limit is {settings.max_body_bytes:,}", hint=hint, headers=dict(_CLOSE)
    )


async def _discard(request: Request) -> None:
    """Read on for a while without keeping anything: a client that is still sending when the connection is closed
    may never see the answer.
    """
    left = _DISCARDED_BYTES
    try:
        async with asyncio.timeout(_DISCARDED_S):
            while left > 0:
                message = await request.receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                left -= len(message.get("body", b""))
    except TimeoutError:
        return

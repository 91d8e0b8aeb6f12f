"""From one request to its answer: key, body, dialect, engine; and every failure as the dialect writes it."""

import asyncio
import json
import logging
import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from spaniel.retrieval.errors import SpanielError
from spaniel.retrieval.types import JSON

from .auth import Keys
from .body import Bodies
from .dialects.base import Answered, Asked, Dialect
from .dialects.jina import JINA
from .dialects.tei import TEI
from .engine import Engine
from .errors import ClientGone, Problem, problem_of, shortened
from .schemas import decode, keys_of
from .scored import Scored
from .settings import Settings

__all__ = ["CLIENT_GONE", "Answers", "said"]

CLIENT_GONE = 499
"""What the log and the counts call a request whose client did not wait; nobody receives it."""

_SHORTEST_S = 0.001
_JSON = "application/json"

T = TypeVar("T")

_log = logging.getLogger("spaniel.rerank.serve")


class Answers:
    """Answers requests to score.

    Args:
        engine: does the work.
        keys: who may ask.
    """

    def __init__(self, engine: Engine, settings: Settings, keys: Keys) -> None:
        self.engine, self.settings, self.keys = engine, settings, keys
        self.bodies = Bodies(settings)

    async def by(self, dialect: Dialect[Any] | None, request: Request) -> Response:
        """The answer in this dialect; with None, in that which the body speaks: `texts` is TEI's, `documents` Jina's.

        Raises:
            ClientGone: nobody waits for it any more.
        """
        refusal = dialect.refusal if dialect else _refusal_to_either
        try:
            self.keys.check(request.headers)
            if self.engine.state != "ready":
                raise _not_ready(self.engine.state)
            with self.bodies.holding() as held:
                body = await held.read(request)
                spoken = dialect or _spoken(body)
                refusal = spoken.refusal
                return await self._answer(spoken, request, body)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer and the log the rest
            if not request.scope["state"].get("scoring"):  # the engine counts what has reached it
                gone = isinstance(error, ClientGone)
                self.engine.metrics.turned_away(CLIENT_GONE if gone else problem_of(error).status)
            return refused(error, request, refusal)

    async def _answer(self, dialect: Dialect[Any], request: Request, body: bytes) -> Response:
        said = decode(body, dialect.request)
        self.engine.limits.check(dialect.size(said))
        asked: Asked = dialect.asked(said)
        id_, deadline = request.scope["state"]["request_id"], self._deadline(request)
        request.scope["state"]["scoring"] = True
        scored = await _unless_gone(request, self._scored(asked, deadline, id_))
        answered = Answered(asked, id_, int(time.time()), scored)
        request.scope["state"]["done"] = f"{len(asked.texts)} pairs, {scored.tokens} tokens"
        return Response(msgspec.json.encode(dialect.answer(answered)), headers=_headers(scored), media_type=_JSON)

    def _scored(self, asked: Asked, deadline: float, id_: str) -> Coroutine[Any, Any, Scored]:
        if isinstance(asked.query, str):
            return self.engine.score(asked.query, asked.texts, deadline=deadline, request_id=id_, reading=asked.reading)
        pairs = list(zip(asked.query, asked.texts, strict=True))
        return self.engine.score_pairs(pairs, deadline=deadline, request_id=id_, reading=asked.reading)

    def _deadline(self, request: Request) -> float:
        """When the answer is no longer wanted, by `time.monotonic()`."""
        allowed_s, asked = self.settings.timeout_s, request.headers.get("x-timeout-ms")
        if asked is not None:
            try:
                asked_s = float(asked) / 1000
            except ValueError:
                asked_s = math.nan
            if not asked_s >= _SHORTEST_S:
                raise Problem(422, "Validation", f"is {asked[:40]!r}; it must be a number from 1 up", "x-timeout-ms")
            allowed_s = min(allowed_s, asked_s)
        return time.monotonic() + allowed_s


def said(value: Mapping[str, JSON], status: int = 200) -> Response:
    """A value as JSON."""
    return Response(json.dumps(value), status, media_type=_JSON)


def refused(
    error: Exception, request: Request, refusal: Callable[[Problem, str], Mapping[str, JSON]] = JINA.refusal
) -> Response:
    """The answer to a request that gets no other, in a dialect's words; what nobody foresaw goes to the log.

    Raises:
        ClientGone: nobody would read it.
    """
    if isinstance(error, ClientGone):
        raise error
    problem, id_ = problem_of(error), request.scope["state"]["request_id"]
    if problem.status == 500:
        foreseen = isinstance(error, Problem | SpanielError)
        _log.error("%s %s", id_, shortened(str(error)), exc_info=None if foreseen else error)
    request.scope["state"]["done"] = problem.said
    return Response(json.dumps(refusal(problem, id_)), problem.status, problem.headers, _JSON)


def _refusal_to_either(problem: Problem, id_: str) -> Mapping[str, JSON]:
    """What clients of TEI and of Jina can read both, for a body that nobody has read: `error` is a string."""
    return {**JINA.refusal(problem, id_), **TEI.refusal(problem, id_)}


def _not_ready(state: str) -> Problem:
    headers = {"Retry-After": "2"}
    if state == "draining":
        headers["Connection"] = "close"  # the next request should find another server
    return Problem(503, "Unavailable", f"the reranker is {state}", headers=headers)


def _spoken(body: bytes) -> Dialect[Any]:
    keys = keys_of(body)
    if len(keys) != 1:
        found = "both `texts` and `documents`" if keys else "neither `documents` nor `texts`"
        raise Problem(422, "Validation", f"the body has {found}", hint="send one of the two")
    return TEI if "texts" in keys else JINA


def _headers(scored: Scored) -> dict[str, str]:
    parts = {"queue": scored.queue_s, "tokenise": scored.tokenise_s, "inference": scored.inference_s}
    timing = ", ".join(f"{name};dur={seconds * 1000:.1f}" for name, seconds in parts.items())
    cut = {"x-truncated-docs": str(scored.truncated), "x-truncated-queries": str(scored.truncated_queries)}
    return {**cut, "Server-Timing": timing}


async def _unless_gone(request: Request, work: Awaitable[T]) -> T:
    """The outcome of the work, which is cancelled when the client leaves.

    Raises:
        ClientGone: it has left.
    """
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request.receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGone
    finally:
        gone.cancel()
        task.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _gone(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

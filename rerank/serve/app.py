"""The application: which path does what.

    POST /v1/rerank  /v2/rerank  /rerank  /score  /v1/score     GET /v1/models  /info  /metrics
    POST /admin/reload                                         GET /health  /ready  /openapi.json

The last three tell nothing of anybody's and need no key; /admin/reload asks for one of another file. HTTP is adapted
here and decided nowhere else: what is accepted, when, and in which batches is the engine's affair.
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.metadata import version
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from spaniel.retrieval.types import JSON

from .answers import Answers, refused, said
from .auth import Keys
from .dialects.base import Dialect
from .dialects.cohere import COHERE
from .dialects.jina import JINA
from .dialects.score import SCORE
from .engine import Engine
from .errors import Problem
from .heads import CheckedHeads
from .metrics import CONTENT_TYPE
from .openapi import openapi
from .refusals import Busy
from .settings import Settings
from .watching import Watching

__all__ = ["DIALECTS", "create_app"]

DIALECTS: dict[str, Dialect[Any] | None] = {
    "/v1/rerank": JINA,
    "/v2/rerank": COHERE,
    "/rerank": None,
    "/score": SCORE,
    "/v1/score": SCORE,
}
"""Path -> what is spoken there; None for what the body speaks."""


def create_app(
    engine: Engine, settings: Settings | None = None, keys: Keys | None = None, admin_keys: Keys | None = None
) -> Starlette:
    """An ASGI application over an engine, which whoever runs it starts and drains.

    Args:
        keys: of those who may ask; with none, everybody may.
        admin_keys: of those who may reload the model; with none, nobody may.

    Example:
        >>> from contracts.fake_pair_model import FakePairModel                        # doctest: +SKIP
        >>> app = create_app(Engine(lambda path: FakePairModel()))                     # doctest: +SKIP
    """
    settings, keys = settings or Settings(), keys or Keys(None)
    answers = Answers(engine, settings, keys)
    pages = _Pages(engine, settings, keys, admin_keys or Keys(None))
    engine.metrics.gauge("spaniel_http_body_bytes", "Bodies read or being read.", lambda: answers.bodies.held_bytes)
    routes = [
        *(Route(path, partial(answers.by, dialect), methods=["POST"]) for path, dialect in DIALECTS.items()),
        Route("/admin/reload", pages.guarded(pages.reload, pages.admin_keys), methods=["POST"]),
        Route("/v1/models", pages.guarded(pages.models)),
        Route("/info", pages.guarded(pages.info)),
        Route("/metrics", pages.metrics if settings.open_metrics else pages.guarded(pages.metrics)),
        Route("/health", pages.health),
        Route("/ready", pages.ready),
        Route("/openapi.json", pages.document),
    ]
    paths = [route.path for route in routes]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Watching, metrics=engine.metrics, routes=paths),
            Middleware(CheckedHeads, max_bytes=settings.max_header_bytes),
        ],
        exception_handlers={HTTPException: partial(_no_route, paths)},
    )
    app.router.redirect_slashes = False  # a redirect would name whatever host the client wrote
    return app


Handler = Callable[[Request], Awaitable[Response]]


class _Pages:
    """What is there beside scoring."""

    def __init__(self, engine: Engine, settings: Settings, keys: Keys, admin_keys: Keys) -> None:
        self.engine, self.settings, self.keys, self.admin_keys = engine, settings, keys, admin_keys
        self.next_reload_s = 0.0
        self.version = version("spaniel")
        self.openapi = openapi(engine.limits.documents, self.version)

    def guarded(self, page: Handler, keys: Keys | None = None) -> Handler:
        """The page for who has one of these keys, or a client's."""
        checked = self.keys if keys is None else keys

        async def guarded(request: Request) -> Response:
            try:
                checked.check(request.headers)
                return await page(request)
            except Exception as error:  # noqa: BLE001 - see Answers.by
                return refused(error, request)

        return guarded

    async def health(self, request: Request) -> Response:
        well = self.engine.healthy
        return said({"status": "ok" if well else "failed"}, 200 if well else 503)

    async def ready(self, request: Request) -> Response:
        state: str = self.engine.state
        if not self.engine.healthy:
            state = "failed"
        return said({"status": state}, 200 if state == "ready" else 503)

    async def info(self, request: Request) -> Response:
        told = self.engine.info()
        limits: dict[str, JSON] = {
            "max_client_batch_size": self.engine.limits.documents,
            "max_batch_tokens": self.engine.limits.batch_tokens,
            "max_body_bytes": self.settings.max_body_bytes,
            "max_input_length": told.get("max_length"),
            "timeout_s": self.settings.timeout_s,
        }
        model: dict[str, JSON] = {
            "model_id": told.get("model"),
            "model_sha": told.get("sha256"),
            "version": self.version,
        }
        told = {name: value for name, value in told.items() if name != "source"}  # a path of this machine
        return said({**model, "model_type": {"reranker": {}}, **limits, **told})

    async def models(self, request: Request) -> Response:
        name = self.engine.info().get("model")
        listed: list[JSON] = [{"id": name, "object": "model", "created": 0, "owned_by": "spaniel"}] if name else []
        return said({"object": "list", "data": listed})

    async def metrics(self, request: Request) -> Response:
        return Response(self.engine.metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    async def document(self, request: Request) -> Response:
        return said(self.openapi)

    async def reload(self, request: Request) -> Response:
        if not self.admin_keys.required:
            hint = "start the server with --admin-key-file, or send SIGHUP"
            raise Problem(403, "Forbidden", "this needs an admin key, and the server has none", hint=hint)
        now_s = time.monotonic()
        if now_s < self.next_reload_s:
            raise Busy("reload", "the model was read again a moment ago", self.next_reload_s - now_s)
        self.next_reload_s = now_s + self.settings.reload_s
        return said((await self.engine.reload()).to_json())


async def _no_route(paths: list[str], request: Request, error: Exception) -> Response:
    """404 and 405 in our words."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        told = f"{request.method} is not for {request.url.path[:200]}"
        problem = Problem(405, "MethodNotAllowed", told, hint=f"use {allowed}", headers={"Allow": allowed})
    else:
        problem = Problem(
            error.status_code, "NotFound", f"no route {request.url.path[:200]}", hint=f"there are {', '.join(paths)}"
        )
    return refused(problem, request)

"""The OpenAPI document, made from the shapes that the dialects really read and write."""

from collections.abc import Mapping
from typing import Any

import msgspec

from spaniel.retrieval.types import JSON

from .dialects.base import Dialect
from .dialects.cohere import COHERE
from .dialects.jina import JINA
from .dialects.score import SCORE
from .dialects.tei import TEI

__all__ = ["openapi"]

_FAILURES = {
    400: "The body is empty or no JSON.",
    401: "No key, or a wrong one.",
    408: "The body came too slowly.",
    413: "Too many documents, or too large a body.",
    415: "The body is compressed.",
    422: "JSON of another shape; the message names the field.",
    429: "Too much is queued; Retry-After says when to come back.",
    431: "The headers are too large.",
    500: "The model failed.",
    503: "Loading or draining.",
    504: "Not done in the time that is allowed.",
}
_SCORING: dict[str, tuple[str, tuple[Dialect[Any], ...]]] = {
    "/v1/rerank": ("Put documents in order (Jina's dialect, and Cohere's first)", (JINA,)),
    "/v2/rerank": ("Put documents in order (Cohere's dialect)", (COHERE,)),
    "/rerank": ("Put texts or documents in order (TEI's dialect, or Jina's)", (TEI, JINA)),
    "/score": ("Score pairs of texts (vLLM's dialect)", (SCORE,)),
    "/v1/score": ("Score pairs of texts (vLLM's dialect)", (SCORE,)),
}
_PAGES = {
    "/health": ("Whether the process lives", (200, 503), False),
    "/ready": ("Whether the model is loaded and requests are taken", (200, 503), False),
    "/info": ("The model and the limits", (200, 401), True),
    "/v1/models": ("The model, as a list", (200, 401), True),
}
_RELOAD = {200: "What was compared.", 401: "No admin key, or a wrong one.", 403: "The server has no admin keys."}
_DOCUMENT: dict[str, JSON] = {
    "anyOf": [{"type": "string"}, {"type": "object", "properties": {"text": {"type": "string"}}}],
    "description": "Objects have their text in `text`, or in the fields that `rank_fields` names.",
}
_TIMEOUT: dict[str, JSON] = {
    "name": "x-timeout-ms",
    "in": "header",
    "description": "Milliseconds after which no answer is wanted.",
    "schema": {"type": "number", "minimum": 1},
}


def openapi(max_documents: int, version: str) -> dict[str, JSON]:
    """OpenAPI 3.1: every path but those of /metrics and of this document itself."""
    shapes = [
        shape for _, dialects in _SCORING.values() for each in dialects for shape in (each.request, each.response)
    ]
    schemas, components = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    named = dict(zip(map(str, shapes), schemas, strict=True))
    for name, field in (("RerankRequest", "documents"), ("CohereRequest", "documents"), ("TeiRequest", "texts")):
        components[name]["properties"][field]["maxItems"] = max_documents
        if field == "documents":
            components[name]["properties"][field]["items"] = _DOCUMENT
    for name in ("Result", "CohereResult"):
        components[name]["properties"]["document"] = {"type": "object"}
    components["Failure"] = {"type": "object", "description": "What went wrong, as the dialect writes it."}
    paths: dict[str, Any] = {path: {"post": _scoring(told, spoken, named)} for path, (told, spoken) in _SCORING.items()}
    for path, (told, statuses, guarded) in _PAGES.items():
        answers = {str(status): _json("JSON", {"type": "object"}) for status in statuses}
        paths[path] = {"get": {"summary": told, "responses": answers, "security": [{"key": []}, {}] if guarded else []}}
    paths["/admin/reload"] = {"post": _reload()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Spaniel reranker", "version": version, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _scoring(told: str, spoken: tuple[Dialect[Any], ...], named: Mapping[str, Any]) -> dict[str, Any]:
    requests, responses = ([named[str(getattr(each, side))] for each in spoken] for side in ("request", "response"))
    return {
        "summary": told,
        "parameters": [_TIMEOUT],
        "requestBody": {"required": True, "content": {"application/json": {"schema": _one_of(requests)}}},
        "responses": {"200": _json("Scores.", _one_of(responses)), **_failures(_FAILURES)},
        "security": [{"key": []}, {}],
    }


def _reload() -> dict[str, Any]:
    statuses = _RELOAD | {status: _FAILURES[status] for status in (500, 503)} | {429: "Too soon after another reload."}
    done = _json(statuses.pop(200), {"type": "object"})
    told = "Read the model again, and take it into service if it can be used"
    return {"summary": told, "responses": {"200": done, **_failures(statuses)}, "security": [{"key": []}]}


def _failures(statuses: Mapping[int, str]) -> dict[str, Any]:
    failures = {str(status): _json(said, {"$ref": "#/components/schemas/Failure"}) for status, said in statuses.items()}
    for status in ("429", "503"):
        failures[status]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return failures


def _one_of(schemas: list[Any]) -> Any:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _json(said: str, schema: Any) -> dict[str, Any]:
    return {"description": said, "content": {"application/json": {"schema": schema}}}

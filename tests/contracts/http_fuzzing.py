"""Requests that nobody would send, to a service on a port: by its OpenAPI document, and out of bytes.

What must hold of each: never a 500; an answer as the document says; JSON; and the server is there afterwards.
"""

import json
from collections.abc import Callable
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

__all__ = ["ROUTES", "by_bytes", "by_document", "by_values"]

ROUTES = ("/v1/rerank", "/v2/rerank", "/rerank", "/score")

_CHECKS: Any = [status_code_conformance, content_type_conformance, response_schema_conformance]
_TOO_LATE = 504  # what asking for an answer within a millisecond deserves

_WORDS = ["query", "documents", "texts", "text_1", "text_2", "top_n", "rank_fields", "return_documents", "raw_scores"]
_WORDS += ["use_activation", "max_tokens_per_doc", "truncation", "truncate"]
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from([*_WORDS, "text"]) | st.text(), inner, max_size=5)
    ),
    max_leaves=12,
)
_GOOD = {"query": "q", "documents": ["one", {"text": "two"}], "texts": ["one"], "text_1": "q", "text_2": ["one"]}
_BODIES = st.dictionaries(st.sampled_from(_WORDS), _VALUES, max_size=2).flatmap(
    lambda odd: st.sets(st.sampled_from(list(_GOOD)), min_size=2).map(lambda kept: {w: _GOOD[w] for w in kept} | odd)
)


def by_document(url: str, n: int) -> dict[int, int]:
    """Requests that fit the document and requests that do not, n of each kind an operation; status -> how many."""
    seen: dict[int, int] = {}
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")

    def ask(case: Any) -> None:
        answer = case.call()
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
        assert answer.status_code < 500 or answer.status_code == _TOO_LATE, answer.text
        case.validate_response(answer, checks=_CHECKS)

    for found in schema.get_all_operations():
        operation = found.ok()
        modes = (
            GenerationMode if operation.method == "post" else [GenerationMode.POSITIVE]
        )  # a GET has nothing to spoil
        for mode in modes:
            _tried(n, operation.as_strategy(generation_mode=mode), ask)
    return seen


def by_values(url: str, n: int) -> dict[int, int]:
    """Bodies of the words that the dialects know and values that they do not expect."""
    return _posted(url, n, _BODIES.map(lambda body: json.dumps(body).encode("utf-8", "surrogatepass")))


def by_bytes(url: str, n: int) -> dict[int, int]:
    """Bodies that are nothing, and good ones with some bytes changed."""
    good = json.dumps({"query": "a \U0001f600 query", "documents": ["one", {"text": "two"}], "top_n": 1}).encode()

    @st.composite
    def damaged(draw: st.DrawFn) -> bytes:
        body = bytearray(good)
        for _ in range(draw(st.integers(1, 4))):
            place = draw(st.integers(0, len(body) - 1))
            body[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
        return bytes(body)

    return _posted(url, n, st.binary(max_size=200) | damaged())


def _posted(url: str, n: int, bodies: "st.SearchStrategy[bytes]") -> dict[int, int]:
    seen: dict[int, int] = {}
    with httpx.Client() as client:

        def ask(case: tuple[str, bytes]) -> None:
            route, body = case
            answer = client.post(f"{url}{route}", content=body)
            seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
            assert answer.status_code < 500, answer.text
            answer.json()

        _tried(n, st.tuples(st.sampled_from(ROUTES), bodies), ask)
        assert client.get(f"{url}/ready").status_code == 200
    return seen


def _tried(n: int, cases: Any, ask: Callable[[Any], None]) -> None:
    """Ask n times; a failure is shown in its smallest form."""
    quiet = [HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large]
    phases = [Phase.explicit, Phase.generate, Phase.shrink]
    settings(max_examples=n, deadline=None, database=None, suppress_health_check=quiet, phases=phases)(
        given(cases)(ask)
    )()

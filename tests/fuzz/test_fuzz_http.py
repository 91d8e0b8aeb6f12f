"""Requests that nobody would send, by the thousand, to a reranker's HTTP service (make fuzz)."""

from collections.abc import Callable

import pytest
from contracts import http_fuzzing
from contracts.served import on_a_port


@pytest.mark.fuzz
@pytest.mark.parametrize("way", [http_fuzzing.by_document, http_fuzzing.by_values, http_fuzzing.by_bytes])
def test_never_a_500(way: Callable[[str, int], dict[int, int]]) -> None:
    with on_a_port() as served:
        seen = way(served.url, 3000)
    assert {200, 422} <= seen.keys() or 400 in seen

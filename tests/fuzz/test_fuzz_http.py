"""Requests that nobody would send, by the thousand, to a reranker's HTTP service (make fuzz)."""

from collections.abc import Callable

import pytest
from contracts import http_fuzzing
from contracts.served import on_a_port


@pytest.mark.fuzz
@pytest.mark.parametrize(
    ("way", "n"), [(http_fuzzing.by_document, 400), (http_fuzzing.by_values, 3000), (http_fuzzing.by_bytes, 3000)]
)
def test_never_a_500(way: Callable[[str, int], dict[int, int]], n: int) -> None:
    with on_a_port() as served:
        seen = way(served.url, n)
    assert {200, 422} <= seen.keys() or 400 in seen

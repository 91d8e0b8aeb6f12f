"""Some requests that nobody would send; `make fuzz` sends many (tests/fuzz/test_fuzz_http.py)."""

from collections.abc import Iterator

import pytest
from contracts import http_fuzzing
from contracts.served import Served, on_a_port


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with on_a_port() as served:
        yield served


def test_requests_by_the_document(served: Served) -> None:
    seen = http_fuzzing.by_document(served.url, 12)
    assert {200, 422} <= seen.keys()


def test_bodies_of_known_words(served: Served) -> None:
    seen = http_fuzzing.by_values(served.url, 150)
    assert {200, 422} <= seen.keys()


def test_bodies_of_bytes(served: Served) -> None:
    seen = http_fuzzing.by_bytes(served.url, 100)
    assert 400 in seen

"""A small index, and a generator that fails."""

from collections.abc import Callable, Iterator

import pytest
from contracts.told_generator import DOCUMENTS, Told

from spaniel.index.build import build
from spaniel.index.index import Index
from spaniel.retrieval.errors import ModelError


@pytest.fixture(scope="session")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """The four documents."""
    with build(DOCUMENTS, tmp_path_factory.mktemp("kb") / "kb") as index:
        yield index


@pytest.fixture
def broken() -> Callable[[], Told]:
    """Makes a generator that fails after its first piece."""
    return lambda: Told(["Dogs may ", ModelError("the server is down")], name="broken", identity="broken-1")

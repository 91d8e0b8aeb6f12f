"""The models of a pipeline: the one whose vectors it wants, opened for building an index, and those that ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from spaniel.index.dense.retriever import DenseRetriever
from spaniel.models.encoders.base import Encoder
from spaniel.models.towers import Codes, read_towers
from spaniel.retrieval.types import JSON

if TYPE_CHECKING:
    from spaniel.index.index import Index

    from .spec import IndexSpec

__all__ = ["codes_of", "encoder_of", "models_of", "query_models_in"]

_WITHIN = ("source", "sources", "dense", "first", "retriever", "retrievers")
"""Where retrievers keep those that they search with; each source stage of the table is tried by a test."""


@contextmanager
def encoder_of(spec: "IndexSpec") -> Iterator[Encoder | None]:
    """The encoder, open; None where no vectors are wanted.

    Raises:
        ModelError, MissingExtra: it cannot be opened.
    """
    if spec.dense is None:
        yield None
        return
    from spaniel.models.encoders.open import open_encoder

    with open_encoder(spec.dense, precision=spec.precision) as encoder:
        yield encoder


def codes_of(model: str) -> Codes | None:
    """The codes that a folder's model was trained for; None where it was not, and of what is no folder here.

    Raises:
        ModelError: the folder is damaged.
    """
    folder = Path(model).expanduser()
    found = read_towers(folder) if folder.is_dir() else None
    return None if found is None else found.codes


def query_models_in(*retrievers: object) -> list[JSON]:
    """The cards of the query models that were named for the dense retrievers in some retrievers, in their order."""
    found: list[JSON] = []
    for each in filter(None, retrievers):
        if isinstance(each, DenseRetriever):
            found += [each.asked_by.to_json()] if each.asked_by is not None else []
            continue
        for within in (getattr(each, name, ()) for name in _WITHIN):
            found += query_models_in(*(within if isinstance(within, list | tuple) else (within,)))
    return found


def models_of(index: "Index") -> dict[str, JSON]:
    """For a run card: name of the dense part -> model, store, what asks where it is another model, and versions of what
    computes its vectors."""
    found: dict[str, JSON] = {}
    for name, settings in index.settings.dense.items():
        versions: dict[str, JSON] = {package: _version(package) for package in ("onnxruntime", "tokenizers")}
        asked = index.query_models.get(name)
        query: dict[str, JSON] = {} if asked is None else {"query": asked.to_json()}
        store = settings.store.to_json()
        found[name] = {"model": settings.model.to_json(), "store": store, **query, "versions": versions}
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

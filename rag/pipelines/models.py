"""The model whose vectors a pipeline wants, opened for building an index."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from spaniel.models.encoders.base import Encoder
from spaniel.retrieval.types import JSON

from .spec import IndexSpec

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["encoder_of", "models_of"]


@contextmanager
def encoder_of(spec: IndexSpec) -> Iterator[Encoder | None]:
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


def models_of(index: "Index") -> dict[str, JSON]:
    """For a run card: name of the dense part -> model, store, and versions of what computes its vectors."""
    found: dict[str, JSON] = {}
    for name, settings in index.settings.dense.items():
        versions: dict[str, JSON] = {package: _version(package) for package in ("onnxruntime", "tokenizers")}
        found[name] = {"model": settings.model.to_json(), "store": settings.store.to_json(), "versions": versions}
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

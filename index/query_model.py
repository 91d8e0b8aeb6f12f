"""Which model asks an index, said for good: one commit that changes nothing but the manifest.

A query model was trained over the index's passages and encodes questions only (ADORE; docs/adore.md): neither vectors
nor codes change, and without it (`None`) the index is asked by the model that made its vectors again.
"""

import os
from dataclasses import replace
from pathlib import Path

from spaniel.models.card import ModelCard, check_same
from spaniel.models.encoders.base import Encoder
from spaniel.retrieval.errors import InvalidInput

from .dense.asking import QueryModel, open_over
from .dense.of_index import chosen_name
from .dense.settings import DenseSettings
from .manifest import Manifest
from .settings import IndexSettings
from .store import MANIFEST_NAME, begin, read_manifest

__all__ = ["set_query_model"]


def set_query_model(path: str | os.PathLike[str], model: QueryModel | None, *, name: str | None = None) -> Manifest:
    """Have an index asked by another model; gives the new manifest. Readers go on with what they opened.

    Args:
        model: what encodes questions from now on, as `open_encoder` takes it, or an open one; None for the model that
            made the vectors.
        name: of the dense part; the one added first by default.

    Raises:
        InvalidInput: no such part, or vectors that were made elsewhere.
        ModelError, MissingExtra: the model cannot be opened, or makes other vectors of passages.
        IndexNotFound, IndexLocked, IndexCorrupt, OSError: the index is then as it was.
    """
    folder = Path(path)
    # The model is opened before the lock is taken: that can take a while, and a wrong one is told without waiting.
    chosen = chosen_name(_settings(read_manifest(folder), folder).dense, name)
    card = None if model is None else _card_over(_settings(read_manifest(folder), folder).dense[chosen], model, folder)
    with begin(folder) as txn:
        assert txn.base is not None
        settings = _settings(txn.base, folder)
        dense = settings.dense[chosen_name(settings.dense, chosen)]
        if card is not None:
            check_same(dense.model, card, str(folder), queries=False)
        asked = replace(dense, query=None if card is None or not dense.model.differences(card) else card)
        everything = replace(settings, dense={**settings.dense, chosen: asked})
        return txn.commit(replace(txn.base, settings=everything.to_json()))


def _settings(manifest: Manifest, folder: Path) -> IndexSettings:
    return IndexSettings.from_json(manifest.settings, folder / MANIFEST_NAME)


def _card_over(dense: DenseSettings, model: QueryModel, folder: Path) -> ModelCard:
    """What the manifest will say of the model."""
    if dense.model.runtime == "vectors":
        raise InvalidInput("query_model", f"nobody knows which model made the vectors of {dense.model.name!r}")
    if isinstance(model, Encoder):
        return model.card
    with open_over(dense.model, os.fspath(model)) as encoder:
        return encoder.card

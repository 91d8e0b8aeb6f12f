"""What encodes the questions that an index is asked: the model that made its vectors, or another one over the same
passages, such as ADORE trains (docs/adore.md).

A *query model* is such another one. It is named for one retriever (`Index.dense`), for an index as long as it is open
(`open_index`), or for good, in the manifest (`index/query_model.py`), and goes before the next in this order.
"""

import hashlib
import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Literal, TypeAlias

from spaniel.models.card import ModelCard, check_same
from spaniel.models.encoders.base import Encoder
from spaniel.retrieval.errors import InvalidInput, ModelError

from .segment_parts import part_name
from .settings import DenseSettings

__all__ = ["Device", "OpenEncoders", "QueryModel", "identity_of_queries", "open_over", "opening"]

Device: TypeAlias = Literal["cpu", "cuda"]
QueryModel: TypeAlias = str | os.PathLike[str] | Encoder
"""A model as `open_encoder` takes it, or an open one, which stays the caller's to close."""


class OpenEncoders:
    """The models that searches of one index have opened, each once. Safe to use from several threads."""

    def __init__(self) -> None:
        self._open: dict[tuple[ModelCard, str, Device], Encoder] = {}
        self._lock = Lock()

    def get(self, card: ModelCard, device: Device) -> Encoder:
        """The card's model, ready to encode.

        Raises:
            ModelError, MissingExtra: it cannot be opened, or is another one by now.
        """
        from spaniel.models.encoders.open import open_encoder

        with self._lock:
            if (card, "", device) not in self._open:
                self._open[card, "", device] = open_encoder(card, device=device)
            return self._open[card, "", device]

    def asking_for(self, settings: DenseSettings, device: Device, path: Path, name: str) -> Encoder:
        """What asks a dense part of an index, ready to encode.

        Raises:
            ModelError, MissingExtra: see `get`; of a query model it says of which index it is one, and what to do.
        """
        if settings.query is None:
            return self.get(settings.model, device)
        index, place = shlex.quote(str(path)), settings.query.source
        named = f"`spaniel index query-model {index} MODEL --name {name}`"
        with opening(
            f"{path} ({part_name(name)}) is asked by the query model {place}",
            f"have the index asked by what lies there now, or elsewhere: for good {named}, for one command "
            f"--query-model MODEL; with --reset instead of MODEL {settings.model.source} asks again",
        ):
            return self.get(settings.query, device)

    def over(self, card: ModelCard, model: QueryModel, device: Device, where: str) -> Encoder:
        """A query model for the vectors of a card, ready to encode; one that was open already is checked only.

        Raises:
            InvalidInput: no model.
            ModelError, MissingExtra: it cannot be opened, or makes other vectors of passages.
        """
        if not isinstance(model, Encoder):
            model = self._opened_over(card, _place(model), device)
        check_same(card, model.card, where, queries=False)
        return model

    def asking(self, known: Mapping[str, DenseSettings], model: QueryModel, where: str) -> dict[str, ModelCard]:
        """Name -> card of the query model, for each dense part over whose passages it stands.

        Raises:
            InvalidInput: there are no vectors of a model.
            ModelError, MissingExtra: it cannot be opened, or stands over none of them; told of the first.
        """
        fits: dict[str, ModelCard] = {}
        reason: Exception | None = None
        for name, dense in known.items():
            if dense.model.runtime == "vectors":
                continue
            try:
                fits[name] = self.over(dense.model, model, "cpu", f"{where} ({part_name(name)})").card
            except (ModelError, InvalidInput) as error:
                reason = reason or error
        if not fits:
            raise reason or InvalidInput("query_model", f"{where} holds no vectors of a model that it could ask")
        return fits

    def _opened_over(self, card: ModelCard, place: str, device: Device) -> Encoder:
        settings = _without_queries(card)
        with self._lock:
            if (settings, place, device) not in self._open:
                self._open[settings, place, device] = open_over(card, place, device=device)
            return self._open[settings, place, device]

    def close(self) -> None:
        """Close them all."""
        with self._lock:
            for encoder in self._open.values():
                encoder.close()
            self._open.clear()


@contextmanager
def opening(what: str, hint: str) -> Iterator[None]:
    """Errors of a model that is opened in the block say whose it is, and what to do instead of what its place says."""
    try:
        yield
    except ModelError as error:
        told = ModelError(f"{what}: {error}")
        told.hint = hint
        raise told from error


def open_over(card: ModelCard, place: str, *, device: Device = "cpu") -> Encoder:
    """Open a model with the length and prompt that a card's passages were encoded with; its prompt of questions is its
    own, and it computes in fp32.

    Raises:
        ModelError, MissingExtra, InvalidInput: see `open_encoder`.
    """
    from spaniel.models.encoders.open import open_encoder

    return open_encoder(
        place,
        max_length=card.max_length or None,
        passage_prompt=card.passage_prompt,
        device=device,
    )


def identity_of_queries(card: ModelCard) -> str:
    """A name for everything that decides a question's vector: 24 hexadecimal digits."""
    parts = card.to_json()
    if card.sha256:
        del parts["name"], parts["source"]
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=12).hexdigest()


def _without_queries(card: ModelCard) -> ModelCard:
    """What `open_over` reads of a card, so that parts that were encoded alike share one open model."""
    kept = ModelCard(name="", source="", runtime=card.runtime, sha256="", dimension=1)
    return replace(kept, max_length=card.max_length, passage_prompt=card.passage_prompt)


def _place(model: str | os.PathLike[str]) -> str:
    if not isinstance(model, str | os.PathLike) or not os.fspath(model):
        raise InvalidInput("query_model", f"{model!r} is no model", hint="give a folder that `spaniel train` made")
    return os.fspath(model)

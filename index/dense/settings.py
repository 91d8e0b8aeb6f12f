"""What a dense part is made with and keeps: the model's card and the store. Plain data in the manifest."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from spaniel.models.card import ModelCard
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

__all__ = [
    "FLAT",
    "KINDS_OF",
    "Codes",
    "DenseSettings",
    "Rescore",
    "StoreKind",
    "StoreSettings",
    "as_trained",
    "checked_name",
]

StoreKind = Literal["float32", "float16", "int8", "hnsw", "ivf", "pq", "rabitq", "binary"]
Codes = Literal["sign", "centred", "rotation", "itq", "learned"]
Rescore = Literal["none", "int8", "float16", "float32"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
FLAT = ("float32", "float16", "int8")
KINDS_OF: Mapping[str, tuple[StoreKind, ...]] = {
    "codes": ("binary",),
    "factor": ("binary",),
    "lists": ("binary", "ivf"),
}
"""Options that mean something to some kinds only. Others keep their default, so that equal stores compare equal."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """How vectors lie on disk and are searched.

    Attributes:
        kind: "float32", "float16", "int8": all vectors, searched exhaustively; "hnsw", "ivf", "pq", "rabitq": FAISS;
            "binary": a bit a dimension.
        codes: of `binary`: sign of the vector; centred; randomly rotated; rotated by ITQ; learned, bits and all
            (docs/binary.md has what each keeps). The last two are fitted on the vectors themselves (below 1,000 of them
            a random rotation stands in). Left out: those that the model was trained for, else "learned".
        factor: of `binary`: 2 more bytes a passage that correct each estimate (the default).
        rescore: the second tier on disk, against which the best candidates are scored again. "none" keeps no vectors
            beside the codes; only `binary` can do without. Flat kinds have no second tier: "none".
        lists: of `binary` and `ivf`: lists of the inverted file; 0 for none (`binary`) or a number that fits (`ivf`).
        seed: of everything random.

    An option of another kind must be left at its default. The one default that depends on the kind is `rescore`, which
    is "none" for flat kinds.

    Raises:
        InvalidInput: a value that cannot be, or that means nothing to this kind.
    """

    kind: StoreKind = "binary"
    codes: Codes = None  # type: ignore[assignment]  # never None once it is made
    factor: bool = True
    rescore: Rescore = "int8"
    lists: int = 0
    seed: int = 0
    named: bool = field(default=True, init=False, repr=False, compare=False)
    """Whether the codes were chosen, rather than left out; no part of what a manifest says."""

    def __post_init__(self) -> None:
        if self.codes is None:
            object.__setattr__(self, "named", False)
            object.__setattr__(self, "codes", "learned")
        for name, allowed in (("kind", StoreKind), ("codes", Codes), ("rescore", Rescore)):
            if getattr(self, name) not in get_args(allowed):
                known = ", ".join(get_args(allowed))
                raise InvalidInput(f"store {name}", f"{getattr(self, name)!r} is not one of {known}")
        for name, kinds in KINDS_OF.items():
            value = getattr(self, name)
            if self.kind not in kinds and value != _DEFAULTS[name]:
                raise InvalidInput(
                    f"store {name}", f"{value!r} means nothing to {self.kind}, only to {' and '.join(kinds)}"
                )
        if self.kind in FLAT and self.rescore not in ("none", _DEFAULTS["rescore"]):
            reason = f"{self.rescore!r} means nothing to {self.kind}, which keeps the vectors themselves"
            raise InvalidInput("store rescore", reason)
        if self.kind in FLAT:
            object.__setattr__(self, "rescore", "none")
        if self.rescore == "none" and self.kind not in (*FLAT, "binary"):
            raise InvalidInput("store rescore", f"{self.kind} needs vectors to score candidates again", hint="use int8")
        if type(self.lists) is not int or not 0 <= self.lists <= 1 << 20:
            raise InvalidInput("store lists", f"{self.lists!r} must be a whole number from 0 to {1 << 20}")
        if type(self.seed) is not int or not 0 <= self.seed < 1 << 31:
            raise InvalidInput("store seed", f"{self.seed!r} must be a whole number from 0 to 2**31 - 1")
        if type(self.factor) is not bool:
            raise InvalidInput("store factor", f"{self.factor!r} must be true or false")

    def to_json(self) -> dict[str, JSON]:
        """As it stands in a manifest."""
        return {name: value for name, value in asdict(self).items() if name != "named"}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "StoreSettings":
        """The inverse of `to_json`. Options that mean nothing to the kind, in older manifests, are left out.

        Raises:
            ValueError (InvalidInput among them), TypeError: it is none.
        """
        if not isinstance(data, Mapping):
            raise TypeError(f"a store is {data!r}, no object")
        if None in data.values():
            raise TypeError(f"a store is {data!r}, with an option of no value")
        kind = data.get("kind", "binary")
        return cls(**{name: value for name, value in data.items() if kind in KINDS_OF.get(name, (kind,))})


_DEFAULTS = StoreSettings().to_json()


def as_trained(store: StoreSettings, codes: Codes | None) -> StoreSettings:
    """A store whose codes nobody has chosen, with those that the model was trained for (`Encoder.codes`), if any."""
    return replace(store, codes=codes) if codes is not None and store.kind == "binary" and not store.named else store


@dataclass(frozen=True, slots=True)
class DenseSettings:
    """One model's vectors in an index: what encoded them, how they are kept, and what asks.

    Attributes:
        query: the model that encodes questions where that is another one (`index/query_model.py`); None where it is
            `model`.

    Raises:
        InvalidInput: `query` makes other vectors of passages than `model`.
    """

    model: ModelCard
    store: StoreSettings
    query: ModelCard | None = None

    def __post_init__(self) -> None:
        if self.query is not None and (found := self.model.differences(self.query, queries=False)):
            raise InvalidInput("query model", f"it is asked by other vectors than it holds: {'; '.join(found)}")

    @property
    def asks(self) -> ModelCard:
        """What encodes questions."""
        return self.query or self.model

    def to_json(self) -> dict[str, JSON]:
        """As it stands in a manifest; nothing is said of `query` where there is none."""
        query: dict[str, JSON] = {} if self.query is None else {"query": self.query.to_json()}
        return {"model": self.model.to_json(), "store": self.store.to_json(), **query}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "DenseSettings":
        """The inverse of `to_json`.

        Raises:
            ValueError, TypeError, KeyError: it is none.
        """
        query = ModelCard.from_json(data["query"]) if "query" in data else None
        return cls(ModelCard.from_json(data["model"]), StoreSettings.from_json(data["store"]), query)


def checked_name(name: str) -> str:
    """The name of a dense part, itself.

    Raises:
        InvalidInput: it cannot be one.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidInput("dense name", f"{name!r} is not 1 to 32 of a-z, 0-9 and _, a letter first")
    return name

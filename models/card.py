"""What decides the vectors of a model, as plain data: it stands in the manifest of every index made with it.

Vectors of two models, or of one model under other pooling, prompts or lengths, cannot be compared: `check_same` is
where a search with the wrong one ends.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from shlex import quote
from typing import Any, Literal, get_args

from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.types import JSON

__all__ = ["ModelCard", "Pooling", "check_same"]

Pooling = Literal["mean", "cls", "last", ""]
Runtime = Literal["onnx", "sentence-transformers", "endpoint", "vectors"]

Precision = Literal["fp32", "int8"]

_MAX_DIMENSION = 1 << 16
_MAX_LENGTH = 1 << 20
_MAX_LETTERS = {
    "name": 1024,
    "source": 4096,
    "sha256": 128,
    "query_sha256": 128,
    "query_prompt": 1 << 16,
    "passage_prompt": 1 << 16,
}
_NOT_COMPARED = ("name", "source", "runtime", "precision")
_KINDS = {
    "name": str,
    "source": str,
    "runtime": str,
    "sha256": str,
    "dimension": int,
    "pooling": str,
    "normalised": bool,
    "max_length": int,
    "query_prompt": str,
    "passage_prompt": str,
    "precision": str,
}
_OPTIONAL = {"query_sha256": str}


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One encoder, told apart from every other.

    Attributes:
        name: what people call it, such as "minilm"; no part of its identity.
        source: how to open it again: a known name, an absolute path, "hub:owner/name", or a URL.
        runtime: "onnx", "sentence-transformers", "endpoint", or "vectors" (made elsewhere, nobody here can encode).
        sha256: hexadecimal, over the weights and the tokenizer's files; empty when nobody can know (an endpoint).
        dimension: of its vectors.
        pooling: "mean", "cls" or "last"; empty when the model does it out of sight.
        normalised: vectors have length 1, so that the dot product is the cosine.
        max_length: tokens after which a text is cut, special ones included; 0 when unknown.
        query_prompt, passage_prompt: put before the text of either kind.
        precision: "fp32" or "int8"; no part of its identity, for the two agree within their parity gate.
        query_sha256: as `sha256`, of the tower that encodes queries where that is another; empty where one tower
            encodes both, and then it does not stand in a manifest.
    """

    name: str
    source: str
    runtime: Runtime
    sha256: str
    dimension: int
    pooling: Pooling = ""
    normalised: bool = True
    max_length: int = 0
    query_prompt: str = ""
    passage_prompt: str = ""
    precision: Precision = "fp32"
    query_sha256: str = ""

    def differences(self, other: "ModelCard", *, queries: bool = True) -> list[str]:
        """One clause for each thing that makes the vectors of the two incomparable.

        Args:
            queries: the tower of queries counts; else any goes that stands over the same passages, with a prompt of its
                own. One tower with two prompts is two models all the same.
        """
        own = not queries and self.query_sha256 != other.query_sha256
        left_out = (*_NOT_COMPARED, "query_sha256", "query_prompt") if own else _NOT_COMPARED
        compared = [field.name for field in fields(self) if field.name not in left_out]
        pairs = [(name, getattr(self, name), getattr(other, name)) for name in compared]
        return [f"{name} {mine!r} against {theirs!r}" for name, mine, theirs in pairs if mine != theirs]

    def to_json(self) -> dict[str, JSON]:
        """As it stands in a manifest."""
        found = asdict(self)
        return found if self.query_sha256 else {name: found[name] for name in _KINDS}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "ModelCard":
        """The inverse of `to_json`.

        Raises:
            ValueError: a key is missing or unknown, or its value is of another type or none of those it can have.
        """
        if not set(_KINDS) <= set(data) <= set(_KINDS | _OPTIONAL):
            raise ValueError(f"a model has the keys {sorted(_KINDS)}, not {sorted(data)}")
        for name, kind in (_KINDS | _OPTIONAL).items():
            if name not in data:
                continue
            if type(data[name]) is not kind:
                raise ValueError(f"{name} of a model is {data[name]!r}; it must be of type {kind.__name__}")
        if not 1 <= data["dimension"] <= _MAX_DIMENSION:
            raise ValueError(f"dimension of a model is {data['dimension']}; it must be 1 to {_MAX_DIMENSION}")
        if not 0 <= data["max_length"] <= _MAX_LENGTH:
            raise ValueError(f"max_length of a model is {data['max_length']}; it must be 0 to {_MAX_LENGTH}")
        for name, words in (("runtime", Runtime), ("pooling", Pooling), ("precision", Precision)):
            if data[name] not in get_args(words):
                raise ValueError(f"{name} of a model is {data[name]!r}; it must be one of {get_args(words)}")
        for name, limit in _MAX_LETTERS.items():
            if len(data.get(name, "")) > limit:
                raise ValueError(f"{name} of a model has {len(data[name])} letters; {limit} are allowed")
        return cls(**data)


def check_same(made_with: ModelCard, given: ModelCard, where: str, *, queries: bool = True) -> None:
    """Refuse an encoder whose vectors do not fit what is stored.

    Args:
        made_with: what the stored vectors were encoded with.
        given: what is about to encode queries or more passages.
        where: names the index, for the error.
        queries: the tower of queries has to be the same; else any over the same passages will do.

    Raises:
        ModelError: they differ; the message says in what, the hint what to do.
    """
    found = made_with.differences(given, queries=queries)
    if found:
        error = ModelError(f"{where}: made with {made_with.name!r}, asked with {given.name!r}: {'; '.join(found)}")
        again = f"spaniel index add-dense INDEX {quote(given.source)}"
        error.hint = (
            f"use {made_with.source!r}; or encode the index anew: {again} with --overwrite in place of the present "
            f"vectors, with --name NAME beside them"
        )
        if not made_with.differences(given, queries=False):
            ask = f"spaniel index query-model INDEX {quote(given.source)}"
            error.hint = f"use the model as it was; or let the index be asked by what is there now: {ask}"
        raise error

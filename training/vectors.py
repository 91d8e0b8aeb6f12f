"""Which vectors of an index are trained against, and whether they can be: found out before any model is loaded."""

from typing import TYPE_CHECKING

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .table import METHODS, Trains

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["check_vectors", "meant_vectors", "notes_on", "vectors_state"]

_NOT_OURS = {
    "endpoint": "is behind an endpoint: its weights are not here",
    "vectors": "is not known: the vectors were made elsewhere",
}


def meant_vectors(index: "Index", name: str | None) -> str | None:
    """The name of the vectors that are meant, those added first when None; None where the index has none.

    Raises:
        InvalidInput: there are none of this name.
    """
    names = index.dense_names
    if name is None:
        return names[0] if names else None
    if name not in names:
        there = f"it holds {', '.join(names)}" if names else "it holds none"
        raise InvalidInput("vectors", f"no vectors called {name!r} in {index.path}; {there}")
    return name


def vectors_state(index: "Index", name: str) -> dict[str, JSON]:
    """What says that the vectors of this name are the same ones, for `Method.definition`; store and files with it."""
    from spaniel.index.dense.segment_parts import part_name

    dense = index.settings.dense[name]
    files = [segment.files[part_name(name)] for segment in index.manifest.segments]
    return {
        "name": name,
        "model": dense.model.sha256,
        "store": dense.store.to_json(),
        "files": [[file.size_bytes, file.crc32] for file in files],
    }


def check_vectors(index: "Index", method: str, trains: Trains, *, model: str | None, vectors: str | None) -> None:
    """Whether this method can train against this index.

    Raises:
        InvalidInput: it needs vectors and there are none; their model cannot be trained and no other is named; or
            codes are to be trained against vectors that are none.
    """
    name = meant_vectors(index, vectors)
    if name is None:
        _check_none(index, method, model)
        return
    dense = index.settings.dense[name]
    if model is None and dense.model.runtime in _NOT_OURS:
        reason = f"the model of {name} in {index.path} {_NOT_OURS[dense.model.runtime]}"
        raise InvalidInput("model", reason, hint="name the folder of a model to start from (--model)")
    if method == "adore" and trains == "binary" and dense.store.kind != "binary":
        hint = "train dense goes on with these vectors; `spaniel index add-dense --store binary` makes codes"
        raise InvalidInput("index", f"the vectors {name} of {index.path} are {dense.store.kind}, not binary", hint=hint)


def notes_on(index: "Index", method: str, trains: Trains, *, model: str | None, vectors: str | None) -> list[str]:
    """Sentences about what a user may not expect of training against this index."""
    name = meant_vectors(index, vectors)
    if name is None:
        return []
    dense, found = index.settings.dense[name], []
    if method == "adore" and trains == "binary" and dense.store.rescore != "none":
        found.append(
            f"{index.path} keeps {dense.store.rescore} vectors beside its codes, and these rank what the codes find: "
            "what is trained is that ranking, as by `train dense`; to train codes that rank by themselves, "
            "make vectors with --store binary --rescore none"
        )
    if model is None and dense.query is not None:
        again = f"; --model {dense.query.source} goes on from there" if method == "adore" else ""
        found.append(
            f"{index.path} is asked by {dense.query.name}, and training starts from {dense.model.name}, whose figures "
            f"are those of the start{again}"
        )
    return found


def _check_none(index: "Index", method: str, model: str | None) -> None:
    if METHODS[method].needs_vectors:
        hint = f"`spaniel index add-dense {index.path} minilm` adds some"
        raise InvalidInput("index", f"{index.path} holds no vectors, and {method} trains against them", hint=hint)
    if model is None:
        hint = "name the model to start from: --model minilm"
        raise InvalidInput("model", f"{index.path} holds no vectors", hint=hint)

"""A pipeline as data: stages from the table, and the index they search.

    name = "fused"                # by default the file's name

    [index]                       # optional
    fields = "multifield"         # title and text apart; or {title = 2.0, text = 1.0}; "flat" by default
    language = "german"           # by default what the collection says
    dense = "minilm"              # also vectors of this model: a short name, a folder, owner/name, a URL
    store = "binary"              # how they are kept; or {kind = "binary", rescore = "none"}
    precision = "fp32"            # of the model; or "int8"

    [[stages]]
    type = "rrf"
    k = 60
      [[stages.sources]]
      type = "bm25"
      k1 = 1.2
      [[stages.sources]]
      type = "ql"

Keys are the fields of the dataclasses in `stages.py`, one to one; a key that is not there is an error that names the
nearest one, and a value of another type an error that names the table.
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from spaniel.index.dense.settings import StoreSettings
from spaniel.index.settings import IndexSettings
from spaniel.retrieval.converted import converted
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import Pipeline
from spaniel.retrieval.types import JSON

from . import cut_stages, dense_stages, rerank_stages  # noqa: F401  # fill the table
from .stages import STAGES, StageSpec

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["FLAT", "MULTIFIELD", "IndexSpec", "PipelineSpec", "nearest", "read_pipeline"]

FLAT: Mapping[str, float] = {"contents": 1.0}
MULTIFIELD: Mapping[str, float] = {"title": 1.0, "text": 1.0}
_MAX_BYTES = 1 << 20
_NAMED_FIELDS = {"flat": FLAT, "multifield": MULTIFIELD}


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """What an index has to be like for a pipeline.

    Attributes:
        fields: "flat" (title and text are one), "multifield" (apart, each with weight 1), or field -> weight.
        language: of text analysis; None leaves it to the collection.
        dense: the model whose vectors it holds too, as `open_encoder` takes it; None for none.
        store: the kind of store for them, or the fields of `StoreSettings`.
        precision: what the model computes with.
    """

    fields: str | dict[str, float] = "flat"
    language: str | None = None
    dense: str | None = None
    store: str | dict[str, str | bool | int] = "binary"
    precision: Literal["fp32", "int8"] = "fp32"

    def __post_init__(self) -> None:
        self.kept  # noqa: B018  # checks it
        if isinstance(self.fields, str) and self.fields not in _NAMED_FIELDS:
            raise InvalidInput("index", f"fields is {self.fields!r}; it must be flat, multifield, or a table")
        IndexSettings(fields=self.weights)

    @property
    def weights(self) -> dict[str, float]:
        """Field -> weight, as `spaniel.build` takes them."""
        named = _NAMED_FIELDS[self.fields] if isinstance(self.fields, str) else self.fields
        return {name: float(weight) for name, weight in named.items()}

    @property
    def kept(self) -> StoreSettings:
        """How vectors are kept."""
        try:
            return StoreSettings(**({"kind": self.store} if isinstance(self.store, str) else self.store))
        except TypeError:
            known = ", ".join(field.name for field in fields(StoreSettings))
            raise InvalidInput("index", f"store is {self.store!r}; its keys are {known}") from None

    @property
    def label(self) -> str:
        """`flat`, `multifield` or `title^2 text^1`."""
        if isinstance(self.fields, str):
            return self.fields
        return " ".join(f"{name}^{weight:g}" for name, weight in self.fields.items())


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """Stages in a row, by name.

    Raises:
        InvalidInput: no stage, a first stage that does not search, or a later one that does.
    """

    name: str
    stages: tuple[StageSpec, ...]
    index: IndexSpec = IndexSpec()

    def __post_init__(self) -> None:
        where = f"pipeline {self.name!r}"
        if self.name in ("", ".", "..") or any(c.isspace() or not c.isprintable() or c in "/\\" for c in self.name):
            raise InvalidInput(where, "a name is one word without blanks or slashes: files are called by it")
        if not self.stages:
            raise InvalidInput(where, "has no stages", hint="begin with a table [[stages]]")
        for place, each in enumerate(self.stages, 1):
            wanted = "source" if place == 1 else "later"
            if each.kind != wanted:
                what = "does not search" if place == 1 else "searches; only the first stage can"
                raise InvalidInput(where, f"stage {place} ({_type_of(each)}) {what}")

    def make(self, index: "Index", *, depth: int = 1000) -> Pipeline:
        """The pipeline over an open index; sources search `depth` deep unless they say otherwise.

        Raises:
            InvalidInput: the index has other fields than the pipeline needs.
        """
        has = {name: float(weight) for name, weight in index.settings.fields.items()}
        if has != self.index.weights:
            raise InvalidInput(
                f"pipeline {self.name!r}",
                f"needs an index with the fields {_shown(self.index.weights)}; {index.path} has {_shown(has)}",
                hint=f"build one with --fields {_shown(self.index.weights)}",
            )
        self._check_vectors(index)
        first, *later = [each.make(index, depth) for each in self.stages]
        return Pipeline(first, later)

    def _check_vectors(self, index: "Index") -> None:
        """The first vectors of the index are those that the pipeline was written for."""
        if self.index.dense is None:
            return
        kept = next(iter(index.settings.dense.values()), None)
        names = {self.index.dense, f"hub:{self.index.dense}", str(Path(self.index.dense).expanduser().resolve())}
        if kept is None or kept.store != self.index.kept or names.isdisjoint({kept.model.name, kept.model.source}):
            has = f"{kept.store.kind} vectors of {kept.model.name}" if kept else "none"
            make = f"spaniel index add-dense {index.path} {self.index.dense} --store {self.index.kept.kind}"
            raise InvalidInput(
                f"pipeline {self.name!r}",
                f"needs {self.index.kept.kind} vectors of {self.index.dense}; {index.path} has {has} first",
                hint="--retriever dense or hybrid searches the vectors that are there" if kept else make,
            )

    def to_json(self) -> dict[str, JSON]:
        """Everything that decides what comes out, defaults spelt out; the name left out."""
        vectors: dict[str, JSON] = {}
        if self.index.dense is not None:
            vectors = {"dense": self.index.dense, "store": self.index.kept.to_json(), "precision": self.index.precision}
        return {
            "index": {"fields": {**self.index.weights}, "language": self.index.language, **vectors},
            "stages": [_plain(each) for each in self.stages],
        }


def read_pipeline(path: str | Path) -> PipelineSpec:
    """A pipeline out of a TOML file.

    Raises:
        InvalidInput: not TOML, a key or type that is not known (the nearest one is named), a value that cannot be.
        OSError: the file cannot be read.
    """
    file = Path(path)
    with file.open("rb") as stream:
        raw = stream.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise InvalidInput(str(file), f"is longer than {_MAX_BYTES} bytes, which no pipeline is")
    try:
        table = tomllib.loads(raw.decode("utf-8"))
    except ValueError as error:  # UnicodeDecodeError and TOMLDecodeError both
        raise InvalidInput(str(file), f"is not TOML: {error}") from None
    except RecursionError:
        raise _too_deep(file) from None
    try:
        return _spec(file, table)
    except RecursionError:  # keys with thousands of dots make tables as deep without any recursion in tomllib
        raise _too_deep(file) from None


def _too_deep(file: Path) -> InvalidInput:
    return InvalidInput(str(file), "its tables or lists are nested too deeply", hint="no pipeline needs that")


def _spec(file: Path, table: Mapping[str, Any]) -> PipelineSpec:
    """The pipeline that a table describes."""
    _check_keys(table, ("name", "index", "stages"), str(file))
    stages = tuple(
        _stage(each, f"{file}: stages[{place}]") for place, each in enumerate(_tables(table, "stages", str(file)))
    )
    index = _filled(IndexSpec, table.get("index", {}), f"{file}: index")
    name = table.get("name", file.stem)
    if not isinstance(name, str):
        raise InvalidInput(str(file), f"name is {name!r}; it must be text")
    try:
        return PipelineSpec(name, stages, index)
    except InvalidInput as error:
        raise InvalidInput(str(file), str(error), hint=error.hint) from None


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or all there is."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"there are {', '.join(names)}"


def _stage(table: Mapping[str, Any], where: str) -> StageSpec:
    name = table.get("type")
    if not isinstance(name, str) or name not in STAGES:
        said = "has no type" if name is None else f"no stage is of type {name!r}"
        raise InvalidInput(where, f"{said}; {nearest(str(name), STAGES)}")
    rest = {key: value for key, value in table.items() if key != "type"}
    made: StageSpec = _filled(STAGES[name], rest, f"{where} ({name})")
    return made


def _filled(kind: type[Any], table: Any, where: str) -> Any:
    """An object of a dataclass from the keys of a table; a trailing `_` of a field's name (`lambda_`) is not typed."""
    if not isinstance(table, dict):
        raise InvalidInput(where, f"is {table!r}; it must be a table")
    by_key = {each.name.rstrip("_"): each.name for each in fields(kind)}
    _check_keys(table, by_key, where)
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in table.items():
        name = by_key[key]
        if hints[name] == tuple[StageSpec, ...]:
            several = _tables(table, key, where)
            values[name] = tuple(_stage(each, f"{where}.{key}[{place}]") for place, each in enumerate(several))
            continue
        try:
            values[name] = converted(value, hints[name])
        except ValueError as error:
            raise InvalidInput(where, f"{key} = {value!r}: {error}") from None
    try:
        return kind(**values)
    except InvalidInput as error:
        raise InvalidInput(where, str(error), hint=error.hint) from None


def _check_keys(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    names = list(known)
    for key in table:
        if key not in names:
            raise InvalidInput(where, f"no key {key!r}; {nearest(key, names)}")


def _tables(table: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    found = table.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise InvalidInput(where, f"{key} must be tables, each begun with [[{key}]]")
    return found


def _type_of(each: StageSpec) -> str:
    return next((name for name, kind in STAGES.items() if type(each) is kind), type(each).__name__)


def _plain(each: StageSpec) -> dict[str, JSON]:
    """A stage as JSON, nested ones included."""
    assert is_dataclass(each)
    values: dict[str, JSON] = {"type": _type_of(each)}
    for one in fields(each):
        value = getattr(each, one.name)
        if isinstance(value, tuple):
            values[one.name] = [_plain(item) if is_dataclass(item) else item for item in value]
        else:
            values[one.name] = value
    return values


def _shown(weights: Mapping[str, float]) -> str:
    return ",".join(f"{name}:{weight:g}" for name, weight in weights.items())

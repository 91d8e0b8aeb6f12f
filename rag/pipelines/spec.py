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

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spaniel.index.dense.settings import DenseSettings, StoreSettings, as_trained
from spaniel.index.settings import IndexSettings
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import Pipeline
from spaniel.retrieval.types import JSON

from . import cut_stages, dense_stages, rerank_stages, route_stages  # noqa: F401  # fill the table
from .models import codes_of
from .reading import check_keys, filled, read_table, stage_of, tables_of, too_deep
from .stages import STAGES, StageSpec
from .toml_text import toml_text
from .writing import stage_table, table_of

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = [
    "ENGINE_TABLES",
    "FLAT",
    "MULTIFIELD",
    "IndexSpec",
    "PipelineSpec",
    "name_in",
    "pipeline_of",
    "read_pipeline",
]

FLAT: Mapping[str, float] = {"contents": 1.0}
MULTIFIELD: Mapping[str, float] = {"title": 1.0, "text": 1.0}
ENGINE_TABLES = ("answer", "pack", "generator", "route", "rewrite")
"""Tables that say how answers are made of what a pipeline finds; `rag/engine/spec.py` reads them."""
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
        """How vectors are kept; with the codes that the model was trained for where none are named."""
        named = {"kind": self.store} if isinstance(self.store, str) else self.store
        try:
            return as_trained(StoreSettings(**named), None if self.dense is None else codes_of(self.dense))
        except TypeError:
            known = ", ".join(field.name for field in fields(StoreSettings) if field.init)
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

    Attributes:
        vectors: which vectors of an index that is there already will do: "these" that `index` names, those of any model
            in the same "kind" of store, or "any". For pipelines that have a name; a file that wants any names none.

    Raises:
        InvalidInput: no stage, a first stage that does not search, or a later one that does.
    """

    name: str
    stages: tuple[StageSpec, ...]
    index: IndexSpec = IndexSpec()
    vectors: Literal["these", "kind", "any"] = field(default="these", compare=False)

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

    def over(self, index: "Index") -> "PipelineSpec":
        """The same, saying of an index that is there which vectors it searches; see `vectors`."""
        kept = _first_vectors(index)
        if self.index.dense is None or kept is None or not self._will_do(kept) or self._are_these(kept):
            return self
        store: Any = kept.store.to_json()
        what = IndexSpec(self.index.fields, self.index.language, kept.model.name, store, kept.model.precision)
        return replace(self, index=what)

    def _check_vectors(self, index: "Index") -> None:
        """The first vectors of the index are those that the pipeline was written for, or others that will do."""
        kept = _first_vectors(index)
        if self.index.dense is None or (kept is not None and self._will_do(kept)):
            return
        of_model = "" if self.vectors == "kind" and kept else f" of {self.index.dense}"
        needed = "" if self.vectors == "any" else f"{self.index.kept.kind} "
        has = f"{kept.store.kind} vectors of {kept.model.name} first" if kept else "none"
        make = f"spaniel index add-dense {index.path} {self.index.dense} --store {self.index.kept.kind}"
        raise InvalidInput(
            f"pipeline {self.name!r}",
            f"needs {needed}vectors{of_model}; {index.path} has {has}",
            hint="the pipelines dense and hybrid search the vectors that are there" if kept else make,
        )

    def _will_do(self, kept: DenseSettings) -> bool:
        same = self.vectors == "kind" and kept.store.kind == self.index.kept.kind
        return same or self.vectors == "any" or self._are_these(kept)

    def _are_these(self, kept: DenseSettings) -> bool:
        assert self.index.dense is not None
        names = {self.index.dense, f"hub:{self.index.dense}", str(Path(self.index.dense).expanduser().resolve())}
        return kept.store == self.index.kept and not names.isdisjoint({kept.model.name, kept.model.source})

    def to_table(self) -> dict[str, Any]:
        """The keys of its file, defaults left out."""
        index = table_of(self.index)
        stages = [stage_table(each) for each in self.stages]
        return {"name": self.name, **({"index": index} if index else {}), "stages": stages}

    def to_toml(self) -> str:
        """A file that `read_pipeline` reads back equal; see `toml_text.py`."""
        return toml_text(self.to_table())

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
    """A pipeline out of a TOML file; of one that describes a whole engine, the part that searches.

    Raises:
        InvalidInput: not TOML, a key or type that is not known (the nearest one is named), a value that cannot be.
    """
    file = Path(path)
    table = read_table(file)
    check_keys(table, ("name", "index", "stages", *ENGINE_TABLES), str(file))
    try:
        return pipeline_of(table, file)
    except RecursionError:  # keys with thousands of dots make tables as deep without any recursion in tomllib
        raise too_deep(file) from None


def pipeline_of(table: Mapping[str, Any], file: Path) -> PipelineSpec:
    """The pipeline that a table describes; `file` is where it stands, which names it where nothing else does."""
    stages = tuple(
        stage_of(each, f"{file}: stages[{place}]") for place, each in enumerate(tables_of(table, "stages", str(file)))
    )
    index = filled(IndexSpec, table.get("index", {}), f"{file}: index")
    name = name_in(table, file)
    try:
        return PipelineSpec(name, stages, index)
    except InvalidInput as error:
        raise InvalidInput(str(file), str(error), hint=error.hint) from None


def name_in(table: Mapping[str, Any], file: Path) -> str:
    """What the table is called; by default as its file.

    Raises:
        InvalidInput: its name is no text.
    """
    name = table.get("name", file.stem)
    if not isinstance(name, str):
        raise InvalidInput(str(file), f"name is {name!r}; it must be text")
    return name


def _first_vectors(index: "Index") -> DenseSettings | None:
    """Of its dense parts the one that is searched where none is named."""
    return next(iter(index.settings.dense.values()), None)


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

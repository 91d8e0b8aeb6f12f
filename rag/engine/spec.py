"""An engine as data: a pipeline's file with the tables that answering adds.

    name = "docs"

    [index]                      # see rag/pipelines/spec.py
    dense = "minilm"

    [[stages]]                   # without any, words and vectors are searched where the index holds both, else words
    type = "bm25"

    [answer]                     # the fields of `AnswerSpec`
    k = 10
    budget_tokens = 2000
    fallback = "extractive"

    [pack]                       # `type` names a packer of rag/packing/table.py; the other keys are its fields
    type = "top-k"
    order = "edges"

    [generator]                  # `type` names a dataclass of `generator_specs.py`; the other keys are its fields
    type = "extractive"
    max_sentences = 2

    [route]                      # `route_specs.py`; a router only where this table stands
    arms = {none = "", one = "default"}

    [rewrite]                    # the same
    arms = ["none", "simplify"]

Every table is one dataclass; a key that is not there is an error that names the nearest one. `EngineSpec.to_toml`
writes what `read_engine` reads back equal. Keys of servers are never in a file: a file names the variable that holds
one.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from spaniel.rag.packing.base import Packer
from spaniel.rag.packing.table import make_packer, settings_of
from spaniel.rag.packing.top_k import TopK
from spaniel.rag.pipelines.reading import check_keys, filled, nearest, read_table, too_deep, within
from spaniel.rag.pipelines.spec import ENGINE_TABLES, IndexSpec, PipelineSpec, name_in, pipeline_of
from spaniel.rag.pipelines.toml_text import toml_text
from spaniel.rag.pipelines.writing import table_of
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .generator_specs import GENERATORS, ExtractiveSpec, GeneratorSpec
from .parts import Limits
from .route_specs import RewriteSpec, RouteSpec

__all__ = ["AnswerSpec", "EngineSpec", "read_engine"]


@dataclass(frozen=True, slots=True)
class AnswerSpec(Limits):
    """How much is read and written, and who answers when the generator fails; see `Limits`.

    Attributes:
        counter: of tokens, as `models.counting.token_counter` takes it.
        fallback: "extractive": the embedded generator answers when the other one fails; by default that is an error.
    """

    counter: str = "estimate"
    fallback: Literal["extractive"] | None = None

    @property
    def limits(self) -> Limits:
        """The part that says how much."""
        return Limits(**{name: getattr(self, name) for name in Limits.__slots__})


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Everything that a file can say about an engine.

    Attributes:
        name: the pipeline's, where there is one.
        pipeline: how passages are found; None for what the index offers.
        packer, generator: what is read of them, and who writes.
        route, rewrite: policies that learn; None for none.
    """

    name: str = "engine"
    pipeline: PipelineSpec | None = None
    answer: AnswerSpec = field(default_factory=AnswerSpec)
    packer: Packer = field(default_factory=TopK)
    generator: GeneratorSpec = field(default_factory=ExtractiveSpec)
    route: RouteSpec | None = None
    rewrite: RewriteSpec | None = None

    def __post_init__(self) -> None:
        if self.pipeline is not None:
            object.__setattr__(self, "name", self.pipeline.name)

    @property
    def pipelines(self) -> list[PipelineSpec | None]:
        """Its own and those of the route's arms; None for what the index offers.

        Raises:
            InvalidInput: an arm names none.
        """
        return [self.pipeline, *([] if self.route is None else self.route.pipelines.values())]

    @property
    def unanswerable(self) -> list[str]:
        """Arms of the route that can only end without an answer: no search, and no model that knows anything itself."""
        if self.route is None or not isinstance(self.generator, ExtractiveSpec):
            return []
        return [name for name, meant in self.route.arms.items() if not meant]

    def to_table(self) -> dict[str, Any]:
        """The keys of its file; what is at its default is left out."""
        table: dict[str, Any] = {"name": self.name} if self.pipeline is None else self.pipeline.to_table()
        plain = EngineSpec()
        if answer := table_of(self.answer):
            table["answer"] = answer
        if self.packer != plain.packer:
            table["pack"] = {"type": self.packer.name, **settings_of(self.packer)}
        if self.generator != plain.generator:
            table["generator"] = {"type": self.generator.type, **table_of(self.generator)}
        if self.route is not None:
            table["route"] = table_of(self.route)
        if self.rewrite is not None:
            table["rewrite"] = table_of(self.rewrite)
        return table

    def to_toml(self) -> str:
        """A file that `read_engine` reads back equal."""
        return toml_text(self.to_table())

    def to_json(self) -> dict[str, JSON]:
        """What decides its answers, for keys of a cache: role -> what plays it."""
        return {
            "pipeline": "default" if self.pipeline is None else self.pipeline.to_json(),
            "generator": repr(self.generator),
            "packer": repr(self.packer),
            "counter": self.answer.counter,
            "fallback": self.answer.fallback or "none",
            "router": "none" if self.route is None else self.route.to_json(),
            "rewriter": repr(self.rewrite),
        }


def read_engine(path: str | os.PathLike[str]) -> EngineSpec:
    """An engine out of a TOML file. A pipeline's file is one, with everything else at its default.

    Raises:
        InvalidInput: not TOML, a key or type that is not known (the nearest one is named), a value that cannot be,
            or a file that cannot be read.
    """
    file = Path(path)
    table = read_table(file)
    try:
        return _spec(table, file)
    except RecursionError:  # keys with thousands of dots make tables as deep without any recursion in tomllib
        raise too_deep(file) from None


def _spec(table: Mapping[str, Any], file: Path) -> EngineSpec:
    check_keys(table, ("name", "index", "stages", *ENGINE_TABLES), str(file))
    pipeline = None
    if table.get("stages"):
        pipeline = pipeline_of(table, file)
    elif "index" in table:
        filled(IndexSpec, table["index"], f"{file}: index")
        raise InvalidInput(str(file), "has [index] and no [[stages]]: only a pipeline needs an index to be so or so")
    read = {key: _table(table, key, file) for key in ENGINE_TABLES if key in table}
    return EngineSpec(
        name_in(table, file),
        pipeline,
        filled(AnswerSpec, read.get("answer", {}), f"{file}: answer"),
        _packer(read.get("pack", {}), f"{file}: pack"),
        _generator(read.get("generator", {}), f"{file}: generator"),
        filled(RouteSpec, read["route"], f"{file}: route") if "route" in read else None,
        filled(RewriteSpec, read["rewrite"], f"{file}: rewrite") if "rewrite" in read else None,
    )


def _table(table: Mapping[str, Any], key: str, file: Path) -> dict[str, Any]:
    found = table[key]
    if not isinstance(found, dict):
        raise InvalidInput(str(file), f"{key} is {found!r}; it must be a table, begun with [{key}]")
    return found


def _packer(table: Mapping[str, Any], where: str) -> Packer:
    settings = {key: value for key, value in table.items() if key != "type"}
    try:
        return make_packer(table.get("type", TopK.name), **settings)
    except InvalidInput as error:
        raise within(where, error) from None


def _generator(table: Mapping[str, Any], where: str) -> GeneratorSpec:
    name = table.get("type", ExtractiveSpec.type)
    if not isinstance(name, str) or name not in GENERATORS:
        raise InvalidInput(where, f"no generator is of type {name!r}; {nearest(str(name), GENERATORS)}")
    rest = {key: value for key, value in table.items() if key != "type"}
    made: GeneratorSpec = filled(GENERATORS[name], rest, f"{where} ({name})")
    return made

"""What an index is built with and keeps: analyser, fields, scorer, named columns. Plain data in the manifest.

A document's words lie in one field `contents` (its title, then its text), as Anserini indexes flat collections; or in
`title` and `text` apart, each with its weight in the score.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spaniel.retrieval.errors import IndexCorrupt, InvalidInput
from spaniel.retrieval.types import JSON, Document, Passage

from .analysis import Analyzer, AnalyzerSpec
from .chunking.settings import ChunkSettings
from .dense.settings import DenseSettings, checked_name
from .passage_rows import checked_columns
from .sparse.scorers import Scorer
from .sparse.settings import SparseSettings
from .where_sql import ColumnType

__all__ = ["FIELDS", "VECTOR_FIELD", "IndexSettings"]

FIELDS = ("contents", "title", "text")
VECTOR_FIELD = "vector"


@dataclass(frozen=True, slots=True)
class IndexSettings:
    """Fixed when the index is built; adding to it and searching it follow them.

    Attributes:
        analyzer: how text becomes terms; None for learned sparse vectors, whose terms come ready-made.
        fields: field -> weight, in the order in which the sparse part numbers them.
        scorer: the scorer that impacts are built for, and that `bm25()` uses unless told otherwise.
        columns: field of `meta` -> type, for the fields that get a column and an index of their own.
        dense: name -> model and store, for each dense part that every segment has.
        chunks: how documents are cut into passages; None where each is one.

    Raises:
        InvalidInput: a field, weight or column that cannot be.
    """

    analyzer: AnalyzerSpec | None = field(default_factory=AnalyzerSpec)
    fields: Mapping[str, float] = field(default_factory=lambda: {"contents": 1.0})
    scorer: Scorer = field(default_factory=Scorer)
    columns: Mapping[str, ColumnType] = field(default_factory=dict)
    dense: Mapping[str, DenseSettings] = field(default_factory=dict)
    chunks: ChunkSettings | None = None

    def __post_init__(self) -> None:
        if self.analyzer is None and list(self.fields) != [VECTOR_FIELD]:
            raise InvalidInput("fields", f"learned sparse vectors have the one field {VECTOR_FIELD!r}")
        if not self.fields:
            raise InvalidInput("fields", f"none given; known are {', '.join(FIELDS)}")
        for name, weight in self.fields.items():
            if name not in FIELDS and self.analyzer is not None:
                raise InvalidInput("fields", f"{name!r} is not one of {', '.join(FIELDS)}")
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
                raise InvalidInput("fields", f"the weight of {name!r} is {weight!r}; it must be a number above 0")
        if "contents" in self.fields and len(self.fields) > 1:
            raise InvalidInput("fields", "'contents' is title and text together and stands alone")
        checked_columns(self.columns)
        for name in self.dense:
            checked_name(name)

    @property
    def sparse(self) -> SparseSettings:
        """The part of them that the sparse part is made with."""
        return SparseSettings(self.fields, self.scorer)

    def field_texts(self, document: Document | Passage) -> tuple[str, ...]:
        """The document's text in each field, in the order of `fields`."""
        if "contents" in self.fields:
            return (f"{document.title}\n{document.text}" if document.title else document.text,)
        return tuple(document.title if name == "title" else document.text for name in self.fields)

    def to_json(self) -> dict[str, JSON]:
        """As it stands in the manifest; an index says nothing of dense parts and chunks where it has none (format
        version 1)."""
        dense: dict[str, JSON] = {name: settings.to_json() for name, settings in self.dense.items()}
        return {
            "analyzer": self.analyzer.to_dict() if self.analyzer else None,
            "fields": {name: float(weight) for name, weight in self.fields.items()},
            "scorer": asdict(self.scorer),
            "columns": dict(self.columns),
            **({"dense": dense} if dense else {}),
            **({"chunks": self.chunks.to_json()} if self.chunks is not None else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], path: Path) -> "IndexSettings":
        """The inverse of `to_json`.

        Raises:
            IndexCorrupt: `path`, the manifest, says something else.
        """
        keys = {"analyzer", "fields", "scorer", "columns"}
        given = {name: value for name, value in data.items() if (name, value) != ("analyzer", None)}
        if set(data) - {"dense", "chunks"} != keys or not all(isinstance(value, dict) for value in given.values()):
            raise IndexCorrupt(path, f"its settings {sorted(data)} are not those of an index of this release")
        try:
            analyzer = AnalyzerSpec.from_dict(data["analyzer"]) if data["analyzer"] else None
            dense = {name: DenseSettings.from_json(value) for name, value in data.get("dense", {}).items()}
            scorer, columns = Scorer(**data["scorer"]), checked_columns(data["columns"])
            chunks = ChunkSettings.from_json(data["chunks"]) if "chunks" in data else None
            return cls(analyzer, data["fields"], scorer, columns, dense, chunks)
        except (TypeError, ValueError, KeyError) as error:
            raise IndexCorrupt(path, f"its settings cannot be used: {error}") from error

    def open_analyzer(self) -> Analyzer | None:
        """The analyser itself."""
        return Analyzer(self.analyzer) if self.analyzer else None

"""A run: what a pipeline found for a set of queries, stage by stage, in columns.

Ten million results are three arrays and one vocabulary, not ten million tuples. A run is frozen; `cut`, `without_self`
and `max_passage` give new ones. Its order is the order of its rows: retrieval decided it (score as float32 descending,
ties by ascending ordinal), and every measure trusts it. Files: `run_files.py`; runs from lists: `run_making.py`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import repeat
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.trec import ScoredId
from spaniel.retrieval.types import JSON, Ranking

from .columns import StageColumns

__all__ = ["Run", "StageColumns", "Ties"]

Ties: TypeAlias = Literal["ours", "trec_eval"]


@dataclass(frozen=True, eq=False)
class Run:
    """What a pipeline found, for every query it was asked.

    Attributes:
        name: how reports call it.
        query_ids: each once; a query that found nothing has no rows, one that was never asked does not stand here.
        document_ids: the vocabulary that `StageColumns.ids` point into, each once.
        stages: name -> rankings, in the order of the pipeline; the last is the result.
        ms: float64 (n_queries,), latency of each query in milliseconds (NaN: not measured); None when none was.
        card: what made it (hashes, versions, seed, hardware); {} when unknown.

    Raises:
        InvalidInput: no stage, stages of another number of queries, an id twice, a place outside the vocabulary, a
            document twice under one query.

    Example:
        >>> run = Run.from_rankings({"q1": [("a", 0.4), ("b", 0.9)], "q2": []}, name="toy")
        >>> run.ranking("q1")[0].id, len(run.final), run.query_ids
        ('b', 2, ('q1', 'q2'))
    """

    name: str
    query_ids: tuple[str, ...]
    document_ids: Sequence[str]
    stages: Mapping[str, StageColumns]
    ms: NDArray[np.float64] | None = None
    card: Mapping[str, JSON] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", MappingProxyType(dict(self.stages)))
        n_queries, n_documents = len(self.query_ids), len(self.document_ids)
        if not self.stages:
            raise InvalidInput("Run", f"run {self.name!r} has no stages; it needs at least one")
        if len(set(self.query_ids)) != n_queries:
            twice = next(id_ for place, id_ in enumerate(self.query_ids) if id_ in self.query_ids[:place])
            raise InvalidInput("Run", f"query {twice!r} stands there twice")
        if len(set(self.document_ids)) != n_documents:
            raise InvalidInput("Run", "an id stands twice in document_ids; each must stand there once")
        if self.ms is not None and (self.ms.dtype != np.float64 or self.ms.shape != (n_queries,)):
            raise InvalidInput("Run", f"ms is {self.ms.dtype} {self.ms.shape}; it must be float64 ({n_queries},)")
        for stage, columns in self.stages.items():
            self._check_stage(stage, columns)

    def _check_stage(self, stage: str, columns: StageColumns) -> None:
        """It covers our queries, points into our vocabulary, and has a document once a query."""
        if columns.n_queries != len(self.query_ids):
            raise InvalidInput(
                "Run", f"stage {stage!r} covers {columns.n_queries} queries, the run has {len(self.query_ids)}"
            )
        if len(columns) and not 0 <= columns.ids.min() <= columns.ids.max() < len(self.document_ids):
            raise InvalidInput(
                "Run", f"stage {stage!r} points outside the {len(self.document_ids)} ids of the vocabulary"
            )
        if (row := columns.repeated(len(self.document_ids))) is not None:
            query = int(np.searchsorted(columns.offsets, row, side="right")) - 1
            raise InvalidInput(
                "Run",
                f"document {self.document_ids[columns.ids[row]]!r} stands twice under query "
                f"{self.query_ids[query]!r} (stage {stage!r})",
                hint="results of passages become those of documents with Run.max_passage",
            )

    @classmethod
    def from_rankings(
        cls,
        rankings: Mapping[str, Iterable[tuple[str, float]]],
        *,
        name: str,
        stage: str = "final",
        ms: Mapping[str, float] | None = None,
        card: Mapping[str, JSON] | None = None,
    ) -> "Run":
        """A run of one stage from `{query id: [(document id, score), ...]}`.

        Sorted by descending score as float32; equal scores stay in the order given. Lists of `ScoredId` fit too.

        Raises:
            InvalidInput: ids that are not text, a score that is not finite, a document twice under a query.
        """
        from .run_making import from_rankings

        return from_rankings(rankings, name=name, stage=stage, ms=ms, card=card)

    @classmethod
    def from_lists(
        cls,
        queries: Sequence[str],
        documents: Sequence[str],
        scores: Sequence[float] | Sequence[str] | NDArray[Any],
        *,
        name: str,
        stage: str = "final",
        card: Mapping[str, JSON] | None = None,
    ) -> "Run":
        """A run of one stage from parallel columns, one row a result, in any order.

        Queries stand in the order of their first row; rows are sorted as in `from_rankings`. Scores may be text.

        Cost: about 0.2 us a row. Raises as `from_rankings`, and for columns of different lengths.
        """
        from .run_making import from_lists

        return from_lists(queries, documents, scores, name=name, stage=stage, card=card)

    @classmethod
    def from_ordinals(
        cls,
        query_ids: Sequence[str],
        stages: Mapping[str, Sequence[Ranking]],
        ids_of: Callable[[NDArray[np.int32]], Sequence[str]],
        *,
        name: str,
        ms: NDArray[np.float64] | None = None,
        card: Mapping[str, JSON] | None = None,
    ) -> "Run":
        """A run from what retrievers return: for each stage one `Ranking` of passage ordinals a query.

        Args:
            ids_of: called once, with every ordinal that occurs, ascending; gives their ids.
        """
        from .run_making import from_ordinals

        return from_ordinals(query_ids, stages, ids_of, name=name, ms=ms, card=card)

    @property
    def final(self) -> StageColumns:
        """The last stage: the result."""
        return self.stages[self._last]

    @property
    def _last(self) -> str:
        return list(self.stages)[-1]

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {query_id: place for place, query_id in enumerate(self.query_ids)}

    def __contains__(self, query_id: str) -> bool:
        """Whether the query was asked."""
        return query_id in self._places

    def place(self, query_id: str) -> int | None:
        """Where the query stands in `query_ids`; None when it was never asked."""
        return self._places.get(query_id)

    def ranking(self, query_id: str, *, stage: str | None = None) -> list[ScoredId]:
        """One query's results, best first, of the last stage or the one named; [] for a query never asked.

        Raises:
            InvalidInput: no such stage.
        """
        if stage is not None and stage not in self.stages:
            raise InvalidInput("Run.ranking", f"no stage {stage!r}; run {self.name!r} has {', '.join(self.stages)}")
        columns = self.final if stage is None else self.stages[stage]
        place = self.place(query_id)
        if place is None:
            return []
        rows = columns.rows(place)
        ids, scores = columns.ids[rows].tolist(), columns.scores[rows].tolist()
        return [ScoredId(self.document_ids[id_], score) for id_, score in zip(ids, scores, strict=True)]

    def cut(self, k: int) -> "Run":
        """The first k results of each query. Earlier stages stay whole: they say what was considered.

        Raises:
            InvalidInput: k below 1.
        """
        if k < 1:
            raise InvalidInput("Run.cut", f"k is {k}; it must be at least 1")
        return replace(self, stages={**self.stages, self._last: self.final.cut(k)})

    def without_self(self) -> "Run":
        """Without results that are the query itself (equal ids), in every stage.

        Where queries are documents of the collection (ArguAna, Quora) each finds itself first. Drop it before `cut`,
        else queries keep k - 1 results: retrieve k + 1, `without_self`, `cut(k)`.
        """
        n_ids = len(self.document_ids)
        self_of = np.fromiter(map(self._places.get, self.document_ids, repeat(-1)), np.int32, n_ids)
        if (self_of < 0).all():
            return self
        stages = {name: c.kept(self_of[c.ids] != c.query_of_rows()) for name, c in self.stages.items()}
        return replace(self, stages=stages)

    def max_passage(self, doc_of: Mapping[str, str] | Callable[[str], str]) -> "Run":
        """Passages replaced by their documents, each at the place and with the score of its best passage, every stage.

        MaxP (Dai and Callan, SIGIR 2019, sec. 3). Documents whose best passages tie stand in the order of those.

        Args:
            doc_of: passage id -> document id.

        Raises:
            InvalidInput: a passage that a mapping does not hold.
        """
        look_up = doc_of.get if isinstance(doc_of, Mapping) else doc_of
        documents: dict[str, int] = {}
        codes = np.zeros(len(self.document_ids), np.int32)
        for place, passage in enumerate(self.document_ids):
            document = look_up(passage)
            if document is None:
                raise InvalidInput("Run.max_passage", f"passage {passage!r} has no document in the mapping given")
            codes[place] = documents.setdefault(document, len(documents))
        stages = {name: columns.first_of_each(codes) for name, columns in self.stages.items()}
        return replace(self, document_ids=tuple(documents), stages=stages)

    def columns(self) -> dict[str, NDArray[Any]]:
        """Every stage flat, for a data frame: arrays "query", "passage", "stage" (object), "rank" (from 1), "score".

        Example:
            >>> run = Run.from_rankings({"q1": [("a", 0.5)]}, name="toy")
            >>> {name: column.tolist() for name, column in run.columns().items()}
            {'query': ['q1'], 'passage': ['a'], 'rank': [1], 'score': [0.5], 'stage': ['final']}
        """
        queries, documents = np.array(self.query_ids, object), np.array(self.document_ids, object)
        stages = self.stages.values()
        names = np.array(list(self.stages), object)
        return {
            "query": np.concatenate([queries[c.query_of_rows()] for c in stages]),
            "passage": np.concatenate([documents[c.ids] for c in stages]),
            "rank": np.concatenate([c.ranks() for c in stages]),
            "score": np.concatenate([c.scores for c in stages]),
            "stage": np.repeat(names, [len(c) for c in stages]),
        }

    def to_trec(self, path: str | Path) -> None:
        """Write the last stage as a TREC run (`query Q0 document rank score name`), whole or not at all; .gz packs.

        Scores are written so that they fall strictly: every reader then sees our order (`retrieval.trec`).

        Raises:
            InvalidInput: an id or the name holds a blank.
        """
        from .run_files import write_trec

        write_trec(self, path)

    def to_jsonl(self, path: str | Path) -> None:
        """Write all of it, stages, latencies and card, as JSON lines (`run_files.py`); whole or not at all."""
        from .run_files import write_jsonl

        write_jsonl(self, path)

    @classmethod
    def read(cls, path: str | Path, *, name: str | None = None, ties: Ties = "ours") -> "Run":
        """Read a run: JSON lines when the name ends in .jsonl or .jsonl.gz, else TREC.

        Args:
            name: by default the one that stands in the file.
            ties: "ours" keeps the order of the rank column among equal scores (TREC) or that of the file (JSON lines);
                "trec_eval" orders as trec_eval does, by float32 score, then *descending* document id, to compare with
                published figures.

        Raises:
            FileNotFoundError: no such file.
            InvalidInput: what stands there is no run; file and line are named.
        """
        from .run_files import read

        return read(path, name=name, ties=ties)

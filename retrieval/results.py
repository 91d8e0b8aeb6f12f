"""What a person gets: hits with their texts, and how long each stage took.

Made late, for the few passages that are shown; the search itself works on `Ranking`s.
"""

import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np

from .answers import stage_table
from .protocols import PassageStore
from .trec import format_run
from .types import JSON, Meta, Passage, Ranking, StagePlace, StageRecord

__all__ = ["Hit", "Results"]


@dataclass(frozen=True, slots=True)
class Hit:
    """One passage found.

    Attributes:
        rank: from 1.
        id: the passage's id.
        stages: where it stood after each stage that has seen it, first stage first.
    """

    rank: int
    score: float
    id: str
    passage: Passage
    stages: tuple[StagePlace, ...] = ()

    @property
    def text(self) -> str:
        """The passage's text."""
        return self.passage.text

    @property
    def title(self) -> str:
        """The title of its document."""
        return self.passage.title

    @property
    def meta(self) -> Meta:
        """The metadata of its document."""
        return self.passage.meta

    def to_dict(self) -> dict[str, JSON]:
        """`{"rank", "score", "id", "title", "text", "meta"}`."""
        return {
            "rank": self.rank,
            "score": self.score,
            "id": self.id,
            "title": self.title,
            "text": self.text,
            "meta": dict(self.meta),
        }


@dataclass(frozen=True, slots=True)
class Results(Sequence[Hit]):
    """The hits of one query, best first.

    Example:
        >>> from spaniel.retrieval.types import Passage
        >>> found = Results("dogs", (Hit(1, 2.5, "a", Passage("a", "a", 0, 8, "Good dog")),), ms=0.4)
        >>> found[0].text, found.to_dict()["ms"]
        ('Good dog', 0.4)
    """

    query: str
    hits: tuple[Hit, ...] = ()
    trace: tuple[StageRecord, ...] = ()
    ms: float = 0.0

    @classmethod
    def fetch(
        cls,
        query: str,
        ranking: Ranking,
        passages: PassageStore,
        *,
        trace: Iterable[StageRecord] = (),
        steps: Sequence[tuple[str, Ranking]] = (),
        ms: float = 0.0,
    ) -> "Results":
        """Read the texts of a ranking.

        Args:
            steps: (stage, its ranking), in order; they become `Hit.stages`.
        """
        found = passages.get(ranking.ids)
        places = [{int(id_): rank for rank, id_ in enumerate(step.ids, 1)} for _, step in steps]
        hits = []
        for rank, ((ordinal, score), passage) in enumerate(zip(ranking, found, strict=True), 1):
            stages = tuple(
                StagePlace(name, place[ordinal], float(step.scores[place[ordinal] - 1]))
                for (name, step), place in zip(steps, places, strict=True)
                if ordinal in place
            )
            hits.append(Hit(rank, score, passage.id, passage, stages))
        return cls(query, tuple(hits), tuple(trace), ms)

    def timed(self, ms: float) -> "Results":
        """The same results, with how long they took in all."""
        return replace(self, ms=ms)

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    @overload
    def __getitem__(self, place: int) -> Hit: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, place: int | slice) -> Hit | tuple[Hit, ...]:
        return self.hits[place]

    def to_dict(self) -> dict[str, JSON]:
        """`{"query", "hits": [{"rank", "score", "id", "title", "text", "meta"}], "ms"}`."""
        return {"query": self.query, "hits": [hit.to_dict() for hit in self.hits], "ms": self.ms}

    def to_trec(self, query_id: str, *, tag: str = "spaniel") -> str:
        """Lines of a TREC run (see `trec.format_run`)."""
        scores = np.array([hit.score for hit in self.hits], dtype=np.float32)
        return format_run(query_id, [hit.id for hit in self.hits], scores, tag=tag)

    def explain(self) -> str:
        """The stages as a table of lines: name, passages in and out, milliseconds; then why policies cut there."""
        return "\n".join(stage_table(self.trace, n_out=len(self), ms=self.ms))

    def _repr_html_(self) -> str:
        """A table for notebooks; everything that comes from documents is escaped."""
        rows = "".join(
            f"<tr><td>{hit.rank}</td><td>{hit.score:.3f}</td><td>{html.escape(hit.id)}</td>"
            f"<td>{html.escape(_shortened(hit.title, 80))}</td><td>{html.escape(_shortened(hit.text, 200))}</td></tr>"
            for hit in self.hits
        )
        head = "".join(f"<th>{name}</th>" for name in ("rank", "score", "id", "title", "text"))
        caption = f"{html.escape(self.query)}: {len(self)} hits, {self.ms:.1f} ms"
        return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _shortened(text: str, n: int) -> str:
    """At most n characters on one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= n else flat[: n - 1].rstrip() + "…"

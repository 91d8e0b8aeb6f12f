"""What a collection is, once it has been read."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from spaniel.eval.qrels import Qrels
from spaniel.retrieval.types import Document, Meta

from .records import documents

__all__ = ["Collection", "CollectionInfo", "MatchedBy", "Published"]

MatchedBy: TypeAlias = Literal["sha256", "counts", "name", ""]


class Published(NamedTuple):
    """One figure that others have published for a collection; `value` in [0, 1], as exact as its source gives it."""

    system: str
    measure: str
    value: float
    source: str


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """What is known of a collection beyond its files.

    Attributes:
        registered: its name in the registry, "" for a collection that is not there.
        matched_by: how it was recognised: its corpus has a known hash; its name and its counts are the registry's;
            its name only (then `published` is empty, because it is another corpus); or not at all.
        title: for people.
        official_measure: the one its papers report.
        drop_self: a document with the query's own id does not count (ArguAna, Quora: the queries are in the corpus).
        relevance: lowest grade that binary measures (AP, R, RR, P) take as relevant; nDCG uses the grades.
        language: what `spaniel.build(language=...)` takes.
        parts: names of the parts whose macro mean is reported; empty for one that stands alone.
        published: figures of others.
        licence: a note, not advice.
    """

    registered: str = ""
    matched_by: MatchedBy = ""
    title: str = ""
    official_measure: str = "nDCG@10"
    drop_self: bool = False
    relevance: int = 1
    language: str = "english"
    parts: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    licence: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Collection:
    """Documents, queries and judgements to evaluate on. `spaniel.collection` makes them.

    Attributes:
        name, split: as results name them.
        path: what `spaniel.build` reads the corpus from.
        queries: id -> text of the queries to run, in the order of the judgements.
        query_meta: id -> whatever else stood beside the query, gold answers under `answers`.
        qrels: query id -> document id -> grade; every query of it is in `queries`.
        counts: how much there is, and how often something odd; the names are listed in docs/collections.md.
        sha256: of the uncompressed bytes of "corpus", "queries" and "qrels" (and "answers" where there are any).
        warnings: sentences about what was odd.
        corpus: the file of the documents.

    One of several parts (`info.parts`) has no queries of its own: see `parts`.
    """

    name: str
    split: str
    path: Path
    queries: Mapping[str, str]
    query_meta: Mapping[str, Meta]
    qrels: Qrels
    info: CollectionInfo = CollectionInfo()
    counts: Mapping[str, int] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    corpus: Path | None = None
    load_parts: Callable[[], list["Collection"]] | None = None

    def documents(self) -> Iterator[Document]:
        """Every document in the order of the corpus, read as it goes; those of all parts, one part after the other.

        Raises:
            InvalidInput: a malformed record, named by file and line.
        """
        if self.corpus is not None:
            yield from documents(self.corpus)
            return
        for part in self.parts():
            yield from part.documents()

    def parts(self) -> list["Collection"]:
        """The parts, each a collection; itself when it stands alone. Cost: reads the files of every part."""
        return [self] if self.load_parts is None else self.load_parts()

    def __repr__(self) -> str:
        size = f"{len(self.queries)} queries" if self.load_parts is None else f"{len(self.info.parts)} parts"
        return f"Collection({self.name!r}, split={self.split!r}, {size}, {self.counts.get('documents', 0)} documents)"

"""`spaniel.collection`: from a folder, a zip or a name to documents, queries and judgements that have been looked at.

Nothing is repaired in silence. What can be read in one way is read, counted and reported in `Collection.warnings`;
what could be read in two is an error that names file and line.
"""

from os import PathLike
from pathlib import Path

from spaniel.eval.cache import cache_folder
from spaniel.retrieval.download import OnBytes
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Meta

from .corpus import CorpusScan, scan_corpus
from .folder import Files, choose_split, corpus_of, files_of, part_folders
from .judgements import QrelsFile, read_judgements
from .queries import Queries, read_answers, read_queries
from .registry import Seen, info_of, info_of_parts
from .source import folder_of
from .values import Collection

__all__ = ["collection"]


def collection(
    name_or_path: str | PathLike[str],
    *,
    split: str | None = None,
    all: bool = False,
    queries: str | PathLike[str] | None = None,
    qrels: str | PathLike[str] | None = None,
    cache: str | PathLike[str] | None = None,
    offline: bool = False,
    on_bytes: OnBytes | None = None,
) -> Collection:
    """A collection to evaluate on.

    Args:
        name_or_path: a BEIR folder, a .zip of one, or a name from the registry (docs/collections.md lists them).
        split: which judgements; by default test, else the only ones, else dev.
        all: every query, also those without judgements.
        queries: a file of queries or TREC topics to take instead of the folder's.
        qrels: a file of judgements, BEIR's form or TREC's, to take instead of the folder's.
        cache: folder for what is downloaded and unpacked; by default $SPANIEL_CACHE, else $XDG_CACHE_HOME/spaniel, else
            ~/.cache/spaniel.
        offline: never open a connection.
        on_bytes: called while downloading with (bytes so far, bytes in all or None).

    Raises:
        InvalidInput: no such collection or split, or a file that cannot be read in one way; names file, line, remedy.

    Cost: one pass over the corpus; memory for the queries, the judgements and 8 bytes a document.

    Example:
        >>> scifact = collection("scifact")  # doctest: +SKIP
        >>> len(scifact.queries), scifact.counts["documents"]  # doctest: +SKIP
        (300, 5183)
    """
    if not isinstance(name_or_path, str | PathLike):
        raise InvalidInput("collection", f"{name_or_path!r} is {type(name_or_path).__name__}; pass a name or a path")
    name, folder, meant = folder_of(name_or_path, cache=cache_folder(cache), offline=offline, on_bytes=on_bytes)
    split = split or meant
    if corpus_of(folder) is None and (parts := part_folders(folder)):
        if queries is not None or qrels is not None:
            raise InvalidInput(str(folder), "has several parts; queries= and qrels= go with one of them")
        return _of_parts(name, folder, parts, split=split, all_queries=all)
    files = files_of(folder, queries=_path(queries), qrels=_path(qrels))
    return _loaded(name, files, choose_split(files, split), all_queries=all)


def _path(value: str | PathLike[str] | None) -> Path | None:
    return None if value is None else Path(value)


def _of_parts(name: str, folder: Path, parts: list[Path], *, split: str | None, all_queries: bool) -> Collection:
    """The whole of several collections, each loaded when it is asked for."""

    def load_parts() -> list[Collection]:
        loaded = []
        for part in parts:
            files = files_of(part)
            loaded.append(_loaded(f"{name}-{part.name}", files, choose_split(files, split), all_queries=all_queries))
        return loaded

    names = tuple(f"{name}-{part.name}" for part in parts)
    chosen = choose_split(files_of(parts[0]), split)
    return Collection(name, chosen, folder, {}, {}, {}, info_of_parts(name, chosen, names), load_parts=load_parts)


def _loaded(name: str, files: Files, split: str, *, all_queries: bool) -> Collection:
    """Read the three files and compare them with one another."""
    judged = read_judgements(files.splits[split])
    asked = read_queries(files.queries)
    unknown = [query_id for query_id in judged.qrels if query_id not in asked.texts]
    qrels = {query_id: grades for query_id, grades in judged.qrels.items() if query_id in asked.texts}
    if not qrels:
        raise InvalidInput(
            str(files.splits[split]),
            f"none of its {len(judged.qrels)} queries is in {files.queries}",
            hint="the two files belong to different collections, or the ids are written differently",
        )
    texts = asked.texts if all_queries else {query_id: asked.texts[query_id] for query_id in qrels}
    wanted = {document_id for grades in qrels.values() for document_id in grades}
    scan = scan_corpus(files.corpus, wanted, texts)
    hashes = {"corpus": scan.sha256, "queries": asked.sha256, "qrels": judged.sha256}
    counts = _counts(judged, asked, scan, qrels, texts) | {"judged_queries_unknown": len(unknown)}
    seen = Seen(name, split, scan.sha256, scan.documents, len(qrels))
    info, doubts = info_of(seen)
    if counts["queries_in_corpus"] and not info.drop_self:
        n = counts["queries_in_corpus"]
        doubts.append(f"{n} queries stand in the corpus under their own id; a retriever finds them first")
    return Collection(
        name,
        split,
        files.folder,
        texts,
        _meta(files, asked, texts),
        qrels,
        info,
        counts,
        hashes,
        tuple(_warnings(counts, files, split) + doubts),
        files.corpus,
    )


def _meta(files: Files, asked: Queries, texts: dict[str, str]) -> dict[str, Meta]:
    """What stood beside each query, and its answers."""
    answers = read_answers(files.answers) if files.answers is not None else {}
    return {query_id: {**answers.get(query_id, {}), **asked.meta[query_id]} for query_id in texts}


def _counts(
    judged: QrelsFile, asked: Queries, scan: CorpusScan, qrels: dict[str, dict[str, int]], texts: dict[str, str]
) -> dict[str, int]:
    """Everything counted; docs/collections.md says what each name means."""
    grades = [grade for grades in qrels.values() for grade in grades.values()]
    absent = sum(document_id in scan.absent for grades in qrels.values() for document_id in grades)
    return {
        "documents": scan.documents,
        "queries": len(texts),
        "judged_queries": len(qrels),
        "judgements": len(grades),
        "relevant": sum(grade > 0 for grade in grades),
        "queries_without_relevant": sum(max(grades.values()) <= 0 for grades in qrels.values()),
        "queries_without_judgements": sum(query_id not in qrels for query_id in asked.texts),
        "absent_documents_judged": absent,
        "negative_grades": judged.negative,
        "odd_grades": judged.odd,
        "duplicate_judgements": judged.duplicates,
        "duplicate_queries": asked.duplicates,
        "duplicate_documents": scan.duplicates,
        "empty_queries": asked.empty,
        "queries_with_a_documents_id": scan.same_id,
        "queries_in_corpus": scan.same_text,
        "blank_lines": judged.blank + asked.blank + scan.blank,
    }


UNJUDGED = "have no judgement and do not count"
"""How a warning ends that is not true where answers are evaluated."""

_WARNINGS = {
    "judged_queries_unknown": "{n} judged queries are not in {queries}; they cannot be run and are left out",
    "absent_documents_judged": "{n} judgements of {qrels} are about documents that {corpus} does not have; "
    "they are kept, so relevant ones lower recall",
    "queries_without_relevant": "{n} judged queries have no relevant document; they score 0 and lower every mean",
    "odd_grades": '{n} grades of {qrels} are not written as plain whole numbers (such as "1.0") and were read as such',
    "negative_grades": "{n} grades of {qrels} are negative; they count as not relevant",
    "duplicate_judgements": "{n} judgements stand in {qrels} more than once, with the same grade",
    "duplicate_queries": "{n} queries stand in {queries} more than once, with the same text",
    "duplicate_documents": "{n} documents of {corpus} have an id that stood there before; "
    "an index is built only when told what to do with them (on_duplicate, --on-duplicate)",
    "empty_queries": "{n} queries have no text",
    "blank_lines": "{n} blank lines were stepped over",
}


def _warnings(counts: dict[str, int], files: Files, split: str) -> list[str]:
    """A sentence for everything odd that was counted."""
    names = {"qrels": files.splits[split].name, "queries": files.queries.name, "corpus": files.corpus.name}
    found = [text.format(n=counts[key], **names) for key, text in _WARNINGS.items() if counts[key]]
    # With several splits it is the rule that a query is judged in one of them only.
    if (n := counts["queries_without_judgements"]) and len(files.splits) == 1:
        found.append(f"{n} queries of {names['queries']} {UNJUDGED}")
    return found

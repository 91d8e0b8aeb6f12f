"""Where the files of a collection lie in its folder, and which splits it has.

corpus.jsonl[.gz]                     the documents
queries.jsonl[.gz], queries.tsv       the queries; or topics.* in any of TREC's forms
qrels/SPLIT.tsv[.gz]                  judgements, one file a split (.txt, .qrels and .trec too)
qrels.txt, qrels.SPLIT.txt            judgements as TREC distributes them
answers.jsonl[.gz]                    gold answers, when there are any
"""

import re
from dataclasses import dataclass
from pathlib import Path

from spaniel.retrieval.errors import InvalidInput

__all__ = ["Files", "choose_split", "corpus_of", "files_of", "part_folders", "queries_of", "require_corpus"]

_CORPUS = ("corpus.jsonl", "corpus.jsonl.gz")
_QUERIES = ("queries.jsonl", "queries.jsonl.gz", "queries.tsv", "queries.tsv.gz")
_TOPICS = re.compile(r"(?:topics(?:\..+)?|.+\.topics)", re.IGNORECASE)
_QRELS_FILE = re.compile(r"(.+?)\.(?:tsv|txt|qrels|trec)(?:\.gz)?", re.IGNORECASE)
_QRELS_BESIDE = re.compile(r"qrels(?:\.(.+?))??(?:\.(?:tsv|txt|trec))?(?:\.gz)?", re.IGNORECASE)
_DEFAULT_SPLITS = ("test", "dev")


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one collection; `splits` maps each split to its judgements."""

    folder: Path
    corpus: Path
    queries: Path
    splits: dict[str, Path]
    answers: Path | None


def corpus_of(folder: Path) -> Path | None:
    """The corpus file of a folder, if it has one."""
    return _first(folder, _CORPUS)


def require_corpus(folder: Path) -> Path:
    """The corpus file of a folder.

    Raises:
        InvalidInput: it has none; the hint lists what there is.
    """
    corpus = corpus_of(folder)
    if corpus is None:
        raise InvalidInput(str(folder), "no corpus.jsonl or corpus.jsonl.gz in this folder", hint=_layout(folder))
    return corpus


def part_folders(folder: Path) -> list[Path]:
    """Folders below that are collections themselves, by name."""
    return [entry for entry in _entries(folder) if entry.is_dir() and corpus_of(entry) is not None]


def files_of(folder: Path, *, queries: Path | None = None, qrels: Path | None = None) -> Files:
    """The files of a collection's folder; queries and judgements given take the place of those in it.

    Raises:
        InvalidInput: something is missing, or there is more than one to choose from; the message names what was found.
    """
    corpus = require_corpus(folder)
    splits = _splits(folder) if qrels is None else {_split_of(qrels): qrels}
    if not splits:
        raise InvalidInput(str(folder), "no judgements (qrels/SPLIT.tsv or qrels.txt)", hint=_layout(folder))
    answers = _first(folder, ("answers.jsonl", "answers.jsonl.gz"))
    return Files(folder, corpus, queries or queries_of(folder), splits, answers)


def choose_split(files: Files, wanted: str | None) -> str:
    """The split wanted; by default test, else the only one, else dev.

    Raises:
        InvalidInput: there is no such split, or no default; the splits there are listed.
    """
    there = ", ".join(files.splits)
    if wanted is not None:
        if wanted not in files.splits:
            raise InvalidInput(str(files.folder), f"no split {wanted!r}", hint=f"this collection has: {there}")
        return wanted
    if len(files.splits) == 1:
        return next(iter(files.splits))
    for name in _DEFAULT_SPLITS:
        if name in files.splits:
            return name
    raise InvalidInput(str(files.folder), "several splits and none is the default", hint=f"choose one of: {there}")


def queries_of(folder: Path) -> Path:
    """The file of queries or topics of a folder.

    Raises:
        InvalidInput: none, or several files of topics.
    """
    beir = _first(folder, _QUERIES)
    if beir is not None:
        return beir
    topics = [entry for entry in _entries(folder) if entry.is_file() and _TOPICS.fullmatch(entry.name)]
    if not topics:
        raise InvalidInput(str(folder), "no queries (queries.jsonl or topics.txt)", hint=_layout(folder))
    if len(topics) > 1:
        names = ", ".join(entry.name for entry in topics)
        raise InvalidInput(str(folder), f"several files of topics: {names}", hint="choose one with queries=")
    return topics[0]


def _splits(folder: Path) -> dict[str, Path]:
    """Split -> file, by name."""
    found: dict[str, Path] = {}
    below = folder / "qrels"
    inside = [(entry, _QRELS_FILE.fullmatch(entry.name)) for entry in (_entries(below) if below.is_dir() else [])]
    beside = [(entry, _QRELS_BESIDE.fullmatch(entry.name)) for entry in _entries(folder)]
    for entry, match in [*inside, *beside]:
        if match is None or not entry.is_file():
            continue
        split = match.group(1) or "test"
        if split in found:
            raise InvalidInput(
                str(folder), f"two files for split {split!r}: {found[split].name} and {entry.name}", hint="remove one"
            )
        found[split] = entry
    return found


def _split_of(path: Path) -> str:
    """The split that a file of judgements names: the part of its name that is not about its kind."""
    beside = _QRELS_BESIDE.fullmatch(path.name)
    inside = _QRELS_FILE.fullmatch(path.name)
    return (beside and (beside.group(1) or "test")) or (inside and inside.group(1)) or path.name


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name, without hidden files.

    Raises:
        InvalidInput: it cannot be listed.
    """
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise InvalidInput(str(folder), f"cannot be listed ({error.strerror})") from error


def _layout(folder: Path) -> str:
    names = [entry.name + "/" * entry.is_dir() for entry in _entries(folder)]
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "") if names else "nothing"
    return f"a collection has corpus.jsonl, queries.jsonl and qrels/test.tsv; this folder has {shown}"

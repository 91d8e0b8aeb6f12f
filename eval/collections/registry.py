"""What is known of named collections: quirks, rules and published figures.

The facts stand in two files beside this one, registry.toml and published.toml, and nothing of them in code. A
collection is recognised by the hash of its corpus, else by its name and its numbers of documents and judged queries.
Rules (self-retrieval, measure, lowest relevant grade) go with the name; published figures are shown only when corpus,
split and number of judged queries are those they were measured on.
"""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

from spaniel.retrieval.errors import InvalidInput

from .values import CollectionInfo, MatchedBy, Published

__all__ = ["Entry", "Seen", "entries", "entry_of", "info_of", "info_of_parts", "published", "resolve"]

_MEASURES = ("nDCG@10", "R@100")


@dataclass(frozen=True, slots=True)
class Entry:
    """One named collection, as registry.toml has it.

    Attributes:
        documents, queries: how many; queries are the judged ones of the split "test".
        md5, size_bytes: of the zip, where it is published.
        sha256: hashes that its uncompressed corpus.jsonl may have.
        parts: names of its folders, when it is evaluated as the macro mean of parts; `part_of` points back.
        rules: split -> what is different there.
    """

    name: str
    title: str
    family: str
    documents: int
    queries: int
    splits: tuple[str, ...]
    md5: str | None = None
    size_bytes: int | None = None
    sha256: tuple[str, ...] = ()
    drop_self: bool = False
    official_measure: str = "nDCG@10"
    relevance: int = 1
    language: str = "english"
    licence: str = ""
    parts: tuple[str, ...] = ()
    part_of: str = ""
    rules: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def url(self) -> str | None:
        """Where its zip is, when it is public."""
        place = _data("registry.toml")["locations"].get(self.family)
        return place.format(name=self.name) if place and self.md5 else None

    def rule(self, split: str, name: str, default: Any) -> Any:
        """A value that may differ between splits."""
        return (self.rules or {}).get(split, {}).get(name, default)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found of a collection, to compare with the registry."""

    name: str
    split: str
    corpus_sha256: str
    documents: int
    judged_queries: int


@lru_cache(maxsize=1)
def entries() -> Mapping[str, Entry]:
    """Every collection of the registry by name."""
    return {name: _entry(name, fields) for name, fields in _data("registry.toml")["sets"].items()}


def resolve(name: str) -> tuple[Entry, str | None]:
    """The entry of a name or of another name for it, and the split that such a name means.

    Raises:
        InvalidInput: an unknown name, with the nearest ones.
    """
    known, aliases = entries(), _data("registry.toml")["aliases"]
    target, _, split = aliases.get(name.lower(), name.lower()).partition(":")
    if target in known:
        return known[target], split or None
    near = difflib.get_close_matches(name.lower(), [*known, *aliases], n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise InvalidInput(
        name, "no such folder or file, and no such name in the registry", hint + "see docs/collections.md"
    )


def entry_of(seen: Seen) -> tuple[Entry | None, MatchedBy]:
    """The entry that a collection found on disk belongs to, and how it was recognised."""
    for entry in entries().values():
        if seen.corpus_sha256 in entry.sha256:
            return entry, "sha256"
    name = _data("registry.toml")["aliases"].get(seen.name.lower(), seen.name.lower()).partition(":")[0]
    by_name = entries().get(name)
    if by_name is None:
        return None, ""
    return by_name, "counts" if by_name.documents == seen.documents else "name"


def info_of(seen: Seen) -> tuple[CollectionInfo, list[str]]:
    """What the registry says about a collection, and what has to be said about that."""
    entry, matched_by = entry_of(seen)
    if entry is None:
        return CollectionInfo(), []
    n_queries = entry.rule(seen.split, "queries", entry.queries if seen.split == "test" else None)
    figures, warnings = published(entry.name, seen.split), []
    if matched_by == "name":
        figures = ()
        warnings.append(
            f"only its name is that of {entry.title}: it has {seen.documents:,} documents and the registry's has "
            f"{entry.documents:,}; published figures are for another corpus and are not shown"
        )
    elif figures and n_queries is not None and n_queries != seen.judged_queries:
        figures = ()
        warnings.append(
            f"{seen.judged_queries:,} judged queries, the published figures of {entry.title} are for {n_queries:,} "
            "and are not shown"
        )
    return _info(entry, seen.split, matched_by, figures), warnings


def info_of_parts(name: str, split: str, parts: tuple[str, ...]) -> CollectionInfo:
    """What the registry says about a collection of several parts, by its name and those of its parts."""
    entry = entries().get(name.lower())
    if entry is None or {f"{name}-{part}".lower() for part in entry.parts} != {part.lower() for part in parts}:
        return CollectionInfo(parts=parts)
    info = _info(entry, split, "name", published(entry.name, split))
    return replace(info, parts=parts)


def published(name: str, split: str) -> tuple[Published, ...]:
    """The published figures of a collection's split, in the order of the systems in published.toml."""
    data = _data("published.toml")
    key = name if split == "test" else f"{name}-{split}"
    row, exact = data["figures"].get(key, {}), data["exact"].get(key, {})
    found = []
    for system, about in data["systems"].items():
        values = list(row.get(system, ()))
        values[: len(exact.get(system, ()))] = exact.get(system, ())
        source = f"{about['source']} ({about['note']})" if "note" in about else about["source"]
        found += [
            Published(about["title"], measure, round(value / 100, 6), source)
            for measure, value in zip(_MEASURES, values, strict=False)
        ]
    return tuple(found)


def _info(entry: Entry, split: str, matched_by: MatchedBy, figures: tuple[Published, ...]) -> CollectionInfo:
    return CollectionInfo(
        registered=entry.name,
        matched_by=matched_by,
        title=entry.rule(split, "title", entry.title),
        official_measure=entry.rule(split, "official_measure", entry.official_measure),
        drop_self=entry.drop_self,
        relevance=entry.rule(split, "relevance", entry.relevance),
        language=entry.language,
        published=figures,
        licence=entry.licence,
    )


def _entry(name: str, fields: Mapping[str, Any]) -> Entry:
    tuples = {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
    return Entry(name=name, **{**fields, **tuples})


@lru_cache(maxsize=2)
def _data(name: str) -> Mapping[str, Any]:
    return tomllib.loads((files(__package__) / name).read_text(encoding="utf-8"))

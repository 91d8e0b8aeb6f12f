"""Texts by id, out of an index or a collection: what reranking a run file needs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from spaniel.eval.collections.contents import Contents, contents
from spaniel.index.index import open_index
from spaniel.index.store import MANIFEST_NAME
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import PassageStore
from spaniel.retrieval.types import Document, Passage

__all__ = ["Texts", "is_index", "texts_of"]


Texts: TypeAlias = Callable[[Sequence[str]], list[Passage]]
"""Passages by their ids, in the order asked for."""


def is_index(place: str | Path) -> bool:
    """Whether an index lies there."""
    return (Path(place) / MANIFEST_NAME).is_file()


@contextmanager
def texts_of(
    corpus: str | Path, ids: Iterable[str], *, offline: bool = False, on_read: Callable[[int], None] | None = None
) -> Iterator[Texts]:
    """What gives passages of these ids; an index is read when they are asked for, a collection at once.

    Args:
        corpus: an index, or a collection by name or path; it needs no judgements.
        offline: do not download a collection.
        on_read: told how many of a collection's documents have been read.

    Raises:
        InvalidInput: ids that are not there, the first few by name.
        OSError, IndexCorrupt: it cannot be read.
    """
    wanted = list(dict.fromkeys(ids))
    if is_index(corpus):
        with open_index(corpus) as index:
            known = index.passages.ordinals_of(wanted)
            _refuse_missing(str(corpus), wanted, known)
            store: PassageStore = index.passages
            yield lambda some: store.get([known[id_] for id_ in some])
        return
    read = contents(corpus, offline=offline)
    found = _documents(read, set(wanted), on_read)
    _refuse_missing(read.name, wanted, found)
    yield lambda some: [found[id_] for id_ in some]


def _documents(read: Contents, wanted: set[str], on_read: Callable[[int], None] | None) -> dict[str, Passage]:
    found = {}
    for number, document in enumerate(read.documents(), 1):
        if document.id in wanted:
            found[document.id] = _whole(document)
            if len(found) == len(wanted):
                break
        if on_read is not None and number % 1000 == 0:
            on_read(number)
    return found


def _whole(document: Document) -> Passage:
    """A document as one passage."""
    return Passage(document.id, document.id, 0, len(document.text), document.text, document.title, document.meta)


def _refuse_missing(corpus: str, wanted: Sequence[str], known: Iterable[str]) -> None:
    missing = set(wanted).difference(known)
    if missing:
        some = [id_ for id_ in wanted if id_ in missing][:3]
        shown = ", ".join(map(repr, some)) + (f" and {len(missing) - len(some):,} more" if len(missing) > 3 else "")
        hint = "rerank with the corpus that the run was made from"
        raise InvalidInput(corpus, f"has no passage {shown}, of {len(wanted):,} in the run", hint=hint)

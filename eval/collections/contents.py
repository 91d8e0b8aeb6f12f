"""What lies in a collection's folder beside judgements: all queries and all documents, for those who need no more.

Reranking a run and searching in a batch go by these: a collection that nobody has judged will do, and so does a query
that the split has no judgement of.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from spaniel.eval.cache import cache_folder
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document

from .folder import corpus_of, part_folders, queries_of, require_corpus
from .queries import read_queries
from .records import documents
from .source import folder_of

__all__ = ["Contents", "contents"]


@dataclass(frozen=True, slots=True)
class Contents:
    """A folder of queries and documents, or of several such; nothing is read before it is asked for."""

    name: str
    folders: tuple[Path, ...]

    def queries(self) -> dict[str, str]:
        """Id -> text of every query, in the order of the files.

        Raises:
            InvalidInput: no file of queries, a malformed one, or an id with two texts.
        """
        found: dict[str, str] = {}
        for folder in self.folders:
            for id_, text in read_queries(queries_of(folder)).texts.items():
                if found.setdefault(id_, text) != text:
                    raise InvalidInput(str(folder), f"query {id_!r} has another text here", "name one of the parts")
        return found

    def documents(self) -> Iterator[Document]:
        """Every document, read as it goes.

        Raises:
            InvalidInput: no corpus, or a malformed record, named by file and line.
        """
        for folder in self.folders:
            yield from documents(require_corpus(folder))


def contents(
    name_or_path: str | PathLike[str], *, cache: str | PathLike[str] | None = None, offline: bool = False
) -> Contents:
    """The folder of a collection, as `collection` finds it; judgements are not looked for.

    Raises:
        InvalidInput: no such folder, zip or name; or it is not here and cannot be fetched.
    """
    name, folder, _ = folder_of(name_or_path, cache=cache_folder(cache), offline=offline)
    parts = part_folders(folder) if corpus_of(folder) is None else []
    return Contents(name, tuple(parts) or (folder,))

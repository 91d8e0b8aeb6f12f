"""Documents whose ids came before, in the index or in the same stream: found while reading, dealt with as asked.

Ids are those of documents and of passages alike, and whatever displaces one passage of a document displaces all of it.
What the index holds is looked up batch by batch. Inside the stream eight bytes an id tell which were perhaps seen
before (`SeenIds`), and the few suspects are looked up among the passages: at once when a repetition is an error, else
at the end, when the last or the first of each is known.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain, islice

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Document, Passage

from .duplicates import SeenIds
from .ingest_values import OnDuplicate
from .passage_ids import by_document, displaced, document_of, names_of
from .passage_writer import PassageWriter

__all__ = ["Known", "Places", "Repeats"]

Known = Callable[[Sequence[str]], dict[str, list[int]]]
"""For those of some ids that the index holds: the ordinals of all passages of their documents."""
Places = Callable[[Set[str]], Iterable[tuple[str, str]]]
"""(id, where it stands in the input) for documents of these ids."""


class Repeats:
    """What one run over a stream has seen of ids."""

    def __init__(self, on_duplicate: OnDuplicate, known: Known) -> None:
        self._on_duplicate, self._known = on_duplicate, known
        self._seen = SeenIds()
        self._suspects: dict[str, None] = {}
        self._replaced: dict[int, list[int]] = {}  # by the first ordinal of a document

    @property
    def n_replaced(self) -> int:
        """How many documents of the index came again."""
        return len(self._replaced)

    @property
    def replaced(self) -> list[int]:
        """The ordinals of all their passages."""
        return [*chain.from_iterable(self._replaced.values())]

    @property
    def suspects(self) -> tuple[str, ...]:
        """Ids that perhaps stand twice in the stream."""
        return tuple(self._suspects)

    def restore(self, ids: Sequence[str]) -> None:
        """Take up ids that were read before an interruption."""
        self._seen.suspects(ids)
        self._replace(self._known(ids))

    def restore_suspects(self, suspects: Iterable[str]) -> None:
        self._suspects = dict.fromkeys(suspects)

    def not_in_index(self, documents: list[Document], places: Places) -> list[Document]:
        """The passages of a batch that are to be taken.

        Raises:
            InvalidInput: the index holds the id of one, where that is an error.
        """
        found = self._known(names_of(documents))
        if not found:
            return documents
        ours = {document_of(document) for document in documents if {document.id, document_of(document)} & found.keys()}
        if self._on_duplicate == "fail":
            name, place = next(iter(places(ours)), (next(iter(found)), "the documents"))
            raise InvalidInput(
                place, f"id {name!r} is in the index already", hint="replace the older document, or skip the newer one"
            )
        if self._on_duplicate == "skip":
            return [document for document in documents if document_of(document) not in ours]
        self._replace(found)
        return documents

    def note(self, documents: Sequence[Document], stored: PassageWriter, places: Places) -> None:
        """Remember the ids of passages that were stored.

        Raises:
            InvalidInput: one of them stands twice in the stream, where that is an error.
        """
        suspects = self._seen.suspects(names_of(documents))
        if suspects and self._on_duplicate == "fail":
            _refuse(suspects, stored, places)
        self._suspects.update(dict.fromkeys(suspects))

    def displaced(self, stored: PassageWriter, *, cut: bool) -> Iterator[tuple[int, Passage]]:
        """(ordinal, passage) of each document that another of its id displaces: all but the last, or the first.

        Args:
            cut: documents may have several passages.
        """
        if not self._suspects:
            return
        names = set(self._suspects)
        if cut:  # of a document that shares the id of one passage, all
            names |= {passage.doc_id for _, passage in stored.rows(names)}
        found = list(stored.rows(names))
        ordinals = {id(passage): ordinal for ordinal, passage in found}
        dead = displaced(by_document(passage for _, passage in found), keep_first=self._on_duplicate == "skip")
        yield from sorted(((ordinals[id(passage)], passage) for passage in dead), key=lambda item: item[0])

    def _replace(self, found: Mapping[str, Sequence[int]]) -> None:
        self._replaced.update((ordinals[0], list(ordinals)) for ordinals in found.values())


def _refuse(suspects: Sequence[str], stored: PassageWriter, places: Places) -> None:
    """Raise if one of the ids really stands twice among the passages; equal hashes alone prove nothing."""
    seen: set[str] = set()
    for group in by_document(passage for _, passage in stored.rows(suspects)):
        names, name = set(names_of(group)), group[0].doc_id
        if names & seen:
            at = [place for _, place in islice(places({name}), 2)]
            first, second = at if len(at) == 2 else ("an earlier document", f"document {name!r}")
            raise InvalidInput(
                second,
                f"id {name!r} stands already at {first}",
                hint="make ids unique, or choose to replace the older document or to skip the newer one",
            )
        seen |= names

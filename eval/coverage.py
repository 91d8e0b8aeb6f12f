"""Whether an index or a run is about the collection it is evaluated on; another one's would count as a result of 0."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import NamedPassages, Retriever

from .qrels import Qrels
from .run import Run

if TYPE_CHECKING:
    from .collections import Collection

__all__ = ["check_documents", "check_queries"]

_PROBED = 8


def check_documents(name: str, retriever: Retriever, collection: "Collection") -> tuple[str, ...]:
    """A sentence when most judged documents are not among what a retriever searches; () when all is well.

    Where one document has several passages, whose ids are others, the store cannot tell which documents it has; then
    the first queries are asked, and it is taken to fit as soon as passages and documents are called differently.

    Raises:
        InvalidInput: none of the judged documents is there.

    Cost: one look-up a judged document.
    """
    store = retriever.passages
    if not isinstance(store, NamedPassages):
        return ()
    judged = list(dict.fromkeys(document for grades in collection.qrels.values() for document in grades))
    known = store.ordinals_of(judged)
    missing = [document for document in judged if document not in known]
    if 2 * len(missing) <= len(judged) or _other_names(retriever, store, collection.queries):
        return ()
    path = getattr(store, "path", None)
    where = f"the index {path}" if path is not None else f"what {name!r} searches"
    if not known:
        raise InvalidInput(
            f"collection {collection.name}",
            f"none of its {len(judged):,} judged documents, such as {judged[0]!r}, is in {where}",
            hint="build the index from this collection's corpus, or evaluate on the collection it was built from",
        )
    share = len(missing) / len(judged)
    return (
        f"{share:.0%} of the judged documents ({len(missing):,} of {len(judged):,}) are not in {where}, "
        f"such as {missing[0]!r}: is it the index of another collection?",
    )


def _other_names(retriever: Retriever, store: NamedPassages, queries: Mapping[str, str]) -> bool:
    """Whether passages have other ids than the documents they come from, among what the first queries find."""
    asked: Sequence[str] = [text for text in queries.values() if text.strip()][:_PROBED]
    for ranking in retriever.search(asked) if asked else []:
        if store.ids(ranking.ids) != store.doc_ids(ranking.ids):
            return True
    return False


def check_queries(where: str, run: Run, qrels: Qrels) -> None:
    """Refuse a run that answers other queries than the judged ones.

    Raises:
        InvalidInput: it holds queries, and none of them is judged.
    """
    if run.query_ids and not any(query in run for query in qrels):
        example = next(iter(qrels), "")
        raise InvalidInput(
            where,
            f"none of its {len(run.query_ids):,} queries, such as {run.query_ids[0]!r}, is among the "
            f"{len(qrels):,} judged ones, such as {example!r}",
            hint="give the judgements of the queries that this run answers",
        )

"""Weights of hybrid search for a collection of one's own: fitted on its judgements, honestly judged out of fold."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from spaniel.eval.qrels import Qrels
from spaniel.index.dense.hybrid import DEPTH
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.fusion_weights import FittedWeights, fit_weights
from spaniel.retrieval.types import QueryLike, as_queries

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["fit_hybrid"]


def fit_hybrid(
    index: "Index",
    queries: Sequence[QueryLike],
    qrels: Qrels,
    *,
    depth: int = DEPTH,
    dense: str | None = None,
    folds: int = 5,
    seed: int = 0,
) -> FittedWeights:
    """Weights for `Index.hybrid(weights=...)`, of BM25 and of vectors.

    Args:
        index: whose passages are the judged documents (long documents are not put together here).
        queries: with ids; those without a judgement are left out.
        qrels: query id -> document id -> grade. Queries about the same document share a fold.
        depth: how many passages each of the two finds, as in the search that the weights are for.
        dense: name of the dense part.

    Raises:
        InvalidInput: fewer judged queries than folds.
    """
    asked = [query for query in as_queries(queries) if qrels.get(query.id)]
    if len(asked) < folds:
        raise InvalidInput(
            "fit_hybrid", f"{len(asked)} judged queries for {folds} folds", hint="are their ids those of qrels?"
        )
    words, vectors = index.bm25(depth), index.dense(dense, depth, candidates=2 * depth)
    rows = list(zip(words.search(asked), vectors.search(asked), strict=True))
    judged = sorted({id_ for query in asked for id_ in qrels[query.id]})
    known = index.passages.ordinals_of(judged)
    # What is judged and not here still belongs to the ideal ranking, under numbers that are nobody's.
    number = {id_: known.get(id_, -1 - place) for place, id_ in enumerate(judged)}
    judgements = [{number[id_]: grade for id_, grade in qrels[query.id].items()} for query in asked]
    about = [min((id_ for id_, grade in qrels[query.id].items() if grade > 0), default=query.id) for query in asked]
    units = np.stack([words.units(asked), vectors.units(asked)], axis=1)
    return fit_weights(rows, judgements, units=units, floors=[words.floor, None], folds=folds, groups=about, seed=seed)

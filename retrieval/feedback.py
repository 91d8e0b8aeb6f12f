"""Pseudo-relevance feedback on words: a query's terms mixed with those of the passages that a first search found.

Two rules, as Anserini applies them (`Rm3Reranker`, `RocchioReranker`), so that figures can be compared:

- RM3 (Abdul-Jaleel et al., TREC 2004; the relevance model of Lavrenko and Croft, SIGIR 2001): every passage is a
  distribution over its terms, cut to its most frequent ones; they are added up, each by its passage's score.
- Rocchio (SMART, 1971): the mean of the passages' vectors of BM25 weights, each cut to its heaviest terms. No passages
  count as irrelevant.

What comes out has `n_terms` terms and is mixed with the query, both made to add up to 1. The result is scaled back to
what the query's terms added up to: then a `weight` of 1 changes nothing, not even scores. Feedback on vectors stands in
`index/dense/feedback.py`, searching with the new terms in `index/sparse/feedback.py`.
"""

from collections.abc import Mapping, Sequence

from .errors import InvalidInput

__all__ = ["Terms", "check_feedback", "heaviest", "mixed", "rm3", "rocchio"]

Terms = Mapping[str, float]
"""Analysed term -> count or weight, above 0."""


def rm3(
    query: Terms, fed: Sequence[Terms], scores: Sequence[float], *, n_terms: int, weight: float
) -> dict[str, float]:
    """The query mixed with the relevance model of some passages.

    Args:
        query: its terms and how often it says them.
        fed: the terms of each passage and their counts, those of no interest left out.
        scores: each passage's score, above 0.
        n_terms: taken from each passage, and from all of them together.
        weight: of the query, 0 to 1; the model has the rest.

    Returns:
        Term -> weight, the query's own first, then by descending weight, ties in alphabetical order.

    Example:
        >>> rm3({"key": 1}, [{"key": 2, "rotat": 2}], [3.0], n_terms=2, weight=0.5)
        {'key': 0.75, 'rotat': 0.25}
    """
    model: dict[str, float] = {}
    for counts, score in zip(fed, scores, strict=True):
        head = heaviest(counts, n_terms)
        total = sum(head.values())
        for term, count in head.items():
            model[term] = model.get(term, 0.0) + count / total * score
    return mixed(query, heaviest(model, n_terms), weight)


def rocchio(query: Terms, fed: Sequence[Terms], *, n_terms: int, weight: float) -> dict[str, float]:
    """The query moved towards the mean of some passages' vectors.

    Args:
        query: its terms and how often it says them.
        fed: the terms of each passage and their weights, such as those of BM25.
        n_terms, weight, returns: as in `rm3`.
    """
    model: dict[str, float] = {}
    for weights in fed:
        for term, value in heaviest(weights, n_terms).items():
            model[term] = model.get(term, 0.0) + value / len(fed)
    return mixed(query, heaviest(model, n_terms), weight)


def heaviest(terms: Terms, n: int) -> dict[str, float]:
    """The n terms with the greatest weights above 0, those first; ties in alphabetical order."""
    ordered = sorted((-value, term) for term, value in terms.items() if value > 0)
    return {term: -value for value, term in ordered[:n]}


def mixed(query: Terms, model: Terms, weight: float) -> dict[str, float]:
    """`weight` of the query and the rest of the model, adding up to what the query does; the query without a model."""
    total, models = sum(query.values()), sum(model.values())
    if not total or not models:
        return dict(query)
    made = {term: weight * value for term, value in query.items()}
    for term, value in model.items():
        made[term] = made.get(term, 0.0) + (1.0 - weight) * value / models * total
    return {term: value for term, value in made.items() if value > 0}


def check_feedback(where: str, k: int, n_terms: int, weight: float) -> None:
    """Refuse settings out of range.

    Raises:
        InvalidInput: k or n_terms below 1, a weight outside 0 to 1.
    """
    if k < 1 or n_terms < 1 or not 0 <= weight <= 1:
        raise InvalidInput(
            where, f"k {k}, n_terms {n_terms}, weight {weight}; they must be at least 1, at least 1, and 0 to 1"
        )

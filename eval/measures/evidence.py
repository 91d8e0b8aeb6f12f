"""Retrieval for answers that need several pages at once: KILT's R-precision and recall over evidence sets.

Petroni et al., "KILT" (NAACL 2021), sec. 5, as its script eval_retrieval.py computes them: a query has alternative
sets of pages, each of which is enough. Pages stand once in a ranking.
"""

from collections.abc import Collection, Sequence

from spaniel.retrieval.errors import InvalidInput

__all__ = ["evidence_r_precision", "evidence_recall"]

EvidenceSets = Sequence[Collection[str]]


def evidence_r_precision(ranking: Sequence[str], evidence: EvidenceSets) -> float:
    """The best, over the sets, of the share of a set's n pages that stands among the first n results.

    Args:
        ranking: page ids, best first.
        evidence: alternative sets of page ids, none of them empty.

    Raises:
        InvalidInput: no evidence, an empty set, a page twice in the ranking.

    Example:
        >>> evidence_r_precision(["a", "x", "b"], [{"a", "b"}, {"c"}])
        0.5
    """
    _check(ranking, evidence)
    return max(len(set(pages) & set(ranking[: len(set(pages))])) / len(set(pages)) for pages in evidence)


def evidence_recall(ranking: Sequence[str], evidence: EvidenceSets, *, k: int) -> float:
    """The share of the distinct sets that are found whole among the first k places.

    A set takes one place however many pages it has: that of its last page found. A page of no set takes one too.

    Raises:
        InvalidInput: as above, or k below 1.

    Example:
        >>> evidence_recall(["a", "x", "b"], [{"a", "b"}, {"c"}], k=2)
        0.5
    """
    _check(ranking, evidence)
    if k < 1:
        raise InvalidInput("evidence_recall", f"k is {k}; it must be at least 1")
    sets = list(dict.fromkeys(map(frozenset, evidence)))
    rank = {page: place for place, page in enumerate(ranking)}
    places = [(place, False) for page, place in rank.items() if not any(page in pages for pages in sets)]
    for pages in sets:
        found = [rank[page] for page in pages if page in rank]
        if found:
            places.append((max(found), len(found) == len(pages)))
    places.sort(key=lambda entry: entry[0])
    return sum(whole for _, whole in places[:k]) / len(sets)


def _check(ranking: Sequence[str], evidence: EvidenceSets) -> None:
    if not evidence or not all(evidence):
        raise InvalidInput("evidence", "a query needs at least one set, and every set at least one page")
    if len(set(ranking)) != len(ranking):
        raise InvalidInput("ranking", "a page stands twice", hint="keep each page at its best rank")

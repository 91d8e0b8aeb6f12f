"""Query likelihood: passages ranked by how probable their language model makes the query.

Zhai and Lafferty, "A Study of Smoothing Methods for Language Models Applied to Information Retrieval" (TOIS 2004, sec.
2 and 3). With tf the term's count in the passage's field, d the field's length, p the term's share of all tokens of
the field in the collection, a term with boost w adds

    name              a term of the query adds                                                    counted for
    dirichlet         w (ln(1 + tf / (mu p)) + ln(mu / (mu + d)))                                 every term, tf 0 too
    dirichlet-lucene  w max(0, ln(1 + tf / (mu p')) + ln(mu / (mu + d)))                          terms it holds
    jelinek-mercer    w ln(1 + (1 - lambda) tf / (lambda d p))                                    terms it holds

The first and third are the paper's, less what is the same for every passage. `dirichlet` scores can be negative. The
second is what Lucene's LMDirichletSimilarity computes, and so Anserini's `-qld`: it sees only the terms that a passage
holds, so the length counts for these alone; it must not return negative scores, so it cuts them off at 0; and it
smooths the collection model, p' = (cf + 1) / (tokens + 1). A term the collection does not hold adds nothing.

Only passages that hold a term of the query are returned. Scores of several fields are added under the fields' weights.
Lengths are those their one-byte code stands for; sums run in float64 and are rounded once to float32.

The weight of a count depends on the term here, so it cannot be quantised into the index: every posting is scored, with
NumPy. About 15 ns a posting: ten to fifty times the cost of a BM25 search.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from spaniel.index.analysis import Analyzer
from spaniel.retrieval.composition import require_sets_each
from spaniel.retrieval.errors import InvalidInput, InvalidQuery
from spaniel.retrieval.pipeline import Stage
from spaniel.retrieval.protocols import Exclude, PassageStore, Where
from spaniel.retrieval.types import Query, QueryLike, Ranking, as_queries
from spaniel.retrieval.work import count_work

from .lengths import LENGTHS
from .retriever import Matching, checked_k
from .segment import SparseSegment
from .settings import SparseSettings

__all__ = ["SMOOTHINGS", "Likelihood", "LikelihoodRetriever", "Smoothing"]

Smoothing = Literal["dirichlet", "dirichlet-lucene", "jelinek-mercer"]
SMOOTHINGS: tuple[str, ...] = get_args(Smoothing)
_TERMS_KEPT = 1 << 16  # about 10 MB of terms and counts


@dataclass(frozen=True, slots=True)
class Likelihood:
    """A language model's smoothing.

    Args:
        smoothing: one of `SMOOTHINGS`.
        mu: tokens of the collection model mixed into every passage, > 0; for the Dirichlet kinds.
        lambda_: share of the collection model, above 0 and below 1; for jelinek-mercer. Around 0.1 suits short
            queries, 0.7 long ones (sec. 6 of the paper).

    Raises:
        InvalidInput: a parameter out of range.
    """

    smoothing: Smoothing = "dirichlet"
    mu: float = 1000.0
    lambda_: float = 0.1

    def __post_init__(self) -> None:
        if self.smoothing not in SMOOTHINGS:
            raise InvalidInput("smoothing", f"{self.smoothing!r} is not one of {', '.join(SMOOTHINGS)}")
        if not (np.isfinite(self.mu) and self.mu > 0):
            raise InvalidInput("mu", f"{self.mu} must be a number above 0")
        if not 0 < self.lambda_ < 1:
            raise InvalidInput("lambda", f"{self.lambda_} must lie above 0 and below 1")

    def share(self, cf: int, tokens: int) -> float:
        """The term's probability in the collection. cf >= 1: its count over the collection of `tokens` tokens."""
        return (cf + 1.0) / (tokens + 1.0) if self.smoothing == "dirichlet-lucene" else cf / tokens

    def gains(self, tf: NDArray[np.float64], length: NDArray[np.float64], share: float) -> NDArray[np.float64]:
        """What a held term adds, before boosts; float64 (n,). tf >= 1, length >= 1, both (n,).

        For `dirichlet` without the part that depends on the length alone: see `shift`.
        """
        if self.smoothing == "jelinek-mercer":
            mixed: NDArray[np.float64] = np.log(1.0 + (1.0 - self.lambda_) * tf / (self.lambda_ * length * share))
            return mixed
        gain: NDArray[np.float64] = np.log(1.0 + tf / (self.mu * share))
        if self.smoothing == "dirichlet-lucene":
            gain = np.maximum(gain + np.log(self.mu / (self.mu + length)), 0.0)
        return gain

    def shift(self, length: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """What every term of the query adds, held or not, before boosts; None: nothing."""
        return np.log(self.mu / (self.mu + length)) if self.smoothing == "dirichlet" else None


@dataclass(frozen=True, slots=True)
class _Word:
    """A query term in one field: its postings in each segment as (local, tf), and its share of the collection."""

    field: int
    boost: float
    postings: list[tuple[NDArray[np.uint32], NDArray[np.float64]]]
    share: float


class LikelihoodRetriever(Stage):
    """Searches sparse segments by query likelihood, scoring every posting; plays the role `Retriever`.

    Args:
        segments: of one index, all with the same fields; of counts, not of learned weights.
        analyzer: of the index.
        settings: whose fields' weights to use; its scorer does not matter.
        likelihood: smoothing and its parameters.
        depth: results when `k` is None.
        passages: the store the ordinals point into.
        matching: gives the ordinals that a `where` filter lets through.

    Raises:
        InvalidInput: the segments hold learned sparse weights, or depth is out of range.
    """

    def __init__(
        self,
        segments: Sequence[SparseSegment],
        analyzer: Analyzer,
        settings: SparseSettings,
        likelihood: Likelihood | None = None,
        *,
        depth: int = 1000,
        passages: PassageStore | None = None,
        matching: Matching | None = None,
        name: str = "likelihood",
    ) -> None:
        if any(segment.settings.scorer.method == "impact" for segment in segments):
            raise InvalidInput("likelihood", "this index holds learned sparse weights, not counts of terms")
        self.name, self.depth, self.passages = name, checked_k(depth), passages
        self.segments, self.settings, self.likelihood = list(segments), settings, likelihood or Likelihood()
        self._analyzer, self._matching = analyzer, matching
        self._live = [segment.live_mask() for segment in self.segments]
        sums = [segment.live_tokens()[0] for segment in self.segments]
        self._tokens = [sum(tokens[f] for tokens in sums) for f in range(len(settings.fields))]
        # Counting a term over the collection costs as much as scoring it, and never changes: the latest are kept.
        self._collection_frequency: OrderedDict[bytes, int] = OrderedDict()
        self._lock = threading.Lock()

    def search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
    ) -> list[Ranking]:
        """The k best passages for each query among those that hold one of its terms.

        A query's `weights` (term -> weight > 0), when given, are used in place of its text.

        Raises:
            InvalidInput: k below 1, or `exclude` of another length than `queries`.
            InvalidQuery: a weight that is not a positive number, or a filter where none can be applied.
        """
        k = self.depth if k is None else checked_k(k)
        asked = as_queries(queries)
        require_sets_each(exclude, len(asked))
        count_work("searches", len(asked))
        allowed = self._allowed(where)
        return [self._one(query, k, allowed, exclude[i] if exclude else ()) for i, query in enumerate(asked)]

    def collection_frequency(self, term: str, field: int = 0) -> int:
        """How often the living passages hold a term, as it is after analysis, in one field."""
        key = bytes([field]) + term.encode(errors="surrogatepass")
        return self._count(key, [segment.counts(key) for segment in self.segments])

    def _one(self, query: Query, k: int, allowed: list[NDArray[np.bool_]], exclude: object) -> Ranking:
        words = [word for word in self._words(query) if word is not None]
        ids, scores = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.float32)]
        for s, segment in enumerate(self.segments):
            score, held = self._score(s, words)
            local = np.flatnonzero(held & allowed[s])
            ids.append(segment.ordinals[local])
            scores.append(score[local].astype(np.float32))
        found, score32 = np.concatenate(ids), np.concatenate(scores)
        if exclude:
            keep = ~np.isin(found, np.fromiter(exclude, dtype=np.int64))  # type: ignore[call-overload]
            found, score32 = found[keep], score32[keep]
        return _best(found, score32, k)

    def _score(self, s: int, words: Sequence[_Word]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Scores of every passage of a segment, float64 (n_passages,), and which of them hold a term."""
        segment, weights = self.segments[s], list(self.settings.fields.values())
        score = np.zeros(segment.n_passages)
        held = np.zeros(segment.n_passages, dtype=bool)
        for word in words:
            local, tf = word.postings[s]
            lengths = LENGTHS[segment.arrays["length_code"][word.field]].astype(np.float64)
            weight = weights[word.field] * word.boost
            if (shift := self.likelihood.shift(lengths)) is not None:
                score += weight * shift
            score[local] += weight * self.likelihood.gains(tf, lengths[local], word.share)
            held[local] = True
        return score, held

    def _words(self, query: Query) -> list[_Word | None]:
        return [
            self._word(f, term, boost)
            for term, boost in self._boosts(query).items()
            for f in range(len(self.settings.fields))
        ]

    def _boosts(self, query: Query) -> dict[str, float]:
        if query.weights is not None:
            for term, weight in query.weights.items():
                if not (np.isfinite(weight) and weight > 0):
                    raise InvalidQuery(f"the weight of {term!r} is {weight}; it must be a number above 0")
            return {term: float(weight) for term, weight in query.weights.items()}
        boosts: dict[str, float] = {}
        for term in self._analyzer.tokens(query.text):
            boosts[term] = boosts.get(term, 0.0) + 1.0
        return boosts

    def _word(self, f: int, term: str, boost: float) -> _Word | None:
        """None when no living passage holds the term."""
        key = bytes([f]) + term.encode(errors="surrogatepass")
        postings = [segment.counts(key) for segment in self.segments]
        cf = self._count(key, postings)
        if cf == 0:
            return None
        floats = [(local, tf.astype(np.float64)) for local, tf in postings]
        return _Word(f, boost, floats, self.likelihood.share(cf, max(cf, self._tokens[f])))

    def _count(self, key: bytes, postings: Sequence[tuple[NDArray[np.uint32], NDArray[np.uint16]]]) -> int:
        with self._lock:
            known = self._collection_frequency.get(key)
            if known is not None:
                self._collection_frequency.move_to_end(key)
                return known
        pairs = zip(postings, self._live, strict=True)
        counted = sum(int(tf[live[local]].sum(dtype=np.int64)) for (local, tf), live in pairs)
        with self._lock:
            self._collection_frequency[key] = counted
            while len(self._collection_frequency) > _TERMS_KEPT:
                self._collection_frequency.popitem(last=False)
        return counted

    def _allowed(self, where: Where | None) -> list[NDArray[np.bool_]]:
        if where is None:
            return self._live
        if self._matching is None:
            raise InvalidQuery(f"this retriever has no passages to filter by {dict(where)}")
        ordinals = self._matching(where)
        masks = []
        for segment, live in zip(self.segments, self._live, strict=True):
            mask = np.zeros(segment.n_passages, dtype=bool)
            mask[segment.local_of(ordinals)] = True
            masks.append(mask & live)
        return masks


def _best(ids: NDArray[np.int64], scores: NDArray[np.float32], k: int) -> Ranking:
    if len(ids) > k:
        kth = np.partition(scores, len(scores) - k)[len(scores) - k]
        keep = scores >= kth  # ties of the k-th too: the ordinal decides between them
        ids, scores = ids[keep], scores[keep]
    order = np.lexsort((ids, -scores))[:k]
    return Ranking(ids[order].astype(np.int32), scores[order])

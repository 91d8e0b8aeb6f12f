"""Does an int8 cross-encoder rank as the float32 one does? Asked of passages that come with the package, and of any
with judgements that a user has.

Eight of the package's passages are queries, each against all others, the whole text it was cut from, and three
stretches of 320 words, 400 to 500 tokens, one of which begins with that text. To a trained reranker nearly all of these
are irrelevant, at scores that hardly differ and whose order means nothing. What is gated is blind to that: the
correlation of all scores; Kendall's tau over the pairs of passages that float32 tells apart by more than a fiftieth of
its spread; and nDCG@10 with what float32 scores above its lowest as the gain. Where judgements are given, the nDCG@10
of both is computed from those, and what is gated is the loss.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import ModelError
from spaniel.retrieval.types import JSON

from .batching import batches
from .folder import ModelFolder
from .pair_tokens import Pair, PairTokenizer
from .parity import sample_texts
from .ranking import passages
from .session import open_session
from .text import clean

__all__ = [
    "JudgedQuery",
    "PairGate",
    "PairRanked",
    "asked_of_sample",
    "check_loss",
    "compared",
    "judged_digest",
    "kendall",
    "loss",
    "score_pairs",
    "spearman",
]

_QUERIES = 8
_DEPTH = 10
_MARGIN = 0.02
_BUDGET = 512
_MAX_TOKENS = 512
_LONG = 3
_LONG_WORDS = 320

Scores = list[NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """A query with passages and what judges said of them.

    Attributes:
        query: its text.
        passages: their texts, as a first stage found them.
        grades: of each passage, 0 for irrelevant or not judged.
        ideal: the grades of all its judged passages, found or not.
    """

    query: str
    passages: Sequence[str]
    grades: Sequence[int]
    ideal: Sequence[int]


@dataclass(frozen=True, slots=True)
class PairGate:
    """What an int8 cross-encoder has to reach.

    Attributes:
        least_correlation, least_kendall, least_ndcg: see `PairRanked`.
        most_loss: of nDCG@10 by judgements, float32 less int8, mean over the queries of `judged`.
        judged: none by default.
    """

    least_correlation: float = 0.985
    least_kendall: float = 0.9
    least_ndcg: float = 0.99
    most_loss: float = 0.005
    judged: Sequence[JudgedQuery] = ()


@dataclass(frozen=True, slots=True)
class PairRanked:
    """How near the rankings of two cross-encoders are, as means over the queries; NaN when a score is.

    Attributes:
        correlation: of the scores of all pairs at once.
        kendall: tau over the pairs of a query's passages whose reference scores differ by more than a fiftieth of the
            spread of all.
        spearman: over all passages of a query; told, not gated.
        ndcg: at 10, with the reference score above the query's lowest as the gain.
        queries, passages: how many, and of how many each.
    """

    correlation: float
    kendall: float
    spearman: float
    ndcg: float
    queries: int
    passages: int

    def check(self, gate: PairGate, what: str) -> None:
        """Refuse rankings that are too far apart.

        Raises:
            ModelError: one of them is below what `gate` asks for.
        """
        measured = (
            ("the correlation", self.correlation, gate.least_correlation),
            ("Kendall's tau", self.kendall, gate.least_kendall),
            ("nDCG@10", self.ndcg, gate.least_ndcg),
        )
        if not all(found >= least for _, found, least in measured):
            told = "; ".join(f"{name} is {found:.4f}, asked for is {least}" for name, found, least in measured)
            error = ModelError(f"{what}: against the scores of fp32 {told}")
            error.hint = "use fp32; or, on a CPU with VNNI instructions, try again there"
            raise error

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "PairRanked":
        """Of a manifest.

        Raises:
            KeyError: a figure is missing.
        """
        names = ("correlation", "kendall", "spearman", "ndcg@10", "queries", "passages")
        return cls(*(found[name] for name in names))

    def to_json(self) -> dict[str, JSON]:
        """As it stands in a manifest."""
        return {
            "correlation": round(self.correlation, 6),
            "kendall": round(self.kendall, 6),
            "spearman": round(self.spearman, 6),
            "ndcg@10": round(self.ndcg, 6),
            "queries": self.queries,
            "passages": self.passages,
        }


def asked_of_sample() -> list[tuple[str, list[str]]]:
    """Queries of the built-in sample, each with the passages it is asked of."""
    texts = sample_texts()
    every = [(piece, k) for k, text in enumerate(texts) for piece in passages([text])]
    asked = []
    for i in range(0, _QUERIES * (len(every) // _QUERIES), len(every) // _QUERIES):
        query, k = every[i]
        pieces = [piece for j, (piece, _) in enumerate(every) if j != i]
        long = [_stretch(texts, k + shift * len(texts) // _LONG) for shift in range(_LONG)]
        asked.append((query, [texts[k], *pieces, *long]))
    return asked


def _stretch(texts: Sequence[str], first: int) -> str:
    """320 words of the texts, from the one at this place on and round the end."""
    words = [word for i in range(len(texts)) for word in texts[(first + i) % len(texts)].split()]
    return " ".join(words[:_LONG_WORDS])


def score_pairs(
    graph: Path, folder: ModelFolder, asked: Sequence[tuple[str, Sequence[str]]], *, longest: int
) -> Scores:
    """Logits of every query's passages, float64 (passages,) each. Pairs of one length share a batch, none is padded.

    Args:
        folder: of the model: its tokenizer, and how it reads texts.
        longest: tokens of a pair; no more than 512 are read.
    """
    session = open_session(graph)
    names = [each.name for each in session.get_inputs()]
    tokenize = PairTokenizer(folder.tokenizer, min(longest, _MAX_TOKENS), lower=folder.lower, typed=folder.typed)
    pairs = [pair for query, texts in asked for pair in tokenize(clean(query), [clean(text) for text in texts])]
    made = np.empty(len(pairs), np.float64)
    for places in batches([len(pair) for pair in pairs], budget=_BUDGET, padding=False):
        fed = _inputs([pairs[int(place)] for place in places])
        made[places] = session.run(["logits"], {name: fed[name] for name in names})[0][:, 0]
    ends = np.cumsum([len(texts) for _, texts in asked])
    return np.split(made, ends[:-1])


def compared(reference: Scores, given: Scores) -> PairRanked:
    """Compare what two models gave the same queries' passages. Equal scores rank by place."""
    n = len(given[0])
    first, second = np.concatenate(reference), np.concatenate(given)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        nothing = float("nan")
        return PairRanked(nothing, nothing, nothing, nothing, len(given), n)
    margin = _MARGIN * float(np.ptp(first))
    both = list(zip(reference, given, strict=True))
    return PairRanked(
        _correlation(first, second),
        float(np.mean([kendall(one, other, margin) for one, other in both])),
        float(np.mean([spearman(one, other) for one, other in both])),
        float(np.mean([_reached(one, other) for one, other in both])),
        len(given),
        n,
    )


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    first, second = one - one.mean(), other - other.mean()
    norm = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / norm) if norm else 0.0


def _reached(truth: NDArray[np.float64], given: NDArray[np.float64]) -> float:
    """nDCG@10 of the ranking by `given`, the gains being `truth` above its lowest; 1 where all gains are equal."""
    gains = truth - truth.min()
    best = gains[_first(truth)]
    discounts = _discounts(len(best))
    return float(gains[_first(given)] @ discounts / (best @ discounts)) if best.any() else 1.0


def kendall(one: NDArray[np.float64], other: NDArray[np.float64], margin: float = 0.0) -> float:
    """Kendall's tau-b of two lists of scores; 0 where one is all ties. With a margin, over the pairs alone that `one`
    tells apart by more."""
    apart = one[:, None] - one
    first, second = np.sign(apart) * (np.abs(apart) > margin), np.sign(other[:, None] - other)
    if margin:
        second *= np.abs(first)
    norm = np.sqrt(np.abs(first).sum() * np.abs(second).sum())
    return float((first * second).sum() / norm) if norm else 0.0


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Spearman's rho of two lists of scores, ties at their mean rank; 0 where one is all ties."""
    first, second = (np.sign(scores[:, None] - scores).sum(axis=1) for scores in (one, other))
    norm = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / norm) if norm else 0.0


def loss(reference: Scores, given: Scores, judged: Sequence[JudgedQuery]) -> dict[str, JSON]:
    """nDCG@10 of both by the judgements (linear gains, as trec_eval), and what is lost; means over the queries."""
    fp32, int8 = (
        float(np.mean([_ndcg(scores, query) for scores, query in zip(each, judged, strict=True)]))
        for each in (reference, given)
    )
    figures = {"fp32": round(fp32, 6), "int8": round(int8, 6), "loss": round(fp32 - int8, 6), "queries": len(judged)}
    return figures | {"of": judged_digest(judged)}


def judged_digest(judged: Sequence[JudgedQuery]) -> str:
    """Of queries, passages and judgements: 32 hexadecimal digits of their SHA-256."""
    told = [[query.query, *map(list, (query.passages, query.grades, query.ideal))] for query in judged]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def check_loss(found: Mapping[str, JSON], gate: PairGate, what: str) -> None:
    """Refuse a model that loses too much by the judgements.

    Raises:
        ModelError: more than `gate.most_loss`, or a score that is NaN.
    """
    lost = found["loss"]
    if not (isinstance(lost, float) and lost <= gate.most_loss):
        error = ModelError(
            f"{what}: nDCG@10 is {found['int8']}, that of fp32 {found['fp32']} over {found['queries']} queries; "
            f"a loss of {gate.most_loss} is allowed"
        )
        error.hint = "use fp32; or check with more queries"
        raise error


def _ndcg(scores: NDArray[np.float64], query: JudgedQuery) -> float:
    if not np.isfinite(scores).all():
        return float("nan")
    gains = np.array(query.grades, np.float64)[_first(scores)]
    ideal = np.sort(np.array(query.ideal, np.float64))[::-1][:_DEPTH]
    best = float(ideal @ _discounts(len(ideal)))
    return float(gains @ _discounts(len(gains))) / best if best else 0.0


def _discounts(n: int) -> NDArray[np.float64]:
    return 1 / np.log2(np.arange(n) + 2)


def _first(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places of the ten best."""
    return np.argsort(-scores, kind="stable")[:_DEPTH]


def _inputs(pairs: Sequence[Pair]) -> dict[str, NDArray[np.int64]]:
    """What a graph of ours reads of pairs of one length, int64 (n, t)."""
    ids = np.stack([pair.ids for pair in pairs])
    types = np.stack([pair.types for pair in pairs])
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": types}

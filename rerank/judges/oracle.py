"""A judge that knows the judgements and errs as much as it is told: for measuring schedules without a model.

To it a passage is worth u = grade + system * Normal, fixed for the query and the passage: what the judge believes and
the assessors do not, and no number of questions mends it. Every call then adds its own noise (Gumbel to each passage
shown, so that two of them differ by a logistic), and a bias for what is shown first. The same call always gets the
same answer, whatever was asked before or beside it: all noise is a hash of the seed, the query's id, the passages'
ids and the order they are shown in.

`calibrated` has settings under which the oracle errs as language models do. What they were held to: all-pairs in both
orders makes up a given share of what lies between BM25 and a perfect order, and a given share of random pairs get
another answer when they are shown the other way round (20 % for flan-t5-xl, 10 % for a strong judge; what comes out is
measured by benchmarks/rerank_oracle.py and stands in docs/schedules.md).

Left out: noise that goes with the first stage or with the length of the text, and answers as probabilities.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput

from .base import Call, Judge, Judged

__all__ = ["CALIBRATED", "Noise", "OracleJudge", "OracleView", "calibrated", "settings_for"]

Keys = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Noise:
    """How much an oracle errs, all in grades.

    Attributes:
        system: standard deviation of what it believes wrongly for good.
        call: scale of the noise of a call: logistic between two passages.
        position: what a passage gets for being shown first rather than last; in between linear.
    """

    system: float = 0.0
    call: float = 0.0
    position: float = 0.0

    def __post_init__(self) -> None:
        for name in ("system", "call"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InvalidInput("Noise", f"{name} is {getattr(self, name)}; it must be at least 0")
        if not math.isfinite(self.position):
            raise InvalidInput("Noise", f"position is {self.position}; it must be finite")


CALIBRATED: Mapping[str, Mapping[str, Noise]] = {
    "scifact": {
        "strong": Noise(0.291, 0.041, 0.041),
        "realistic": Noise(0.298, 0.09, 0.09),
        "harsh": Noise(0.27, 0.133, 0.133),
    },
    "nfcorpus": {
        "strong": Noise(0.557, 0.084, 0.084),
        "realistic": Noise(0.6, 0.188, 0.188),
        "harsh": Noise(0.479, 0.26, 0.26),
    },
}


def calibrated(setting: str, collection: str = "nfcorpus") -> Noise:
    """The noise of a setting, `exact`, `strong`, `realistic` or `harsh`, on judgements like those of a collection.

    One noise does not do for all: where one passage of a hundred is relevant (SciFact: grades 0 and 1), an error of a
    grade ruins the order; where seven are (NFCorpus: grades 0 to 2), it does not.

    Raises:
        InvalidInput: a setting or a collection that it was not found for.
    """
    if collection not in CALIBRATED:
        raise InvalidInput("calibrated", f"no settings for {collection!r}; there are {', '.join(CALIBRATED)}")
    settings = {"exact": Noise(), **CALIBRATED[collection]}
    if setting not in settings:
        raise InvalidInput("calibrated", f"no setting is called {setting!r}; there are {', '.join(settings)}")
    return settings[setting]


def settings_for(qrels: Mapping[str, Mapping[str, float]]) -> str:
    """The collection whose settings fit such judgements best: SciFact's for grades up to 1, else NFCorpus'.

    Noise is in grades: NFCorpus', put on binary judgements, drowns them.
    """
    highest = max((grade for grades in qrels.values() for grade in grades.values()), default=0)
    return "nfcorpus" if highest > 1 else "scifact"


class OracleView:
    """One query as the oracle sees it: passages by their places, whole arrays of questions at once.

    Args:
        query_id, ids: of the query and its passages, best of the first stage first.
        grades: float (n,).
    """

    def __init__(
        self, query_id: str, ids: Sequence[str], grades: Sequence[float] | NDArray[np.float64], noise: Noise, seed: int
    ) -> None:
        self.noise, self._query = noise, _key(f"{seed}\0{query_id}")
        self._keys = np.array([_key(each) for each in ids], np.uint64)
        hidden = _mixed(self._keys ^ self._query)
        self.utilities = np.asarray(grades, np.float64) + noise.system * _normal(hidden)

    def score(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64 (m,): what each is worth, with the noise of a call."""
        noise = _gumbel(_mixed(_mixed(self._keys[places] ^ self._query) + np.uint64(1)))
        utilities: NDArray[np.float64] = self.utilities[places] + self.noise.call * noise
        return utilities

    def prefer(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64 (m,): 1 where the one shown first is said to be better, 0 where it is not, a half where equal."""
        shown = self._as_shown(np.stack([first, second], axis=1))
        won: NDArray[np.float64] = 0.5 * (1.0 + np.sign(shown[:, 0] - shown[:, 1]))
        return won

    def order(self, lists: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (m, k): of lists (m, k) of places, as shown, the indices 0 to k - 1 best first; equal ones as shown."""
        orders: NDArray[np.int64] = np.argsort(-self._as_shown(lists), axis=1, kind="stable")
        return orders

    def _as_shown(self, lists: NDArray[np.int64]) -> NDArray[np.float64]:
        """float64 (m, k): what each passage of each list (m, k) seems to be worth in that call."""
        keys, k = self._keys[lists], lists.shape[1]
        shown: NDArray[np.float64] = self.utilities[lists] + self.noise.position * (0.5 - np.arange(k) / max(k - 1, 1))
        if self.noise.call:
            in_place = _mixed(keys ^ _mixed(np.arange(k, dtype=np.uint64)))
            call = _mixed(in_place.sum(axis=1, dtype=np.uint64) ^ self._query)
            shown = shown + self.noise.call * _gumbel(_mixed(call[:, None] + keys))
        return shown


class OracleJudge(Judge):
    """Answers from judgements, with noise. It can score, prefer and order.

    Args:
        qrels: query id -> document id -> grade; what is not in it, and grades below 0, are worth 0. Passages are
            looked up by their `doc_id`.
        noise: none by default: always right, and equal grades are ties.
        seed: of all noise.
    """

    wants_text = False
    kinds = frozenset(("score", "prefer", "order"))

    def __init__(
        self,
        qrels: Mapping[str, Mapping[str, float]],
        noise: Noise | None = None,
        *,
        seed: int = 0,
        name: str = "oracle",
    ) -> None:
        super().__init__()
        self.qrels, self.noise, self.seed, self.name = qrels, noise or Noise(), seed, name
        self.symmetric = self.noise.call == 0 and self.noise.position == 0

    def _score(self, calls: Sequence[Call]) -> Judged:
        return self._judged(calls, [float(self._view(call).score(_places(call))[0]) for call in calls])

    def _prefer(self, calls: Sequence[Call]) -> Judged:
        first, second = np.array([0]), np.array([1])
        return self._judged(calls, [float(self._view(call).prefer(first, second)[0]) for call in calls])

    def _order(self, calls: Sequence[Call]) -> Judged:
        orders = [self._view(call).order(_places(call)[None, :])[0].tolist() for call in calls]
        return self._judged(calls, [_with_top(order, call.top) for order, call in zip(orders, calls, strict=True)])

    def _view(self, call: Call) -> OracleView:
        grades = self.qrels.get(call.query.id, {})
        worth = [max(float(grades.get(passage.doc_id, 0)), 0.0) for passage in call.passages]
        return OracleView(call.query.id, [passage.id for passage in call.passages], worth, self.noise, self.seed)

    def _judged(self, calls: Sequence[Call], answers: Sequence[float | tuple[int, ...]]) -> Judged:
        return Judged(answers, self.estimate(calls), model_calls=len(calls))


def _places(call: Call) -> NDArray[np.int64]:
    return np.arange(len(call.passages))


def _with_top(order: list[int], top: int | None) -> tuple[int, ...]:
    """The `top` best of it, then the others as they were shown."""
    return tuple(order if top is None else [*order[:top], *sorted(order[top:])])


@lru_cache(maxsize=1 << 16)
def _key(text: str) -> np.uint64:
    return np.uint64(int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little"))


def _mixed(keys: Keys) -> Keys:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): every bit of the result hangs on every bit."""
    keys = keys + np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


def _uniform(keys: Keys) -> NDArray[np.float64]:
    """Strictly between 0 and 1, from the upper 53 bits."""
    uniform: NDArray[np.float64] = ((keys >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return uniform


def _gumbel(keys: Keys) -> NDArray[np.float64]:
    gumbel: NDArray[np.float64] = -np.log(-np.log(_uniform(keys)))
    return gumbel


def _normal(keys: Keys) -> NDArray[np.float64]:
    """Box and Muller, 1958."""
    radius = np.sqrt(-2.0 * np.log(_uniform(keys)))
    normal: NDArray[np.float64] = radius * np.cos(2.0 * np.pi * _uniform(_mixed(keys)))
    return normal

"""A cross-encoder as a judge: it scores, and prefers and orders by its scores.

Each pair of query and passage is read whole by the model and comes out as one number, its logit (Nogueira & Cho,
Passage re-ranking with BERT, arXiv 1901.04085). Logits are handed on as they are: a sigmoid would round the best of
them to 1 and make ties.
"""

from collections.abc import Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from spaniel.models.batching import batches
from spaniel.models.cpus import usable_cpus
from spaniel.models.pair_tokens import Pair
from spaniel.models.text import passage_text
from spaniel.models.workers import Workers
from spaniel.rerank.cross_encoders.base import PairModel
from spaniel.rerank.questions import Kind

from .base import Call, Judge, Judged

__all__ = ["BUDGET", "CrossEncoderJudge"]

BUDGET = 512
"""Tokens of a batch on a CPU, padding included: measured best (docs/cross-encoders.md)."""
_DEVICE_BUDGET = 1 << 15  # not measured


class CrossEncoderJudge(Judge):
    """Scores by a `PairModel`.

    Args:
        model: from `open_pair_model`; closed with the judge.
        threads: batches that run at once; as many as this process may use cores (`models/cpus.py`) when None.
        budget: tokens of a batch, padding included; `BUDGET` on a CPU, more elsewhere, when None.
        padding: pairs of unlike length may share a batch; not on a CPU when None. Without, what a pair gets is the
            same to the bit whatever its company.
    """

    kinds: frozenset[Kind] = frozenset({"score"})
    symmetric = True

    def __init__(
        self,
        model: PairModel,
        *,
        threads: int | None = None,
        budget: int | None = None,
        padding: bool | None = None,
    ) -> None:
        super().__init__()
        self.name, self.model = model.name, model
        self._workers = Workers(threads or usable_cpus(), "spaniel-judge")
        on_cpu = model.info.get("provider", "cpu") == "cpu"
        self._budget = budget or (BUDGET if on_cpu else _DEVICE_BUDGET)
        self._padding = not on_cpu if padding is None else padding

    def estimate(self, calls: Sequence[Call]) -> list[int]:
        """See `Judge.estimate`: exactly what it will be, by the model's tokenizer. Costs tokenising them once more."""
        alone = [Call(call.query, (passage,)) for call in calls for passage in call.passages]
        lengths = map(len, self._pairs(alone))
        return [sum(islice(lengths, len(call.passages))) for call in calls]

    def _score(self, calls: Sequence[Call]) -> Judged:
        pairs = self._pairs(calls)
        groups = batches([len(pair) for pair in pairs], budget=self._budget, padding=self._padding)
        scores = np.empty(len(pairs), np.float32)

        def run(places: NDArray[np.int64]) -> None:
            scores[places] = self.model.logits([pairs[int(place)] for place in places])

        self._workers.each(run, groups)
        tokens = [len(pair) for pair in pairs]
        cut = [int(pair.truncated) for pair in pairs]
        return Judged(scores.tolist(), tokens, sum(cut), 0, len(groups), truncated_by_call=cut)

    def _pairs(self, calls: Sequence[Call]) -> list[Pair]:
        """Of every call, which shows one passage; each query is tokenised once."""
        of_query: dict[str, list[int]] = {}
        for place, call in enumerate(calls):
            of_query.setdefault(call.query.text, []).append(place)
        found: dict[int, Pair] = {}
        for query, places in of_query.items():
            texts = [passage_text(calls[place].passages[0].title, calls[place].passages[0].text) for place in places]
            found.update(zip(places, self.model.tokenised(query, texts), strict=True))
        return [found[place] for place in range(len(calls))]

    def close(self) -> None:
        """End the threads and give the model back."""
        self._workers.close()
        self.model.close()

"""The gate of an export's int8 graph: what it gives on samples is held to what the fp32 graph gives.

Which samples, and which measures, depends on the head: vectors by cosine and by the ranking of passages, scores of
pairs by correlation and by the rankings of queries' passages, hidden states by cosine alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spaniel.models.folder import ModelFolder
from spaniel.models.pair_ranking import (
    PairGate,
    PairRanked,
    asked_of_sample,
    check_loss,
    compared,
    judged_digest,
    loss,
    score_pairs,
)
from spaniel.models.parity import Parity, parity, run_sample, sample_texts
from spaniel.models.ranking import Ranked, passages, ranked
from spaniel.retrieval.types import JSON

from .model import OUTPUTS, Plan

__all__ = ["Gate"]


@dataclass(frozen=True, slots=True)
class Gate:
    """What int8 has to pass.

    Attributes:
        folder: of the model.
        plan: of the graphs.
        least_cosine, least_ndcg: see `export`.
        pairs: for the head "classify".
    """

    folder: ModelFolder
    plan: Plan
    least_cosine: float
    least_ndcg: float
    pairs: PairGate

    def sample(self, graph: Path) -> list[dict[str, Any]]:
        """All outputs of a graph for the texts of the sample."""
        pairs = self.plan.head == "classify"
        return run_sample(graph, self.folder, pairs=pairs, longest=self.plan.config.longest)

    def ranking(self, graph: Path) -> Any:
        """What a graph ranks by: float32 (n, d) vectors of passages; or logits, float64 (p,) for each query of the
        sample and then of the judged ones; None for a head that ranks nothing."""
        longest = self.plan.config.longest
        if self._ranks_pairs:
            judged = [(query.query, query.passages) for query in self.pairs.judged]
            return score_pairs(graph, self.folder, [*asked_of_sample(), *judged], longest=longest)
        if self.plan.head != "pool":
            return None
        texts, output = passages(sample_texts()), OUTPUTS["pool"]
        made = run_sample(graph, self.folder, pairs=False, longest=longest, texts=texts, output=output)
        return np.concatenate([each[output] for each in made])

    def check(self, reference: tuple[Any, Any], given: tuple[Any, Any]) -> dict[str, JSON]:
        """What was measured, from (outputs for the sample, `ranking`) of the fp32 and of the int8 graph.

        Raises:
            ModelError: it is too far from fp32.
        """
        measured = self._measured(reference, given)
        self.check_measured(measured)
        return measured

    def check_measured(self, found: Mapping[str, Any]) -> None:
        """Hold to this gate what was measured before: an export may have been made with another one.

        Raises:
            ModelError: it is too far from fp32.
            KeyError, TypeError: figures are missing, are none, or are of other judgements.
        """
        if self._ranks_pairs:
            PairRanked.from_json(found["ranking"]).check(self.pairs, "int8")
            if self.pairs.judged:
                _check_judged(found["judged"], self.pairs)
            return
        Parity.from_json(found).check(self.least_cosine, "int8")
        if self.plan.head == "pool":
            Ranked.from_json(found["ranking"]).check(self.least_ndcg, "int8")

    @property
    def _ranks_pairs(self) -> bool:
        return self.plan.head == "classify" and self.plan.config.labels == 1

    def _measured(self, reference: tuple[Any, Any], given: tuple[Any, Any]) -> dict[str, JSON]:
        if self._ranks_pairs:
            return self._measured_pairs(reference[1], given[1])
        near = parity(reference[0], given[0], OUTPUTS[self.plan.head]).to_json()
        return near if given[1] is None else near | {"ranking": ranked(reference[1], given[1]).to_json()}

    def _measured_pairs(self, reference: Any, given: Any) -> dict[str, JSON]:
        n = len(given) - len(self.pairs.judged)
        alike = compared(reference[:n], given[:n])
        near = Parity("correlation", alike.correlation, alike.correlation, alike.queries * alike.passages)
        found = near.to_json() | {"ranking": alike.to_json()}
        return found | {"judged": loss(reference[n:], given[n:], self.pairs.judged)} if self.pairs.judged else found


def _check_judged(found: Mapping[str, Any], gate: PairGate) -> None:
    if found["of"] != judged_digest(gate.judged):
        raise KeyError("of")
    check_loss(found, gate, "int8")

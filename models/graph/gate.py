"""The gate of an export's int8 graph: what it gives on samples is held to what the fp32 graph gives.

Which samples, and which measures, depends on the head: vectors by cosine and by the ranking of passages, scores of
pairs by correlation and by the rankings of queries' passages, hidden states by cosine alone.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spaniel.models.pair_ranking import PairGate, asked_of_sample, check_loss, compared, loss, score_pairs
from spaniel.models.parity import Parity, parity, run_sample, sample_texts
from spaniel.models.ranking import passages, ranked
from spaniel.retrieval.types import JSON

from .model import OUTPUTS, Plan

__all__ = ["Gate"]


@dataclass(frozen=True, slots=True)
class Gate:
    """What int8 has to pass.

    Attributes:
        tokenizer: tokenizer.json of the model.
        plan: of the graphs.
        least_cosine, least_ndcg: see `export`.
        pairs: for the head "classify".
    """

    tokenizer: Path
    plan: Plan
    least_cosine: float
    least_ndcg: float
    pairs: PairGate

    def sample(self, graph: Path) -> list[dict[str, Any]]:
        """All outputs of a graph for the texts of the sample."""
        pairs = self.plan.head == "classify"
        return run_sample(graph, self.tokenizer, pairs=pairs, longest=self.plan.config.longest)

    def ranking(self, graph: Path) -> Any:
        """What a graph ranks by: float32 (n, d) vectors of passages; or logits, float64 (p,) for each query of the
        sample and then of the judged ones; None for a head that ranks nothing."""
        longest = self.plan.config.longest
        if self.plan.head == "classify" and self.plan.config.labels == 1:
            judged = [(query.query, query.passages) for query in self.pairs.judged]
            return score_pairs(graph, self.tokenizer, [*asked_of_sample(), *judged], longest=longest)
        if self.plan.head != "pool":
            return None
        texts, output = passages(sample_texts()), OUTPUTS["pool"]
        made = run_sample(graph, self.tokenizer, pairs=False, longest=longest, texts=texts, output=output)
        return np.concatenate([each[output] for each in made])

    def check(self, reference: tuple[Any, Any], given: tuple[Any, Any]) -> dict[str, JSON]:
        """What was measured, from (outputs for the sample, `ranking`) of the fp32 and of the int8 graph.

        Raises:
            ModelError: it is too far from fp32.
        """
        if self.plan.head == "classify" and given[1] is not None:
            return self._checked_pairs(reference[1], given[1])
        near = parity(reference[0], given[0], OUTPUTS[self.plan.head])
        near.check(self.least_cosine, "int8")
        if given[1] is None:
            return near.to_json()
        alike = ranked(reference[1], given[1])
        alike.check(self.least_ndcg, "int8")
        return near.to_json() | {"ranking": alike.to_json()}

    def _checked_pairs(self, reference: Any, given: Any) -> dict[str, JSON]:
        n = len(given) - len(self.pairs.judged)
        alike = compared(reference[:n], given[:n])
        near = Parity("correlation", alike.correlation, alike.correlation, alike.queries * alike.passages)
        alike.check(self.pairs, "int8")
        found = near.to_json() | {"ranking": alike.to_json()}
        if not self.pairs.judged:
            return found
        lost = loss(reference[n:], given[n:], self.pairs.judged)
        check_loss(lost, self.pairs, "int8")
        return found | {"judged": lost}

"""BPR: passages become codes, queries stay vectors, and both are trained for the two steps of the search.

Yamada, Asai and Hajishirzi, "Efficient Passage Retrieval with Hashing for Open-domain Question Answering", ACL 2021.
With h the codes of `codes.py`, and all passages of the batch as candidates of every query:

    dense     -log softmax of q . h(p+) among q . h(p): the float query against codes, which ranks; with `pooled`, -log
              of the mass that all passages have which answer the query
    binary    mean over pairs (p+, other p) of max(0, margin - h(q) . h(p+) + h(q) . h(p)): codes against codes, which
              finds candidates by Hamming distance
    total     their sum, each with a factor of its own

Passages that answer a query although they stand in the batch for another are left out of both, which BPR does not do,
or pooled: where questions have many answers, one of them drawn at random is a poor thing to ask for alone.
"""

from typing import NamedTuple

from torch import Tensor, nn

from spaniel.retrieval.errors import InvalidInput

from .codes import hash_codes, steepness
from .in_batch import pooled_loss, softmax_loss
from .pairs import check_relevant, check_vectors, dot, mean_over

__all__ = ["BprLoss", "BprParts"]


class BprParts(NamedTuple):
    """Scalars: what is minimised, and what it is the sum of."""

    total: Tensor
    dense: Tensor
    binary: Tensor


class BprLoss(nn.Module):
    """Cross-entropy of queries against codes, and margin ranking of codes against codes.

    Args:
        margin: by how much codes of positives shall be nearer, as a dot product of D values between -1 and +1. The
            authors' program has 0.1, their paper 2; a turned bit is 2.
        anneal: how fast the tanh becomes a sign.
        straight_through: signs at once, with the tanh's gradient.
        scale: of the scores of `dense`. 1 for queries as they are in the paper; with queries of length 1 scores reach
            sqrt(D) at most, which for 384 dimensions is what a temperature of .05 does to cosines.
        binary_scale: of `binary`, after the margin; equal to `scale` the two terms weigh against one another as without
            either. 0 leaves it out.
        pooled: `dense` asks that some answer of the batch be found, whichever, not the own one alone.

    Raises:
        InvalidInput: a margin, annealing or binary_scale below 0, or a scale that is not above 0.
    """

    def __init__(
        self,
        margin: float = 0.1,
        anneal: float = 0.1,
        straight_through: bool = False,
        *,
        scale: float = 1.0,
        binary_scale: float = 1.0,
        pooled: bool = False,
    ) -> None:
        super().__init__()
        if not binary_scale >= 0:
            raise InvalidInput("BprLoss", f"binary_scale {binary_scale} must not be below 0")
        if not margin >= 0 or not scale > 0:
            raise InvalidInput("BprLoss", f"margin {margin} must not be below 0, scale {scale} must be above 0")
        steepness(0, anneal=anneal)
        self.margin, self.anneal, self.straight_through = margin, anneal, straight_through
        self.scale, self.binary_scale, self.pooled = scale, binary_scale, pooled

    def forward(
        self, query: Tensor, passage: Tensor, positive_of: Tensor, step: int, relevant: Tensor | None = None
    ) -> BprParts:
        """The losses of a batch.

        Args:
            query: (b, D), after the hash layer, without its bias.
            passage: (n, D), after the hash layer, with its bias: positives and negatives of all queries, in any order.
            positive_of: int64 (b,), the row in `passage` of each query's positive.
            step: of the optimiser, from 0.
            relevant: bool (b, n): which passages answer the query. None: only its own positive.

        Raises:
            InvalidInput: shapes or rows that do not fit.
        """
        check_vectors("BprLoss", query=query, passage=passage)
        positive_of = self._checked(positive_of, len(query), len(passage)).to(query.device)
        answers = check_relevant("BprLoss", relevant, (len(query), len(passage)), query.device)
        codes = self.codes(passage, step)
        scores = self.scale * dot(query, codes)
        answering = answers.scatter(1, positive_of[:, None], True)
        dense = pooled_loss(scores, answering) if self.pooled else softmax_loss(scores, positive_of, answers)
        near = dot(self.codes(query, step), codes)
        lacking = (self.margin - near.gather(1, positive_of[:, None]) + near).clamp(min=0)
        binary = self.binary_scale * mean_over(lacking, ~answering)
        return BprParts(dense + binary, dense, binary)

    def codes(self, x: Tensor, step: int) -> Tensor:
        """Codes at this step, as the loss takes them."""
        return hash_codes(x, step, anneal=self.anneal, straight_through=self.straight_through)

    def _checked(self, positive_of: Tensor, n_queries: int, n_passages: int) -> Tensor:
        rows = positive_of.long()
        if tuple(rows.shape) != (n_queries,) or (
            n_queries and not 0 <= int(rows.min()) <= int(rows.max()) < n_passages
        ):
            said = f"{tuple(rows.shape)} rows for {n_queries} queries, among {n_passages} passages"
            raise InvalidInput("BprLoss", f"positive_of has {said}; each query has one row from 0")
        return rows

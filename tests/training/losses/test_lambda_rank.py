"""LambdaRank: pairs of a ranking, weighted by what swapping them changes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.training.losses import ideal_gain, lambda_rank_loss, ranks_of


def slow(
    scores: list[float], grades: list[int], ranks: list[int], weight: str, cut: int | None, ideal: float | None
) -> tuple[float, int]:
    """The sum over pairs of one query, and their number."""

    def worth(rank: int) -> float:
        if cut is not None and rank > cut:
            return 0.0
        return 1 / rank if weight == "mrr" else 1 / math.log2(1 + rank)

    best = (
        sum(g / math.log2(2 + i) for i, g in enumerate(sorted(grades, reverse=True)[:cut])) if ideal is None else ideal
    )
    total, n = 0.0, 0
    for i in range(len(scores)):
        for j in range(len(scores)):
            if not (grades[i] > grades[j] if weight == "ndcg" else grades[i] > 0 and grades[j] == 0):
                continue
            change = 1.0 if weight == "none" else abs(worth(ranks[i]) - worth(ranks[j]))
            change *= (grades[i] - grades[j]) / best if weight == "ndcg" else 1
            total, n = total + change * math.log1p(math.exp(scores[j] - scores[i])), n + 1
    return total, n


lists = st.lists(st.tuples(st.floats(-3, 3), st.integers(0, 2), st.booleans()), min_size=6, max_size=6)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(lists, min_size=1, max_size=4),
    st.sampled_from(["mrr", "ndcg", "none"]),
    st.sampled_from([None, 1, 3]),
    st.sampled_from(["pairs", "positives"]),
)
def test_it_is_the_sum_over_pairs(rows: list, weight: str, cut: int | None, over: str) -> None:
    scores = torch.tensor([[one[0] for one in row] for row in rows], dtype=torch.float64)
    grades = torch.tensor([[one[1] for one in row] for row in rows])
    mask = torch.tensor([[one[2] for one in row] for row in rows])
    sums, counts, n_positives = [], [], 0
    for row in rows:
        kept = [(score, grade) for score, grade, there in row if there]
        total, n = slow([s for s, _ in kept], [g for _, g in kept], list(range(1, 7)), weight, cut, None)
        sums, counts = [*sums, total], [*counts, n]
        n_positives += sum(grade > 0 for _, grade in kept)
    means = [total / n for total, n in zip(sums, counts, strict=True) if n]
    expected = sum(means) / max(len(means), 1) if over == "pairs" else sum(sums) / max(n_positives, 1)
    found = lambda_rank_loss(scores, grades, weight=weight, cut=cut, mask=mask, over=over)
    assert found.item() == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_by_hand() -> None:
    scores, grades = torch.tensor([3.0, 2.0, 1.0]), torch.tensor([0, 2, 1])
    mrr = 0.5 * math.log1p(math.exp(1)) + (1 - 1 / 3) * math.log1p(math.exp(2))
    assert lambda_rank_loss(scores, grades).item() == pytest.approx(mrr / 2)
    d = [1 / math.log2(1 + rank) for rank in (1, 2, 3)]
    pairs = [2 * (d[0] - d[1]) * math.log1p(math.exp(1)), (d[0] - d[2]) * math.log1p(math.exp(2))]
    pairs.append((d[1] - d[2]) * math.log1p(math.exp(-1)))
    best = 2 * d[0] + d[1]
    assert lambda_rank_loss(scores, grades, weight="ndcg").item() == pytest.approx(sum(pairs) / 3 / best)
    assert ideal_gain(grades).item() == pytest.approx(best)
    assert ranks_of(scores).tolist() == [1, 2, 3]

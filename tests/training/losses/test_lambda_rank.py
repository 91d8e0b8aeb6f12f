"""LambdaRank: pairs of a ranking, weighted by what swapping them changes."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.retrieval.errors import InvalidInput
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


def test_a_batch_is_the_mean_of_its_rows_that_have_pairs() -> None:
    scores, grades = torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 0.0], [5.0, 1.0, 1.0]]), torch.tensor([[0, 1, 0]] * 3)
    grades[1] = 0
    one, three = (lambda_rank_loss(scores[row], grades[row]) for row in (0, 2))
    assert lambda_rank_loss(scores, grades).item() == pytest.approx(((one + three) / 2).item())


def test_places_are_ranks_unless_they_are_given() -> None:
    scores, grades = torch.tensor([1.0, 3.0, 2.0]), torch.tensor([1, 0, 0])
    sorted_ = lambda_rank_loss(torch.tensor([3.0, 2.0, 1.0]), torch.tensor([0, 0, 1]))
    assert lambda_rank_loss(scores, grades, ranks=ranks_of(scores)).item() == pytest.approx(sorted_.item())
    assert lambda_rank_loss(scores, grades).item() != pytest.approx(sorted_.item())


def test_ranks_break_ties_by_place() -> None:
    assert ranks_of(torch.tensor([1.0, 2.0, 2.0, 1.0])).tolist() == [3, 1, 2, 4]
    mask = torch.tensor([[True, False, True]])
    assert ranks_of(torch.tensor([[1.0, 9.0, 2.0]]), mask=mask).tolist() == [[2, 3, 1]]


def test_what_is_masked_may_be_anything() -> None:
    nothing = float("nan")
    scores = torch.tensor([[nothing, 1.0, nothing, 2.0, -math.inf]], requires_grad=True)
    mask, grades = torch.tensor([[False, True, False, True, False]]), torch.tensor([[1, 0, 2, 1, 0]])
    for weight in ("mrr", "ndcg", "none"):
        loss = lambda_rank_loss(scores, grades, mask=mask, weight=weight)  # type: ignore[arg-type]
        dense = lambda_rank_loss(torch.tensor([1.0, 2.0]), torch.tensor([0, 1]), weight=weight)  # type: ignore[arg-type]
        assert loss.item() == pytest.approx(dense.item())
        (gradient,) = torch.autograd.grad(loss, scores)
        assert gradient.isfinite().all() and (gradient != 0).tolist() == mask.tolist()


def test_ranks_behind_the_cut_are_worth_nothing() -> None:
    scores, grades = torch.tensor([4.0, 3.0, 2.0, 1.0]), torch.tensor([0, 0, 1, 0])
    expected = (1 * math.log1p(math.exp(2)) + 0 + 0) / 3  # only the swap with rank 1 changes anything
    assert lambda_rank_loss(scores, grades, cut=1).item() == pytest.approx(expected)
    assert lambda_rank_loss(scores, grades, cut=4).item() == pytest.approx(lambda_rank_loss(scores, grades).item())


def test_an_appended_positive_ranks_last() -> None:
    # Its score may be above others': it was not found, by codes or a graph; its place counts.
    scores, grades = torch.tensor([2.0, 1.0, 1.5]), torch.tensor([0, 0, 1])
    expected = ((1 - 1 / 3) * math.log1p(math.exp(0.5)) + (1 / 2 - 1 / 3) * math.log1p(math.exp(-0.5))) / 2
    assert lambda_rank_loss(scores, grades).item() == pytest.approx(expected)


def test_the_ideal_of_passages_that_are_not_there() -> None:
    scores, grades = torch.tensor([2.0, 1.0]), torch.tensor([0, 1])
    whole = ideal_gain(torch.tensor([[1, 1, 0]]))
    assert whole.item() == pytest.approx(1 + 1 / math.log2(3))
    less = lambda_rank_loss(scores, grades, weight="ndcg", ideal=whole)
    assert less.item() == pytest.approx(lambda_rank_loss(scores, grades, weight="ndcg").item() / whole.item())
    assert ideal_gain(torch.tensor([[3, 1, 2]]), cut=1).item() == 3
    assert ideal_gain(torch.tensor([[3, 1]]), mask=torch.tensor([[False, True]])).item() == 1


def test_weights_have_no_gradient() -> None:
    scores = torch.tensor([2.0, 1.0], dtype=torch.float64, requires_grad=True)
    lambda_rank_loss(scores, torch.tensor([0, 1])).backward()
    expected = 0.5 / (1 + math.exp(-1))
    assert scores.grad is not None and scores.grad.tolist() == pytest.approx([expected, -expected])


def test_bool_grades_and_grades_below_0() -> None:
    scores = torch.tensor([2.0, 1.0, 0.5])
    one = lambda_rank_loss(scores, torch.tensor([False, True, False]))
    assert one.item() == lambda_rank_loss(scores, torch.tensor([-1, 1, 0])).item()
    assert (
        lambda_rank_loss(scores, torch.tensor([-1, 1, 0]), weight="ndcg").item()
        == lambda_rank_loss(scores, torch.tensor([0, 1, 0]), weight="ndcg").item()
    )


@pytest.mark.parametrize("grades", [[0, 0, 0], [1, 1, 1]])
@pytest.mark.parametrize("weight", ["mrr", "ndcg", "none"])
@pytest.mark.parametrize("over", ["pairs", "positives"])
def test_nothing_relevant_or_nothing_else(grades: list[int], weight: str, over: str) -> None:
    scores = torch.tensor([3.0, 2.0, 1.0], requires_grad=True)
    loss = lambda_rank_loss(scores, torch.tensor(grades), weight=weight, over=over)  # type: ignore[arg-type]
    loss.backward()
    assert loss.item() == 0 and scores.grad is not None and not scores.grad.any()


def test_an_empty_ranking_and_an_empty_batch() -> None:
    assert lambda_rank_loss(torch.zeros(0), torch.zeros(0)).item() == 0
    assert lambda_rank_loss(torch.zeros(0, 3), torch.zeros(0, 3)).item() == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"weight": "map"}, "'map'; it is one of mrr, ndcg, none"),
        ({"over": "queries"}, "'queries'"),
        ({"cut": 0}, "cut is 0"),
        ({"scale": 0.0}, "scale is 0"),
        ({"grades": torch.zeros(2)}, r"grades has the shape \(2,\)"),
        ({"mask": torch.ones(1, 3, dtype=torch.bool)}, "mask"),
        ({"ranks": torch.ones(4)}, "ranks"),
    ],
)
def test_arguments_are_checked(given: dict, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        lambda_rank_loss(torch.zeros(3), given.pop("grades", torch.zeros(3)), **given)
    with pytest.raises(InvalidInput, match="scores have the shape"):
        lambda_rank_loss(torch.zeros(1, 1, 1), torch.zeros(1, 1, 1))

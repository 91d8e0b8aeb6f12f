"""BPR: codes with a gradient, cross-entropy on them, margins between them."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spaniel.index.dense.learned import packed, signs
from spaniel.retrieval.errors import InvalidInput
from spaniel.training.losses import BprLoss, hash_codes


def slow(
    query: Tensor, passage: Tensor, own: list[int], relevant: Tensor, margin: float, steep: float
) -> tuple[float, float]:
    """Cross-entropy and margin ranking, pair by pair."""

    def dot(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    codes = [[math.tanh(steep * x) for x in row] for row in passage.tolist()]
    dense, lacking = [], []
    for i, row in enumerate(query.tolist()):
        kept = [j for j in range(len(codes)) if j == own[i] or not relevant[i, j]]
        total = sum(math.exp(dot(row, codes[j])) for j in kept)
        dense.append(-math.log(math.exp(dot(row, codes[own[i]])) / total))
        code = [math.tanh(steep * x) for x in row]
        near = dot(code, codes[own[i]])
        lacking += [max(0.0, margin - near + dot(code, codes[j])) for j in kept if j != own[i]]
    mean = lambda values: sum(values) / len(values) if values else 0.0  # noqa: E731
    return mean(dense), mean(lacking)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4), st.integers(1, 6), st.integers(0, 1000), st.floats(0, 1), st.integers(0, 50))
def test_it_is_the_mean_over_pairs(b: int, n: int, seed: int, share: float, step: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    query, passage = (torch.randn(rows, 3, generator=generator, dtype=torch.float64) for rows in (b, n))
    own = torch.randint(n, (b,), generator=generator)
    relevant = torch.rand(b, n, generator=generator) < share
    parts = BprLoss(0.7)(query, passage, own, step, relevant)
    dense, binary = slow(query, passage, own.tolist(), relevant, 0.7, (1 + 0.1 * step) ** 0.5)
    assert parts.dense.item() == pytest.approx(dense, abs=1e-9)
    assert parts.binary.item() == pytest.approx(binary, abs=1e-9)
    assert parts.total.item() == pytest.approx(dense + binary, abs=1e-9)


def test_by_hand() -> None:
    query, passage = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    parts = BprLoss(0.5, straight_through=True)(query, passage, torch.tensor([0]), 0)
    assert parts.dense.item() == pytest.approx(math.log1p(math.exp(3 - 1)))  # 2 * 1 - 1 against 2 * 1 + 1
    assert parts.binary.item() == pytest.approx(0.5 - 0 + 2)  # codes of the query: + -
    assert parts.total.item() == pytest.approx(parts.dense.item() + parts.binary.item())
    half = BprLoss(0.5, straight_through=True, scale=0.5)(query, passage, torch.tensor([0]), 0)
    assert half.dense.item() == pytest.approx(math.log1p(math.exp(0.5 * (3 - 1)))) and half.binary == parts.binary


@pytest.mark.parametrize("straight", [True, False])
def test_each_term_has_a_factor_of_its_own(straight: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    query, passage = (torch.randn(n, 3, generator=draw, dtype=torch.float64, requires_grad=True) for n in (2, 4))
    own = torch.tensor([2, 0])
    plain = BprLoss(0.5, straight_through=straight)(query, passage, own, 5)
    made = BprLoss(0.5, straight_through=straight, scale=2.0, binary_scale=3.0)(query, passage, own, 5)
    assert made.dense != plain.dense and made.binary.item() == pytest.approx(3 * plain.binary.item())
    assert made.total.item() == pytest.approx((made.dense + made.binary).item())
    assert BprLoss(0.5, scale=2.0, binary_scale=0.0)(query, passage, own, 5).binary == 0
    by_two = [torch.autograd.grad(part, query, retain_graph=True)[0] for part in (made.dense, made.binary)]
    torch.testing.assert_close(torch.autograd.grad(made.total, query)[0], sum(by_two))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 4), st.integers(1, 6), st.integers(0, 1000), st.floats(0, 1), st.floats(0.1, 20))
def test_pooled_asks_for_the_mass_of_all_answers(b: int, n: int, seed: int, share: float, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    query, passage = (torch.randn(rows, 3, generator=generator, dtype=torch.float64) for rows in (b, n))
    query.requires_grad_()
    own = torch.randint(n, (b,), generator=generator)
    relevant = torch.rand(b, n, generator=generator) < share
    dense = BprLoss(scale=scale, binary_scale=0.0, pooled=True)(query, passage, own, 3, relevant).total
    codes, expected = torch.tanh(passage * 1.3**0.5).tolist(), []
    for row, answers, place in zip(query.tolist(), relevant.tolist(), own.tolist(), strict=True):
        scores = [scale * sum(x * y for x, y in zip(row, code, strict=True)) for code in codes]
        masses = [math.exp(score - max(scores)) for score in scores]
        found = sum(m for j, m in enumerate(masses) if answers[j] or j == place)
        expected.append(math.log(sum(masses)) - (math.log(found) if found else -math.inf))
    mean = sum(expected) / b if b else 0.0
    assert dense.item() == pytest.approx(mean, abs=1e-9)
    assert torch.isfinite(torch.autograd.grad(dense, query)[0]).all()


def test_pooled_with_one_answer_each_is_the_softmax() -> None:
    draw = torch.Generator().manual_seed(0)
    query, passage, own = torch.randn(3, 4, generator=draw), torch.randn(5, 4, generator=draw), torch.tensor([4, 0, 2])
    one, pooled = (BprLoss(pooled=each)(query, passage, own, 2) for each in (False, True))
    torch.testing.assert_close(pooled.dense, one.dense)
    assert pooled.binary == one.binary


def test_a_margin_that_is_kept_costs_nothing() -> None:
    query, passage = torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    near = BprLoss(2.0, straight_through=True)(query, passage, torch.tensor([0]), 0)
    assert near.binary.item() == 0  # 2 against 0: a turned bit is 2
    far = BprLoss(2.5, straight_through=True)(query, passage, torch.tensor([0]), 0)
    assert far.binary.item() == pytest.approx(0.5)


def test_codes_become_signs() -> None:
    x = torch.tensor([0.5, -0.5])
    assert hash_codes(x, 0).tolist() == pytest.approx([math.tanh(0.5), -math.tanh(0.5)])
    assert hash_codes(x, 240).tolist() == pytest.approx([math.tanh(2.5), -math.tanh(2.5)])
    assert hash_codes(x, 240, anneal=0.0).tolist() == hash_codes(x, 0).tolist()
    distances = [(hash_codes(x, step) - x.sign()).abs().max().item() for step in (0, 10, 100, 1000, 10_000)]
    assert distances == sorted(distances, reverse=True) and distances[-1] < 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_straight_through_gives_signs_and_the_gradient_of_tanh(dtype: torch.dtype) -> None:
    x = torch.tensor([-3.0, -0.1, 0.0, 1e-9, 0.7, 20.0], dtype=dtype, requires_grad=True)
    codes = hash_codes(x, 30, straight_through=True)
    assert codes.dtype == dtype and codes.tolist() == [-1, -1, 1, 1, 1, 1]
    (hard,) = torch.autograd.grad(codes.sum(), x)
    (soft,) = torch.autograd.grad(hash_codes(x, 30).sum(), x)
    assert torch.equal(hard, soft)


def test_signs_are_those_of_the_index() -> None:
    x = np.random.default_rng(0).standard_normal((5, 16)).astype(np.float32)
    x[0, :3] = (0.0, -0.0, 1e-30)
    found = hash_codes(torch.tensor(x), 0, straight_through=True)
    assert np.array_equal(found.numpy(), signs(packed(x)))


@pytest.mark.parametrize("given", [{"step": -1}, {"step": 0, "anneal": -0.1}, {"step": 0, "anneal": math.nan}])
def test_steps_do_not_go_back(given: dict) -> None:
    with pytest.raises(InvalidInput, match="must not be below 0"):
        hash_codes(torch.zeros(1), **given)


@pytest.mark.parametrize(
    ("own", "relevant", "said"),
    [
        ([0, 1, 2], None, r"\(3,\) rows for 2 queries"),
        ([0, 3], None, "among 3 passages"),
        ([0, -1], None, "among 3 passages"),
        ([0, 1], torch.ones(2, 2, dtype=torch.bool), "relevant"),
    ],
)
def test_rows_are_checked(own: list[int], relevant: Tensor | None, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        BprLoss()(torch.zeros(2, 4), torch.zeros(3, 4), torch.tensor(own), 0, relevant)


@pytest.mark.parametrize("given", [{"margin": -1.0}, {"scale": 0.0}, {"anneal": -1.0}, {"binary_scale": -1.0}])
def test_settings_are_checked(given: dict) -> None:
    with pytest.raises(InvalidInput):
        BprLoss(**given)

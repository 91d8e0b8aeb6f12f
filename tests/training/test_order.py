"""Order of examples and learning rates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.training.events import Pace
from spaniel.training.order import batches_of, n_batches


@given(st.integers(1, 300), st.integers(1, 64), st.integers(0, 5), st.integers(0, 5))
def test_an_epoch_has_every_example_once_in_batches_of_like_size(n: int, batch: int, seed: int, epoch: int) -> None:
    batches = batches_of(n, batch, seed=seed, epoch=epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(n))
    sizes = [len(one) for one in batches]
    assert len(batches) == n_batches(n, batch)
    assert max(sizes) <= batch
    assert max(sizes) - min(sizes) <= 1


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate(batches_of(50, 8, seed=seed, epoch=epoch)).tolist()

    assert order(3, 1) == order(3, 1)
    assert len({tuple(order(seed, epoch)) for seed in range(3) for epoch in range(3)}) == 9
    # Checkpoints of one release are resumed by another: the order must not change between them.
    assert order(0, 0)[:8] == ORDER_0_0


ORDER_0_0 = [18, 23, 36, 4, 2, 3, 34, 24]


@given(st.integers(1, 500), st.floats(0, 1))
def test_rates_rise_then_fall(n_steps: int, warmup: float) -> None:
    schedule = pytest.importorskip("spaniel.training.schedule", reason="the extra train is not installed")
    rates = [schedule.rate_factor(step, n_steps, warmup) for step in range(n_steps)]
    assert all(0 < rate <= 1 for rate in rates)
    assert max(rates) == 1
    top = rates.index(1.0)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


def test_rates_by_hand() -> None:
    schedule = pytest.importorskip("spaniel.training.schedule", reason="the extra train is not installed")
    assert [schedule.rate_factor(step, 6, 1 / 3) for step in range(6)] == [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    assert [schedule.rate_factor(step, 2, 0.0) for step in range(2)] == [1.0, 0.5]


def test_pace() -> None:
    pace = Pace()
    assert (pace.examples_per_s, pace.eta_s(10, 1)) == (0.0, 0.0)
    pace.stepped(2.0, 4)
    assert (pace.examples_per_s, pace.eta_s(10, 1)) == (2.0, 5.0)
    pace.evaluated(3.0)
    pace.evaluated(5.0)
    assert pace.eta_s(10, 2) == 5.0 + 8.0
    pace.stepped(4.0, 4)
    assert pace.examples_per_s == pytest.approx(1 / 0.55)
